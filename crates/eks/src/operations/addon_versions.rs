//! What addons there are: DescribeAddonVersions, DescribeAddonConfiguration.

use serde::Deserialize;
use serde_json::{Value, json};

use super::RequestContext;
use crate::error::EksError;
use aws::error::ApiError;
use crd::addon_catalogue::{self, Offer, OfferedVersion, PodIdentity};

/// Who publishes all of them.
const PUBLISHER: &str = "eks";

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Filter {
    kubernetes_version: Option<String>,
    addon_name: Option<String>,
    types: Vec<String>,
    publishers: Vec<String>,
    owners: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfVersion {
    addon_name: String,
    addon_version: String,
}

impl Filter {
    fn lets_through(&self, offer: &Offer) -> bool {
        let within = |list: &[String], value: &str| list.is_empty() || list.iter().any(|wanted| wanted == value);
        self.addon_name.as_ref().is_none_or(|name| *name == offer.name)
            && within(&self.types, &offer.type_)
            && within(&self.publishers, PUBLISHER)
            && within(&self.owners, &offer.owner)
    }
}

pub(super) async fn versions(cx: RequestContext, filter: Filter) -> Result<Value, ApiError> {
    let wanted = filter.kubernetes_version.as_ref();
    let known = cx.state.settings.versions.iter().filter(|version| wanted.is_none_or(|w| *w == **version));
    let known: Vec<&str> = known.map(String::as_str).collect();
    let offers = addon_catalogue::all().iter().filter(|offer| filter.lets_through(offer));
    let all: Vec<Value> = offers.filter_map(|offer| describe(offer, &known)).collect();
    let page = cx.page(all, |addon| addon["addonName"].as_str().unwrap_or_default().to_owned());
    Ok(json!({"addons": page.items, "nextToken": page.next_token}))
}

/// What there is for these versions of Kubernetes; `None` if there is nothing.
fn describe(offer: &Offer, kubernetes: &[&str]) -> Option<Value> {
    let versions: Vec<Value> = offer.versions.iter().filter_map(|v| describe_version(offer, v, kubernetes)).collect();
    (!versions.is_empty()).then(|| {
        json!({
            "addonName": offer.name,
            "type": offer.type_,
            "publisher": PUBLISHER,
            "owner": offer.owner,
            "defaultNamespace": offer.namespace,
            "addonVersions": versions,
        })
    })
}

fn describe_version(offer: &Offer, version: &OfferedVersion, kubernetes: &[&str]) -> Option<Value> {
    let fits = kubernetes.iter().filter(|k| version.fits(k));
    let compatibilities: Vec<Value> = fits
        .map(|k| json!({"clusterVersion": k, "platformVersions": ["*"], "defaultVersion": version.is_default(k)}))
        .collect();
    (!compatibilities.is_empty()).then(|| {
        json!({
            "addonVersion": version.version,
            "architecture": ["amd64", "arm64"],
            "computeTypes": ["ec2"],
            "compatibilities": compatibilities,
            "requiresConfiguration": false,
            "requiresIamPermissions": offer.requires_iam,
        })
    })
}

pub(super) async fn configuration(_: RequestContext, input: OfVersion) -> Result<Value, ApiError> {
    let OfVersion { addon_name, addon_version } = &input;
    let found = addon_catalogue::find(addon_name);
    let found = found.filter(|offer| offer.versions.iter().any(|v| v.version == *addon_version));
    let offer = found.ok_or_else(|| {
        let text = format!("No addon configuration found for addon {addon_name} with version {addon_version}");
        ApiError::resource_not_found(text).addon(addon_name)
    })?;
    let accounts = offer.pod_identity.iter().map(
        |PodIdentity { service_account, policies }| json!({"serviceAccount": service_account, "recommendedManagedPolicies": policies}),
    );
    Ok(json!({
        "addonName": offer.name,
        "addonVersion": addon_version,
        "configurationSchema": offer.schema().to_string(),
        "podIdentityConfiguration": accounts.collect::<Vec<_>>(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_for_the_kubernetes_version_are_listed() {
        let coredns = addon_catalogue::find("coredns").unwrap();
        let all = describe(coredns, &["1.35"]).unwrap();
        let versions = all["addonVersions"].as_array().unwrap();
        let default: Vec<_> = versions.iter().filter(|v| v["compatibilities"][0]["defaultVersion"] == true).collect();
        assert_eq!(default.len(), 1);
        assert!(versions.iter().all(|v| v["compatibilities"].as_array().unwrap().len() == 1));
        assert!(describe(addon_catalogue::find("cert-manager").unwrap(), &["1.24"]).is_none());
    }

    #[test]
    fn filters_hold_together() {
        let filter = Filter { types: vec!["storage".into()], owners: vec!["aws".into()], ..Filter::default() };
        let names: Vec<_> = addon_catalogue::all().iter().filter(|o| filter.lets_through(o)).map(|o| &o.name).collect();
        assert!(names.contains(&&"aws-ebs-csi-driver".to_owned()) && !names.contains(&&"coredns".to_owned()));
        let nobody = Filter { publishers: vec!["nobody".into()], ..Filter::default() };
        assert!(!addon_catalogue::all().iter().any(|o| nobody.lets_through(o)));
    }
}
