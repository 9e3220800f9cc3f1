//! The release that an addon is to be in its cluster. Synchronous, no client.

use serde_json::{Value, json};

use crd::addon::{AddonSpec, ResolveConflicts};
use crd::addon_catalogue::Offer;
use crd::names;
use helm::{Chart, Release};

/// Label of helm's record: digest of what the release was asked to be.
pub const DIGEST: &str = "k3eks.io/digest";
/// EKS's annotation of a service account with its role.
const ROLE: &str = "eks.amazonaws.com/role-arn";

/// The release of an addon on a cluster of this Kubernetes version; `None` where it isn't installed by a chart.
pub fn release(spec: &AddonSpec, offer: &Offer, configuration: &Value, kubernetes: &str) -> Option<Release> {
    let chart = offer.chart.as_ref()?;
    let version = match &spec.addon_version {
        Some(version) => version.as_str(),
        None => crd::addon_catalogue::resolve(&offer.name, None, kubernetes).ok()?.1,
    };
    let mut values = chart.values.clone();
    merge(&mut values, offer.values_of(version)?);
    merge(&mut values, configuration);
    if let Some(role) = &spec.service_account_role_arn {
        merge(&mut values, &json!({"serviceAccount": {"annotations": {ROLE: role}}}));
    }
    let chart = Chart {
        name: chart.name.clone(),
        version: offer.chart_version(version)?.to_owned(),
        repository: chart.repository.clone(),
    };
    Some(Release {
        name: offer.name.clone(),
        label: (DIGEST.to_owned(), digest(&chart, &values)),
        namespace: spec.namespace().to_owned(),
        chart,
        values,
        take_ownership: spec.resolve_conflicts == Some(ResolveConflicts::Overwrite),
    })
}

/// Objects are merged, anything else is replaced.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (_, Value::Null) => {}
        (into, from) => *into = from.clone(),
    }
}

/// The first 16 hexadecimal digits: as long as a label may be, and then some.
fn digest(chart: &Chart, values: &Value) -> String {
    names::digest(&[&chart.name, &chart.version, &values.to_string()])[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crd::addon_catalogue::find;

    fn spec(more: Value) -> AddonSpec {
        let mut all = json!({"clusterName": "c", "addonName": "metrics-server", "addonVersion": "v0.8.0-eksbuild.2"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    fn of(more: Value, configuration: Value) -> Release {
        release(&spec(more), find("metrics-server").unwrap(), &configuration, "1.35").unwrap()
    }

    #[test]
    fn values_are_the_catalogue_s_then_the_user_s_then_the_role() {
        let role = "arn:aws:iam::000000000000:role/r";
        let release = of(json!({"serviceAccountRoleArn": role}), json!({"replicas": 2, "podLabels": {"a": "b"}}));
        assert_eq!((release.name.as_str(), release.namespace.as_str()), ("metrics-server", "kube-system"));
        assert_eq!(release.values["replicas"], 2);
        assert_eq!(release.values["podLabels"], json!({"a": "b"}));
        assert_eq!(release.values["serviceAccount"]["annotations"][ROLE], role);
        assert!(release.values["args"].is_array(), "{}", release.values);
        assert_eq!(release.values["image"]["tag"], "v0.8.0");
    }

    #[test]
    fn each_version_has_its_chart_and_its_image() {
        for (version, chart, tag) in
            [("v0.7.2-eksbuild.4", "3.12.2", "v0.7.2"), ("v0.8.0-eksbuild.2", "3.13.1", "v0.8.0")]
        {
            let release = of(json!({"addonVersion": version}), json!({}));
            assert_eq!((release.chart.version.as_str(), &release.values["image"]["tag"]), (chart, &json!(tag)));
        }
    }

    #[test]
    fn whatever_changes_the_release_changes_its_digest() {
        let plain = of(json!({}), json!({}));
        assert_eq!(plain.label, of(json!({"resolveConflicts": "OVERWRITE"}), json!({})).label);
        assert_ne!(plain.label, of(json!({}), json!({"replicas": 2})).label);
        assert_ne!(plain.label, of(json!({"serviceAccountRoleArn": "r"}), json!({})).label);
        assert_ne!(plain.label, of(json!({"addonVersion": "v0.7.2-eksbuild.4"}), json!({})).label);
    }

    #[test]
    fn the_namespace_is_the_addon_s_own_and_conflicts_are_taken_over_where_asked() {
        let own = of(json!({"namespaceConfig": {"namespace": "metrics"}, "resolveConflicts": "OVERWRITE"}), json!({}));
        assert_eq!((own.namespace.as_str(), own.take_ownership), ("metrics", true));
        assert!(!of(json!({"resolveConflicts": "PRESERVE"}), json!({})).take_ownership);
    }

    #[test]
    fn an_addon_without_a_chart_has_no_release() {
        let coredns = spec(json!({"addonName": "coredns", "addonVersion": null}));
        assert_eq!(release(&coredns, find("coredns").unwrap(), &json!({}), "1.35"), None);
    }
}
