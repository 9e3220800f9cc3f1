//! Changes of a spec, in EKS's words. Synchronous, no client.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;

use crd::update::UpdateParam;

/// A change's type and its values.
pub type Change = (&'static str, Vec<UpdateParam>);

/// Fields of a cluster's spec, each with the type of its change and the name of its value.
const CLUSTER: [(&str, &str, &str); 13] = [
    ("kubernetesVersion", "VersionUpdate", "Version"),
    ("publicAccess", "EndpointAccessUpdate", "EndpointPublicAccess"),
    ("privateAccess", "EndpointAccessUpdate", "EndpointPrivateAccess"),
    ("publicAccessSources", "EndpointAccessUpdate", "PublicAccessCidrs"),
    ("subnets", "VpcConfigUpdate", "Subnets"),
    ("securityGroups", "VpcConfigUpdate", "SecurityGroups"),
    ("loggingTypes", "LoggingUpdate", "ClusterLogging"),
    ("accessConfig", "AccessConfigUpdate", "AuthenticationMode"),
    ("upgradePolicy", "UpgradePolicyUpdate", "UpgradePolicy"),
    ("zonalShiftConfig", "ZonalShiftConfigUpdate", "ZonalShiftConfig"),
    ("remoteNetworkConfig", "RemoteNetworkConfigUpdate", "RemoteNetworkConfig"),
    ("certificateAuthority", "CertificateAuthorityUpdate", "CertificateAuthorityId"),
    ("deletionProtection", "DeletionProtectionUpdate", "DeletionProtection"),
];

/// The same of a node group's. The desired size alone is no update: autoscalers change it all the time.
const NODEGROUP: [(&str, &str, &str); 8] = [
    ("version", "VersionUpdate", "Version"),
    ("releaseVersion", "VersionUpdate", "ReleaseVersion"),
    ("launchTemplate", "VersionUpdate", "LaunchTemplateVersion"),
    ("labels", "ConfigUpdate", "LabelsToAdd"),
    ("taints", "ConfigUpdate", "TaintsToAdd"),
    ("updateConfig", "ConfigUpdate", "MaxUnavailable"),
    ("nodeRepairConfig", "ConfigUpdate", "NodeRepairEnabled"),
    ("warmPoolConfig", "ConfigUpdate", "WarmPoolEnabled"),
];

/// The change from one spec of a cluster to the next; `None` where EKS knows no update for it.
pub fn of_cluster(old: &Value, new: &Value) -> Option<Change> {
    changed(&CLUSTER, old, new)
}

/// The change from one spec of a node group to the next; `None` where EKS knows no update for it.
pub fn of_nodegroup(old: &Value, new: &Value) -> Option<Change> {
    if let Some(change) = changed(&NODEGROUP, old, new) {
        return Some(change);
    }
    let size = |spec: &Value, name: &str| spec["scalingConfig"][name].clone();
    let params: Vec<UpdateParam> = [("minSize", "MinSize"), ("maxSize", "MaxSize")]
        .into_iter()
        .filter(|(field, _)| size(old, field) != size(new, field))
        .map(|(field, name)| UpdateParam { type_: name.into(), value: text(&size(new, field)) })
        .collect();
    (!params.is_empty()).then_some(("ConfigUpdate", params))
}

/// Of the first type that applies; EKS makes one update a request.
fn changed(fields: &[(&'static str, &'static str, &'static str)], old: &Value, new: &Value) -> Option<Change> {
    let differ: Vec<_> = fields.iter().filter(|(field, ..)| old.get(field) != new.get(field)).collect();
    let kind = differ.first()?.1;
    let params = differ.iter().filter(|(_, of, _)| *of == kind);
    let param = |(field, _, name): &(&str, &str, &str)| UpdateParam {
        type_: (*name).to_owned(),
        value: text(new.get(field).unwrap_or(&Value::Null)),
    };
    Some((kind, params.map(|f| param(f)).collect()))
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The last spec seen of each object, by uid.
#[derive(Debug, Default)]
pub struct Specs(HashMap<String, (i64, Value)>);

impl Specs {
    /// Notes the present spec; gives the former and the present one where the generation moved on.
    pub fn advanced(&mut self, uid: &str, generation: i64, spec: &impl Serialize) -> Option<(Value, Value)> {
        if self.0.get(uid).is_some_and(|(known, _)| *known >= generation) {
            return None;
        }
        let new = serde_json::to_value(spec).ok()?;
        let old = self.0.insert(uid.to_owned(), (generation, new.clone()));
        old.map(|(_, old)| (old, new))
    }

    /// The object is gone.
    pub fn forget(&mut self, uid: &str) {
        self.0.remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_has_eks_words() {
        let old = json!({"kubernetesVersion": "1.35", "publicAccess": true});
        assert_eq!(of_cluster(&old, &old), None);
        let (kind, params) = of_cluster(&old, &json!({"kubernetesVersion": "1.36", "publicAccess": true})).unwrap();
        assert_eq!((kind, params[0].type_.as_str(), params[0].value.as_str()), ("VersionUpdate", "Version", "1.36"));
        let new = json!({"kubernetesVersion": "1.35", "publicAccess": false, "privateAccess": true});
        let (kind, params) = of_cluster(&old, &new).unwrap();
        assert_eq!((kind, params.len()), ("EndpointAccessUpdate", 2));
        assert_eq!(of_cluster(&old, &json!({"kubernetesVersion": "1.35", "publicAccess": true, "tags": {}})), None);
    }

    #[test]
    fn a_desired_size_is_no_update() {
        let sizes = |min, desired| json!({"scalingConfig": {"minSize": min, "maxSize": 3, "desiredSize": desired}});
        assert_eq!(of_nodegroup(&sizes(1, 1), &sizes(1, 2)), None);
        let (kind, params) = of_nodegroup(&sizes(0, 1), &sizes(1, 1)).unwrap();
        assert_eq!((kind, params[0].value.as_str()), ("ConfigUpdate", "1"));
    }

    #[test]
    fn a_spec_is_compared_with_the_one_before() {
        let mut specs = Specs::default();
        assert_eq!(specs.advanced("u", 1, &json!(1)), None);
        assert_eq!(specs.advanced("u", 1, &json!(1)), None);
        assert_eq!(specs.advanced("u", 2, &json!(2)), Some((json!(1), json!(2))));
        specs.forget("u");
        assert_eq!(specs.advanced("u", 3, &json!(3)), None);
    }
}
