//! The release that an addon is to be in its cluster. Synchronous, no client.

use serde_json::{Value, json};

use kube::ResourceExt;

use crd::addon::ResolveConflicts;
use crd::addon_catalogue::Offer;
use crd::{Addon, keys, names};
use helm::{Chart, Release};

/// Label of helm's record: digest of what the release was asked to be.
pub const DIGEST: &str = "k3eks.io/digest";
/// The same: digest of the request that led to it, as far as that is about conflicts.
pub const ASKED: &str = "k3eks.io/asked";
/// EKS's annotation of a service account with its role.
const ROLE: &str = "eks.amazonaws.com/role-arn";

/// The release of an addon on a cluster of this Kubernetes version; `None` where it isn't installed by a chart.
pub fn release(addon: &Addon, offer: &Offer, configuration: &Value, kubernetes: &str) -> Option<Release> {
    let (spec, asked) = (&addon.spec, asked(addon));
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
        asked: (ASKED.to_owned(), names::short_digest(&[&asked])),
        take_ownership: spec.resolve_conflicts == Some(ResolveConflicts::Overwrite),
    })
}

/// What was last asked about conflicts: how they are resolved, and by the EKS API when.
fn asked(addon: &Addon) -> String {
    let request = addon.annotations().get(keys::ANNOTATION_RESOLVE);
    let wanted = addon.spec.resolve_conflicts.map(ResolveConflicts::as_str);
    match (wanted, request) {
        // The API takes it away for a moment to make the same value a change.
        (None, Some(request)) => request.clone(),
        (Some(wanted), Some(request)) if request.starts_with(wanted) => request.clone(),
        (wanted, _) => wanted.unwrap_or_default().to_owned(),
    }
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
    names::short_digest(&[&chart.name, &chart.version, &values.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crd::addon_catalogue::find;

    fn spec(more: Value) -> Addon {
        let mut all = json!({"clusterName": "c", "addonName": "metrics-server", "addonVersion": "v0.8.0-eksbuild.2"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Addon::new("a", serde_json::from_value(all).unwrap())
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
    fn each_request_about_conflicts_is_another_and_no_other_change_is() {
        let of = |resolve: Value, request: Option<&str>| {
            let mut addon = spec(json!({"resolveConflicts": resolve}));
            addon.annotations_mut().extend(request.map(|text| (keys::ANNOTATION_RESOLVE.to_owned(), text.to_owned())));
            release(&addon, find("metrics-server").unwrap(), &json!({}), "1.35").unwrap().asked
        };
        let first = of("OVERWRITE".into(), Some("OVERWRITE 1"));
        assert_ne!(first, of("OVERWRITE".into(), Some("OVERWRITE 2")), "the same again");
        assert_eq!(first, of(Value::Null, Some("OVERWRITE 1")), "while the API makes it a change");
        assert_eq!(of("NONE".into(), None), of("NONE".into(), Some("OVERWRITE 1")), "changed in YAML since");
        assert_ne!(of("NONE".into(), None), of(Value::Null, None), "an update with NONE asks for a look");
        let plain = super::release(
            &spec(json!({"resolveConflicts": "NONE", "tags": {"a": "b"}})),
            find("metrics-server").unwrap(),
            &json!({}),
            "1.35",
        );
        assert_eq!(plain.unwrap().asked, of("NONE".into(), None));
    }

    #[test]
    fn an_addon_without_a_chart_has_no_release() {
        let coredns = spec(json!({"addonName": "coredns", "addonVersion": null}));
        assert_eq!(release(&coredns, find("coredns").unwrap(), &json!({}), "1.35"), None);
    }
}
