//! Certificate authorities of a cluster: create, describe, list, activate, delete.
//!
//! Until there is another one the cluster's own has no resource: it is read from the cluster's status.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::jiff::Timestamp;
use kube::{Resource, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use x509_parser::pem::parse_x509_pem;

use super::ready::not_active;
use super::token::Stamp;
use super::updates::{Target, idle};
use super::{RequestContext, updates};
use crate::convert::cluster::wire_status as cluster_status;
use crate::convert::member::created;
use crate::convert::update::{self, Change};
use crate::error::EksError;
use crate::rules::{Verdict, certificate_authority as rules, check};
use aws::error::{ApiError, ErrorCode};
use crd::certificate_authority::CertificateAuthoritySpec;
use crd::names::Identity;
use crd::update::{Update, UpdateParam, UpdateSpec};
use crd::{CertificateAuthority, EKSClusterConfig, Member, MemberPhase, keys, member};
use store::identity;

/// On a resource: when it was last made the one that signs, RFC 3339.
const ACTIVATED: &str = "k3eks.io/activated-at";
/// Type of the updates.
const TYPE: &str = "CertificateAuthorityUpdate";

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ById {
    cluster_name: String,
    certificate_authority_id: String,
    #[serde(skip_serializing)]
    client_request_token: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InCluster {
    cluster_name: String,
    #[serde(skip_serializing)]
    client_request_token: Option<String>,
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
            // One that never ends says the last second of the year 9999, which is none here.
            Timestamp::from_second(at.timestamp()).unwrap_or(Timestamp::MAX).to_string()
        };
        Some(Self {
            pem: STANDARD.encode(pem),
            not_before: time(validity.not_before),
            not_after: time(validity.not_after),
        })
    }
}

/// The one in use, while it has no resource.
struct InUse {
    id: String,
    certificate: Certificate,
}

impl InUse {
    fn of(cluster: &EKSClusterConfig) -> Option<Self> {
        let status = cluster.status.as_ref()?.certificate_authority.as_ref()?;
        if status.signer.is_some() {
            return None;
        }
        let certificate = Certificate::read(&STANDARD.decode(&status.data).ok()?)?;
        Some(Self { id: CertificateAuthority::first_id(cluster), certificate })
    }

    fn summary(&self) -> Value {
        let since = &self.certificate.not_before;
        json!({"id": self.id, "createdAt": since, "createdBy": "EKS", "activatedAt": since, "activatedBy": "EKS",
            "signingStatus": "IN_USE", "distributionStatus": "COMPLETE"})
    }
}

fn summary(cluster: &EKSClusterConfig, authority: &CertificateAuthority) -> Value {
    let phase = authority.status.as_ref().map(|s| s.phase).unwrap_or_default();
    let distribution = match phase {
        _ if authority.metadata.deletion_timestamp.is_some() => "DELETING",
        MemberPhase::Active => "COMPLETE",
        MemberPhase::Failed | MemberPhase::Degraded | MemberPhase::UpdateFailed => "FAILED",
        MemberPhase::Creating | MemberPhase::Updating => "IN_PROGRESS",
    };
    let by = if authority.is_first() { "EKS" } else { "CUSTOMER" };
    let since = if authority.is_first() { created(cluster.meta()) } else { created(authority.meta()) };
    let mut summary = json!({"id": authority.eks_name(), "createdAt": since, "createdBy": by,
        "signingStatus": signing(cluster, authority), "distributionStatus": distribution});
    if authority.is_first() {
        (summary["activatedAt"], summary["activatedBy"]) = (json!(since), by.into());
    } else if let Some(at) = authority.annotations().get(ACTIVATED) {
        (summary["activatedAt"], summary["activatedBy"]) = (at.as_str().into(), by.into());
    }
    summary
}

fn signing(cluster: &EKSClusterConfig, authority: &CertificateAuthority) -> &'static str {
    let status = cluster.status.as_ref().and_then(|status| status.certificate_authority.as_ref());
    let name = Some(authority.name_any());
    if status.is_some_and(|status| status.signer == name) {
        "IN_USE"
    } else if cluster.spec.certificate_authority == name {
        "ACTIVATING"
    } else {
        "NOT_USED"
    }
}

fn detailed(mut summary: Value, certificate: Option<&Certificate>) -> Value {
    summary["validity"] = json!(certificate.map(|c| json!({"notBefore": c.not_before, "notAfter": c.not_after})));
    summary["data"] = json!(certificate.map(|c| &c.pem));
    // Whoever isn't trusted any more can't be gone back to, and has no resource.
    summary["rollbackAvailable"] = json!(summary["signingStatus"] == "NOT_USED" && !summary["activatedAt"].is_null());
    json!({"certificateAuthority": summary})
}

