//! What a spec asks for and the cluster's provider can't do.

use super::{endpoint_access, idle};
use crate::decision::Problem;
use crd::EKSClusterConfig;
use crd::cluster::PowerState;
use crd::conditions::Reason;
use provider::{Capabilities, ClusterProvider};

/// Refuses a spec that the provider can't fulfil. Records fulfil every spec.
pub fn check(cluster: &EKSClusterConfig, provider: &dyn ClusterProvider) -> Result<(), Problem> {
    let can = provider.capabilities();
    match lacking(cluster, &can).filter(|_| can.api_server) {
        Some((field, what)) => Err(impossible(provider.name(), field, what)),
        None => Ok(()),
    }
}

/// Refuses another version where the servers can't change theirs.
pub fn check_upgrade(provider: &dyn ClusterProvider) -> Result<(), Problem> {
    if provider.capabilities().upgrade {
        return Ok(());
    }
    Err(impossible(provider.name(), "kubernetesVersion", "change the version of a cluster"))
}

/// The first field of the spec that asks for too much, and what it asks for.
fn lacking(cluster: &EKSClusterConfig, can: &Capabilities) -> Option<(&'static str, &'static str)> {
    let spec = &cluster.spec;
    let restricted = !endpoint_access::endpoint(cluster).is_open();
    let sleeps = idle::after(cluster).is_some();
    let all = [
        (spec.servers() > 1 && !can.several_servers, "controlPlane.servers", "run several servers"),
        (spec.state == Some(PowerState::Stopped) && !can.stop, "state", "stop a cluster"),
        (sleeps && !can.stop, "hibernateAfter", "stop a cluster"),
        (sleeps && !can.use_counter, "hibernateAfter", "tell whether a cluster is used"),
        (
            restricted && !can.restricted_endpoint,
            "publicAccessSources and publicAccess",
            "restrict the public endpoint",
        ),
        (
            spec.certificate_authority.is_some() && !can.authorities,
            "certificateAuthority",
            "change certificate authorities",
        ),
    ];
    all.into_iter().find_map(|(lacks, field, what)| lacks.then_some((field, what)))
}

fn impossible(provider: &str, field: &str, what: &str) -> Problem {
    let text = format!(
        "provider {provider} can't {what}: take back what spec sets in {field}, or create a new resource with another provider"
    );
    Problem::stalled(Reason::InvalidSpec, text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures;
    use provider::metadata::Metadata;

    #[test]
    fn what_a_provider_can_t_do_is_said_of_the_field_that_asks_for_it() {
        let bare = Capabilities { api_server: true, stop: false, several_servers: false, ..Capabilities::RECORDS };
        let lacks =
            |spec, can: &Capabilities| lacking(&fixtures::cluster(spec, json!(null)), can).map(|(field, _)| field);
        assert_eq!(lacks(json!({}), &bare), None);
        for (spec, field) in [
            (json!({"controlPlane": {"servers": 3}}), "controlPlane.servers"),
            (json!({"state": "Stopped"}), "state"),
            (json!({"hibernateAfter": "30m"}), "hibernateAfter"),
            (json!({"publicAccess": false}), "publicAccessSources and publicAccess"),
            (json!({"certificateAuthority": "one"}), "certificateAuthority"),
        ] {
            assert_eq!(lacks(spec.clone(), &bare), Some(field));
            assert_eq!(lacks(spec, &Capabilities::ALL), None);
        }
    }

    #[test]
    fn records_fulfil_every_spec() {
        let spec = json!({"publicAccess": false, "hibernateAfter": "30m", "controlPlane": {"servers": 3}});
        assert_eq!(check(&fixtures::cluster(spec, json!(null)), &Metadata::default()), Ok(()));
        assert_eq!(check_upgrade(&Metadata::default()), Ok(()));
    }

    #[test]
    fn the_message_names_the_provider_and_the_way_out() {
        let problem = impossible("other", "state", "stop a cluster");
        let text = format!("{:?}", problem.health);
        assert!(text.contains("provider other can't stop a cluster") && text.contains("state"), "{text}");
    }
}
