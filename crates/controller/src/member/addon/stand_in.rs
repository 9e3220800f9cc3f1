//! State of an addon whose job a part of k3s does.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::child_clusters::Child;
use crate::member::health::{self, MemberHealth, fewer_replicas};
use crd::addon_catalogue::StandIn;
use crd::{EKSClusterConfig, FargateProfile, MemberIssue, keys};

/// The longest wait for one answer of the child's API server.
pub const ANSWER: Duration = Duration::from_secs(5);
/// Namespace of k3s's components.
pub const NAMESPACE: &str = "kube-system";

/// Whether EKS could run an addon's pods: on a node of a node group, Fargate, or Auto Mode, which adds nodes on demand.
/// The control plane doesn't count, though here it runs the pods until there is a node.
pub fn has_place(cluster: &EKSClusterConfig, child: &Child, profiles: &[Arc<FargateProfile>], namespace: &str) -> bool {
    let auto_mode = cluster.spec.compute_config.as_ref().is_some_and(|compute| compute.enabled == Some(true));
    let Some(nodes) = &child.nodes else { return true };
    let fargate = profiles.iter().flat_map(|p| &p.spec.selectors).any(|s| s.namespace.as_deref() == Some(namespace));
    cluster.spec.imported || auto_mode || fargate || nodes.values().any(|node| node.ready && node.nodegroup.is_some())
}

/// Nothing is installed for the addon.
pub fn recorded(name: &str) -> MemberHealth {
    MemberHealth::Recorded(MemberIssue {
        code: "K8sResourceNotFound".into(),
        message: format!("recorded only: nothing is installed in the cluster for {name}; install it there yourself"),
        resource_ids: Vec::new(),
    })
}

/// EKS would have no node for the addon, though here the control plane may run it.
pub fn homeless(namespace: &str, name: &str, serves: bool) -> MemberHealth {
    let way_out = if serves {
        "make a node group. Until then the control plane runs it, unlike EKS's"
    } else {
        "give a node group nodes, or wait for them"
    };
    let why = format!("the cluster has no node that is ready; {way_out}");
    MemberHealth::Homeless(fewer_replicas(&why, vec![format!("{namespace}/{name}")]))
}

/// What the configuration says of the number of replicas.
pub fn replicas(stand_in: &StandIn, configuration: &Value) -> Option<i32> {
    configuration[stand_in.replicas.as_ref()?].as_i64().and_then(|n| i32::try_from(n).ok())
}

/// What the child's API server answers in time; else that it can't be reached.
pub async fn answer<T>(
    limit: Duration,
    question: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, MemberHealth> {
    match tokio::time::timeout(limit, question).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(health::unreachable(&text::sentence(&error))),
        Err(_) => Err(health::unreachable("its API server takes too long to answer")),
    }
}

/// Sets the Deployment's replicas and checks whether all are available.
pub async fn deployment(client: &Client, name: &str, replicas: Option<i32>) -> Result<MemberHealth, kube::Error> {
    let api = Api::<Deployment>::namespaced(client.clone(), NAMESPACE);
    let Some(mut found) = api.get_opt(name).await? else {
        let text = format!("The cluster has no Deployment {NAMESPACE}/{name}; its node image doesn't include it");
        return Ok(health::impaired("K8sResourceNotFound", &text, vec![format!("{NAMESPACE}/{name}")]));
    };
    let present = found.spec.as_ref().and_then(|s| s.replicas);
    if let Some(wanted) = replicas.filter(|wanted| present != Some(*wanted)) {
        let params = PatchParams { field_manager: Some(keys::MEMBER_MANAGER.into()), ..PatchParams::default() };
        found = api.patch(name, &params, &Patch::Merge(json!({"spec": {"replicas": wanted}}))).await?;
    }
    Ok(availability(&found, name))
}

fn availability(found: &Deployment, name: &str) -> MemberHealth {
    let wanted = found.spec.as_ref().and_then(|s| s.replicas).unwrap_or(1);
    let status = found.status.clone().unwrap_or_default();
    let available = status.available_replicas.unwrap_or_default();
    let seen = status.observed_generation.unwrap_or_default() >= found.metadata.generation.unwrap_or_default();
    if available >= wanted && seen {
        return MemberHealth::Working;
    }
    let why = format!("{available} of {wanted} are available");
    MemberHealth::Impaired(vec![fewer_replicas(&why, vec![format!("{NAMESPACE}/{name}")])])
}