fn missing(input: &ById) -> ApiError {
    let text = format!("No certificate authority found with id: {}", input.certificate_authority_id);
    ApiError::resource_not_found(text).cluster(&input.cluster_name)
}

fn find(cx: &RequestContext, cluster: &EKSClusterConfig, input: &ById) -> Result<Arc<CertificateAuthority>, ApiError> {
    let found = cx.state.store.member::<CertificateAuthority>(cluster, &input.certificate_authority_id);
    found.ok_or_else(|| missing(input))
}

pub(super) async fn create(cx: RequestContext, request: InCluster) -> Result<Value, ApiError> {
    let store = &cx.state.store;
    let named = |error: ApiError| error.cluster(&request.cluster_name);
    let operation = "CreateCertificateAuthority";
    let stamp = Stamp::new(operation, &cx.caller, request.client_request_token.as_deref(), &request)?;
    let cluster = store.cluster(&cx.caller, &request.cluster_name)?;
    let _lock = cx.state.lock_cluster(identity(&cx.caller, &request.cluster_name)).await;
    let all = store.members::<CertificateAuthority>(&cluster);
    if let Some(found) = all.iter().find(|authority| stamp.made(&***authority)) {
        let update = record(&cx, &cluster, found, &stamp).await?;
        return Ok(json!({"update": update, "certificateAuthority": summary(&cluster, found)}));
    }
    // While none that has a resource signs, what the cluster was made with counts beside those that were made.
    let made = all.iter().filter(|authority| !authority.is_first()).count();
    let signs = cluster.status.as_ref().and_then(|s| s.certificate_authority.as_ref()).and_then(|s| s.signer.as_ref());
    let count = if signs.is_some() { all.len() } else { made + 1 };
    let status = cluster_status(&cluster, false);
    let facts = rules::Cluster { status, not_active: &not_active(&cluster), authorities: count };
    check(rules::CREATE, &facts, &()).map_err(named)?;
    idle(&cx.state.store, &cluster, &Target::default(), TYPE)?;
    let mut authority = CertificateAuthority::new(
        "",
        CertificateAuthoritySpec { cluster_name: cluster.name_any(), ..CertificateAuthoritySpec::default() },
    );
    // One at a time is made, and its name goes with it.
    let unique = Timestamp::now().as_millisecond().to_string();
    authority.metadata = member::metadata(&cluster, "certificate-authority", &format!("ca-{unique}"));
    authority.metadata.annotations = Some(stamp.annotations());
    let made = store.create(&authority).await.map_err(|error| named(error.into()))?;
    let update = record(&cx, &cluster, &made, &stamp).await?;
    Ok(json!({"update": update, "certificateAuthority": summary(&cluster, &made)}))
}

/// The update that follows the making of a certificate authority, or its deletion.
async fn record(
    cx: &RequestContext,
    cluster: &EKSClusterConfig,
    made: &CertificateAuthority,
    stamp: &Stamp,
) -> Result<Value, ApiError> {
    let id = made.eks_name();
    let spec = UpdateSpec {
        cluster_name: cluster.name_any(),
        type_: TYPE.into(),
        params: vec![UpdateParam { type_: "CertificateAuthorityId".into(), value: id.clone() }],
        certificate_authority_id: Some(id),
        ..UpdateSpec::default()
    };
    let mut update = Update::of(made, cluster, spec);
    update.metadata.annotations = Some(stamp.annotations());
    Ok(update::describe(&*updates::make(&cx.state.store, update).await?))
}

pub(super) async fn describe(cx: RequestContext, input: ById) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    if let Some(own) = InUse::of(&cluster).filter(|own| own.id == input.certificate_authority_id) {
        return Ok(detailed(own.summary(), Some(&own.certificate)));
    }
    let found = find(&cx, &cluster, &input)?;
    let pem = found.annotations().get(keys::ANNOTATION_CERTIFICATE);
    Ok(detailed(summary(&cluster, &found), pem.and_then(|pem| Certificate::read(pem.as_bytes())).as_ref()))
}

pub(super) async fn list(cx: RequestContext, input: InCluster) -> Result<Value, ApiError> {
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    let made = cx.state.store.members::<CertificateAuthority>(&cluster);
    let own = InUse::of(&cluster).map(|own| own.summary());
    let all = own.into_iter().chain(made.iter().filter(|one| shown(&cluster, one)).map(|one| summary(&cluster, one)));
    let page = cx.page(all.collect(), |authority| authority["id"].as_str().unwrap_or_default().to_owned());
    Ok(json!({"certificateAuthorities": page.items, "nextToken": page.next_token}))
}

