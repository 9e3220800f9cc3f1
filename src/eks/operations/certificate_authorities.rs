//! Certificate authorities of a cluster: create, describe, list, activate, delete.
//!
//! The one in use is the cluster's own, read from its status; others are resources.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::{Resource, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use x509_parser::pem::parse_x509_pem;

use super::token::Stamp;
use super::updates::{Target, under_way};
use super::{Api, Cx, updates};
use crate::crd::certificate_authority::CertificateAuthoritySpec;
use crate::crd::names::{Identity, digest};
use crate::crd::update::{Update, UpdateParam, UpdateSpec};
use crate::crd::{CertificateAuthority, EKSClusterConfig, Member, MemberPhase, member};
use crate::eks::convert::cluster::wire_status as cluster_status;
use crate::eks::convert::member::created;
use crate::eks::convert::update;
use crate::eks::error::ApiError;
use crate::eks::registry::Registry;
use crate::eks::store::StoreError;

/// Certificate authorities of one cluster: the one in use, and one beside it.
const LIMIT: usize = 2;
/// Type of the updates.
const TYPE: &str = "CertificateAuthorityUpdate";

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct ById {
    cluster_name: String,
    certificate_authority_id: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct InCluster {
    cluster_name: String,
    #[serde(skip_serializing)]
    client_request_token: Option<String>,
}

pub(super) fn register(registry: Registry<Api>) -> Registry<Api> {
    registry
        .on("CreateCertificateAuthority", create)
        .on("DescribeCertificateAuthority", describe)
        .on("ListCertificateAuthorities", list)
        .on("ActivateCertificateAuthority", activate)
        .on("DeleteCertificateAuthority", delete)
}

/// What a certificate says.
struct Certificate {
    pem: String,
    not_before: String,
    not_after: String,
}

impl Certificate {
    fn read(pem: &[u8]) -> Option<Self> {
        let (_, parsed) = parse_x509_pem(pem).ok()?;
        let validity = parsed.parse_x509().ok()?.validity().clone();
        let time = |at: x509_parser::time::ASN1Time| {
            chrono::DateTime::from_timestamp(at.timestamp(), 0).map(|t| t.to_rfc3339())
        };
        Some(Self {
            pem: STANDARD.encode(pem),
            not_before: time(validity.not_before)?,
            not_after: time(validity.not_after)?,
        })
    }
}

/// The one in use.
struct InUse {
    id: String,
    certificate: Certificate,
}

impl InUse {
    fn of(cluster: &EKSClusterConfig) -> Option<Self> {
        let data = &cluster.status.as_ref()?.certificate_authority.as_ref()?.data;
        let certificate = Certificate::read(&STANDARD.decode(data).ok()?)?;
        Some(Self { id: format!("ca-{}", &digest(&["certificate authority", data])[..16]), certificate })
    }

    fn summary(&self) -> Value {
        let since = &self.certificate.not_before;
        json!({"id": self.id, "createdAt": since, "createdBy": "EKS", "activatedAt": since, "activatedBy": "EKS",
            "signingStatus": "IN_USE", "distributionStatus": "COMPLETE"})
    }
}

fn summary(authority: &CertificateAuthority) -> Value {
    let phase = authority.status.as_ref().map(|s| s.phase).unwrap_or_default();
    let distribution = match phase {
        _ if authority.metadata.deletion_timestamp.is_some() => "DELETING",
        MemberPhase::Active => "COMPLETE",
        MemberPhase::Failed | MemberPhase::Degraded => "FAILED",
        MemberPhase::Creating | MemberPhase::Updating => "IN_PROGRESS",
    };
    json!({"id": authority.eks_name(), "createdAt": created(authority.meta()), "createdBy": "CUSTOMER",
        "signingStatus": "NOT_USED", "distributionStatus": distribution})
}

fn detailed(mut summary: Value, certificate: Option<&Certificate>) -> Value {
    summary["validity"] = json!(certificate.map(|c| json!({"notBefore": c.not_before, "notAfter": c.not_after})));
    summary["data"] = json!(certificate.map(|c| &c.pem));
    summary["rollbackAvailable"] = json!(false);
    json!({"certificateAuthority": summary})
}

fn missing(input: &ById) -> ApiError {
    let text = format!("No certificate authority found with id: {}", input.certificate_authority_id);
    ApiError::resource_not_found(text).cluster(&input.cluster_name)
}

fn find(cx: &Cx, cluster: &EKSClusterConfig, input: &ById) -> Result<Arc<CertificateAuthority>, ApiError> {
    let found = cx.state.store.member::<CertificateAuthority>(cluster, &input.certificate_authority_id);
    found.ok_or_else(|| missing(input))
}

async fn create(cx: Cx, request: InCluster) -> Result<Value, ApiError> {
    let store = &cx.state.store;
    let named = |error: ApiError| error.cluster(&request.cluster_name);
    let operation = "CreateCertificateAuthority";
    let stamp = Stamp::new(operation, &cx.caller, request.client_request_token.as_deref(), &request)?;
    let cluster = store.cluster(&cx.caller, &request.cluster_name)?;
    let _turn = cx.state.turn.lock().await;
    let all = store.members::<CertificateAuthority>(&cluster);
    if let Some(found) = all.iter().find(|authority| stamp.made(&***authority)) {
        return Ok(json!({"update": record(&cx, &cluster, found).await?, "certificateAuthority": summary(found)}));
    }
    if all.len() + 1 >= LIMIT {
        let text = format!("A cluster can have at most {LIMIT} certificate authorities");
        return Err(named(ApiError::limit_exceeded(text)));
    }
    if !matches!(cluster_status(&cluster, false), "ACTIVE" | "UPDATING") {
        let text = format!("Cluster '{}' is not in ACTIVE status", request.cluster_name);
        return Err(named(ApiError::invalid_parameter(text)));
    }
    if let Some(other) = under_way(store, &cluster, &Target::default()) {
        let (name, id) = (&request.cluster_name, other.name_any());
        let text = format!("Cannot {TYPE} because cluster {name} currently has update {id} in progress");
        return Err(named(ApiError::resource_in_use(text)));
    }
    let mut authority = CertificateAuthority::new("", CertificateAuthoritySpec { cluster_name: cluster.name_any() });
    // One at a time is made, and its name goes with it.
    let unique = chrono::Utc::now().timestamp_millis().to_string();
    authority.metadata = member::metadata(&cluster, "certificate-authority", &format!("ca-{unique}"));
    authority.metadata.annotations = Some(stamp.annotations());
    let made = store.create(&authority).await.map_err(|error| named(error.into()))?;
    Ok(json!({"update": record(&cx, &cluster, &made).await?, "certificateAuthority": summary(&made)}))
}

/// The update that follows the making of a certificate authority.
async fn record(cx: &Cx, cluster: &EKSClusterConfig, made: &CertificateAuthority) -> Result<Value, ApiError> {
    let id = made.eks_name();
    let spec = UpdateSpec {
        cluster_name: cluster.name_any(),
        type_: TYPE.into(),
        params: vec![UpdateParam { type_: "CertificateAuthorityId".into(), value: id.clone() }],
        certificate_authority_id: Some(id),
        ..UpdateSpec::default()
    };
    let update = Update::of(made, cluster, spec);
    match cx.state.store.create(&update).await {
        Ok(update) => Ok(update::describe(&update)),
        Err(StoreError::Exists) => Ok(update::describe(&update)),
        Err(error) => Err(error.into()),
    }
}

async fn describe(cx: Cx, input: ById) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    if let Some(own) = InUse::of(&cluster).filter(|own| own.id == input.certificate_authority_id) {
        return Ok(detailed(own.summary(), Some(&own.certificate)));
    }
    let found = find(&cx, &cluster, &input)?;
    let namespace = found.namespace().unwrap_or_default();
    let pem = cx.state.store.secret(&namespace, &found.secret_name(), "tls.crt").await?;
    Ok(detailed(summary(&found), pem.and_then(|pem| Certificate::read(&pem)).as_ref()))
}