/// Components inside k3s work on every Ready node.
pub fn every_node(child: &Child) -> MemberHealth {
    let Some(nodes) = &child.nodes else { return health::unreachable("its nodes haven't been listed yet") };
    let idle: Vec<String> = nodes.iter().filter(|(_, node)| !node.ready).map(|(name, _)| name.clone()).collect();
    if idle.is_empty() {
        return MemberHealth::Working;
    }
    let why = format!("{} of {} nodes aren't Ready", idle.len(), nodes.len());
    MemberHealth::Impaired(vec![fewer_replicas(&why, idle)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::child_nodes::ChildNode;
    use crd::addon_catalogue;

    fn found(wanted: i32, available: i32, observed: i64) -> Deployment {
        serde_json::from_value(json!({
            "metadata": {"name": "coredns", "generation": 2},
            "spec": {"replicas": wanted, "selector": {}, "template": {}},
            "status": {"availableReplicas": available, "observedGeneration": observed},
        }))
        .unwrap()
    }

    #[test]
    fn a_deployment_works_when_all_its_replicas_are_available() {
        assert_eq!(availability(&found(2, 2, 2), "coredns"), MemberHealth::Working);
        for lacking in [found(2, 1, 2), found(2, 2, 1)] {
            let MemberHealth::Impaired(issues) = availability(&lacking, "coredns") else { panic!("{lacking:?}") };
            assert_eq!(issues[0].code, "InsufficientNumberOfReplicas");
        }
    }

    #[test]
    fn an_addon_s_place_is_a_node_of_a_group_or_fargate_or_auto_mode() {
        use crate::fixtures::{active, cluster};
        let node = |nodegroup: Option<&str>, ready| ChildNode {
            nodegroup: nodegroup.map(str::to_owned),
            ready,
            since: None,
            marks: crd::nodegroup::NodeMarks::default(),
        };
        let of = |node: ChildNode| Child { nodes: Some([("n".to_owned(), node)].into()), ..Child::default() };
        let plain = cluster(json!({}), active());
        let server = of(node(None, true));
        assert!(!has_place(&plain, &server, &[], NAMESPACE), "the control plane alone");
        assert!(!has_place(&plain, &of(node(Some("g"), false)), &[], NAMESPACE), "a node that isn't ready");
        assert!(has_place(&plain, &of(node(Some("g"), true)), &[], NAMESPACE));
        assert!(has_place(&plain, &Child::default(), &[], NAMESPACE), "nobody has looked yet");
        assert!(has_place(&cluster(json!({"computeConfig": {"enabled": true}}), active()), &server, &[], NAMESPACE));
        assert!(has_place(&cluster(json!({"imported": true}), active()), &server, &[], NAMESPACE));
        let profile = |namespace: &str| {
            let spec = json!({"clusterName": "demo", "fargateProfileName": "p", "podExecutionRoleArn": "r",
                "selectors": [{"namespace": namespace}]});
            vec![Arc::new(FargateProfile::new("p", serde_json::from_value(spec).unwrap()))]
        };
        let placed = |profile_s, addon_s| has_place(&plain, &server, &profile(profile_s), addon_s);
        assert!(placed("kube-system", NAMESPACE) && !placed("web", NAMESPACE));
        assert!(placed("cert-manager", "cert-manager") && !placed("kube-system", "cert-manager"));
    }

    #[test]
    fn what_every_node_has_works_where_all_nodes_are_ready() {
        let child = |ready| Child {
            nodes: Some(
                [(
                    "n".to_owned(),
                    ChildNode { nodegroup: None, ready, since: None, marks: crd::nodegroup::NodeMarks::default() },
                )]
                .into(),
            ),
            ..Child::default()
        };
        assert_eq!(every_node(&child(true)), MemberHealth::Working);
        let MemberHealth::Impaired(issues) = every_node(&child(false)) else { panic!() };
        assert_eq!(issues[0].resource_ids, ["n"]);
        assert!(matches!(every_node(&Child::default()), MemberHealth::Impaired(_)));
    }

    #[test]
    fn an_addon_that_nothing_stands_in_for_is_recorded_only() {
        let MemberHealth::Recorded(issue) = recorded("adot") else { panic!() };
        assert_eq!(issue.code, "K8sResourceNotFound");
        assert!(issue.message.contains("recorded only: nothing is installed"), "{issue:?}");
        let idle = addon_catalogue::all().iter().filter(|offer| offer.stands_in.is_none() && offer.chart.is_none());
        assert!(idle.clone().any(|offer| offer.name == "adot"));
        assert!(!idle.clone().any(|offer| offer.name == "eks-pod-identity-agent"), "every node leads pods to it");
    }

    #[test]
    fn only_what_the_catalogue_names_is_the_number_of_replicas() {
        let coredns = addon_catalogue::find("coredns").unwrap().stands_in.clone().unwrap();
        assert_eq!(replicas(&coredns, &json!({"replicaCount": 3})), Some(3));
        assert_eq!(replicas(&coredns, &Value::Null), None);
    }
}