/// What the cluster was made with is shown once: from its status, or as the resource.
fn shown(cluster: &EKSClusterConfig, authority: &CertificateAuthority) -> bool {
    !(authority.is_first() && InUse::of(cluster).is_some())
}

/// Only what all trust can sign.
pub(super) async fn activate(cx: RequestContext, input: ById) -> Result<Value, ApiError> {
    let stamp = Stamp::new("ActivateCertificateAuthority", &cx.caller, input.client_request_token.as_deref(), &input)?;
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    let id = &input.certificate_authority_id;
    if let Some(own) = InUse::of(&cluster).filter(|own| own.id == *id) {
        judge(rules::ACTIVATE, id, &own.summary(), None).map_err(|error| error.cluster(&input.cluster_name))?;
    }
    let found = find(&cx, &cluster, &input)?;
    let (name, fresh) = (found.name_any(), signing(&cluster, &found) == "NOT_USED");
    let params = vec![UpdateParam { type_: "CertificateAuthorityId".into(), value: id.clone() }];
    let request = updates::Request { cluster: &cluster, target: Target::default(), object: &cluster, stamp };
    let mut answer = request
        .begin(&cx, |cluster| {
            let issue = found.status.as_ref().and_then(|s| s.issues.first()).map(|issue| issue.message.as_str());
            judge(rules::ACTIVATE, &found.eks_name(), &summary(cluster, &found), issue)?;
            cluster.spec.certificate_authority = Some(name.clone());
            Ok(Change { kind: TYPE, params: params.clone() })
        })
        .await
        // This operation has no other exception for it.
        .map_err(|error| match error.code() {
            ErrorCode::RESOURCE_IN_USE | ErrorCode::INVALID_REQUEST => error.with_code(ErrorCode::INVALID_PARAMETER),
            _ => error,
        })?;
    answer["certificateAuthority"] = summary(&cluster, &found);
    // Not where the same request came again.
    if fresh {
        let now = Timestamp::now().to_string();
        let noted = cx.state.store.change(&found, |found| {
            found.annotations_mut().insert(ACTIVATED.to_owned(), now.clone());
            Ok::<(), ApiError>(())
        });
        answer["certificateAuthority"] = summary(&cluster, &noted.await?.0);
        answer["certificateAuthority"]["signingStatus"] = "ACTIVATING".into();
    }
    Ok(answer)
}

/// What the rules say of a certificate authority that answers would describe so.
fn judge(
    all: &[fn(&rules::Found<'_>, &()) -> Verdict],
    id: &str,
    summary: &Value,
    issue: Option<&str>,
) -> Result<(), ApiError> {
    let text = |member: &str| summary[member].as_str().unwrap_or_default();
    let found = rules::Found { id, signing: text("signingStatus"), distribution: text("distributionStatus"), issue };
    check(all, &found, &())
}

pub(super) async fn delete(cx: RequestContext, input: ById) -> Result<Value, ApiError> {
    let stamp = Stamp::new("DeleteCertificateAuthority", &cx.caller, input.client_request_token.as_deref(), &input)?;
    let cluster = cx.state.store.cluster(&cx.caller, &input.cluster_name)?;
    let id = &input.certificate_authority_id;
    let _lock = cx.state.lock_cluster(identity(&cx.caller, &input.cluster_name)).await;
    if let Some(update) = updates::made_by(&cx.state.store, &cluster, &Target::default(), &stamp) {
        let gone = json!({"id": id, "signingStatus": "NOT_USED", "distributionStatus": "DELETING"});
        return Ok(json!({"update": update::describe(&update), "certificateAuthority": gone}));
    }
    let named = |error: ApiError| error.cluster(&Identity::of(&cluster).name);
    if let Some(own) = InUse::of(&cluster).filter(|own| own.id == *id) {
        judge(rules::DELETE, id, &own.summary(), None).map_err(named)?;
    }
    let found = find(&cx, &cluster, &input)?;
    judge(rules::DELETE, id, &summary(&cluster, &found), None).map_err(named)?;
    idle(&cx.state.store, &cluster, &Target::default(), TYPE)?;
    let mut summary = summary(&cluster, &found);
    summary["distributionStatus"] = "DELETING".into();
    cx.state.store.delete(&found).await?;
    let mut last = CertificateAuthority::clone(&found);
    last.metadata.generation = last.metadata.generation.map(|generation| generation + 1);
    Ok(json!({"update": record(&cx, &cluster, &last, &stamp).await?, "certificateAuthority": summary}))
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