async fn list(cx: Cx, input: InCluster) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    let made = cx.state.store.members::<CertificateAuthority>(&cluster);
    let all =
        InUse::of(&cluster).map(|own| own.summary()).into_iter().chain(made.iter().map(|authority| summary(authority)));
    let page = cx.page(all.collect(), |authority| authority["id"].as_str().unwrap_or_default().to_owned());
    Ok(json!({"certificateAuthorities": page.items, "nextToken": page.next_token}))
}

/// Only what the cluster's nodes trust can sign for them.
async fn activate(cx: Cx, input: ById) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    let id = &input.certificate_authority_id;
    let refuse = |text: String| Err(ApiError::invalid_parameter(text).cluster(&input.cluster_name));
    if InUse::of(&cluster).is_some_and(|own| own.id == *id) {
        return refuse(format!("Certificate authority {id} is in use already"));
    }
    let found = find(&cx, &cluster, &input)?;
    let status = summary(&found)["distributionStatus"].as_str().unwrap_or_default().to_owned();
    let why = found.status.as_ref().and_then(|s| s.issues.first()).map(|issue| issue.message.clone());
    refuse(format!(
        "Certificate authority {id} can not be activated: its distribution status is {status}, not COMPLETE: {}",
        why.unwrap_or_default()
    ))
}

async fn delete(cx: Cx, input: ById) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    let id = &input.certificate_authority_id;
    if InUse::of(&cluster).is_some_and(|own| own.id == *id) {
        let text = format!("Certificate authority {id} is in use and can not be deleted");
        return Err(ApiError::resource_in_use(text).cluster(&Identity::of(&cluster).name));
    }
    let found = find(&cx, &cluster, &input)?;
    cx.state.store.delete(&found).await?;
    let params = vec![UpdateParam { type_: "CertificateAuthorityId".into(), value: id.clone() }];
    let update = updates::done_by_deletion(&cx, &cluster, &*found, TYPE, params).await?;
    Ok(json!({"update": update}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_in_use_is_the_cluster_s_own() {
        let pem = rcgen::generate_simple_self_signed(["kubernetes".to_owned()]).unwrap().cert.pem();
        let mut cluster = EKSClusterConfig::default();
        assert!(InUse::of(&cluster).is_none());
        let status = json!({"certificateAuthority": {"data": STANDARD.encode(&pem)}});
        cluster.status = Some(serde_json::from_value(status).unwrap());
        let own = InUse::of(&cluster).unwrap();
        let told = detailed(own.summary(), Some(&own.certificate));
        let told = &told["certificateAuthority"];
        assert_eq!(
            (told["signingStatus"].as_str(), told["data"].as_str()),
            (Some("IN_USE"), Some(&*STANDARD.encode(&pem)))
        );
        assert!(told["validity"]["notBefore"].as_str() < told["validity"]["notAfter"].as_str());
    }
}
