//! Settings of the control plane's parts: `kubeApiServerConfig`, `kubeSchedulerConfig`, `kubeControllerManagerConfig`, and its
//! `controlPlaneScalingConfig`.
// Rules of every list have the same form; these need to know nothing besides the request.
#![allow(clippy::trivially_copy_pass_by_ref)]

use super::{Verdict, invalid};
use crate::convert::cluster::Settings;
use crd::EKSClusterConfigSpec;
use crd::cluster_settings::{
    ControlPlaneScalingConfig, KubeApiServerConfig, KubeControllerManagerConfig, KubeSchedulerConfig, PortRange,
};
use crd::forms::{self, Form};
use crd::most::{NODE_PORTS, WEIGHTS};
use crd::names::minor;

/// The first minor version whose settings can be chosen.
const FIRST: u32 = 31;
/// The tier of a control plane that isn't provisioned.
const STANDARD: &str = "standard";
/// The default sync period of autoscalers.
const USUAL_SYNC: &str = "15s";
/// What Kubernetes has of them.
const USUAL_PORTS: (i32, i32) = (30_000, 32_767);

/// What a cluster is to have, with what it has already.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    tier: Option<&'a ControlPlaneScalingConfig>,
    api_server: Option<&'a KubeApiServerConfig>,
    scheduler: Option<&'a KubeSchedulerConfig>,
    controller_manager: Option<&'a KubeControllerManagerConfig>,
    version: &'a str,
}

impl<'a> Asked<'a> {
    /// Of a request for a new cluster of this version.
    pub fn of(settings: &'a Settings, version: &'a str) -> Self {
        Self {
            tier: settings.control_plane_scaling_config.as_ref(),
            api_server: settings.kube_api_server_config.as_ref(),
            scheduler: settings.kube_scheduler_config.as_ref(),
            controller_manager: settings.kube_controller_manager_config.as_ref(),
            version,
        }
    }

    /// Of a cluster of this version as a request would have it; `None` where the request has nothing to do with it.
    pub fn after(request: &Settings, after: &'a EKSClusterConfigSpec, version: &'a str) -> Option<Self> {
        let none = Asked::of(request, version).is_none();
        (!none).then_some(Self {
            tier: after.control_plane_scaling_config.as_ref(),
            api_server: after.kube_api_server_config.as_ref(),
            scheduler: after.kube_scheduler_config.as_ref(),
            controller_manager: after.kube_controller_manager_config.as_ref(),
            version,
        })
    }

    fn is_none(&self) -> bool {
        self.tier.is_none() && self.chooses_nothing()
    }

    fn chooses_nothing(&self) -> bool {
        self.api_server.is_none() && self.scheduler.is_none() && self.controller_manager.is_none()
    }

    fn sync_period(&self) -> Option<&'a str> {
        let autoscaler = self.controller_manager?.horizontal_pod_autoscaler_controller_config.as_ref()?;
        autoscaler.horizontal_pod_autoscaler_sync_period.as_deref()
    }
}

/// What is refused of a control plane's settings, in a new cluster and after a change alike.
pub const RULES: &[fn(&Asked<'_>, &()) -> Verdict] = &[version, events, ports, scores, sync_period, provisioned];

/// The settings of the control plane's parts can be chosen from Kubernetes 1.31 on.
fn version(asked: &Asked<'_>, (): &()) -> Verdict {
    if asked.chooses_nothing() || minor(asked.version).is_none_or(|minor| minor >= FIRST) {
        return Ok(());
    }
    invalid(format!("Control plane component configuration is supported for Kubernetes version 1.{FIRST} and later"))
}

/// Events are kept for ten minutes to an hour.
fn events(asked: &Asked<'_>, (): &()) -> Verdict {
    formed("eventTtl", asked.api_server.and_then(|config| config.event_ttl.as_deref()), &forms::EVENT_TTL)
}

/// Ports of Services lie where neither Kubernetes itself nor outgoing connections have theirs, and the first isn't after the last.
fn ports(asked: &Asked<'_>, (): &()) -> Verdict {
    let Some(range) = asked.api_server.and_then(|config| config.service_node_port_range.as_ref()) else {
        return Ok(());
    };
    let PortRange { min_port, max_port } = range;
    let (min, max) = (min_port.unwrap_or(USUAL_PORTS.0), max_port.unwrap_or(USUAL_PORTS.1));
    if !NODE_PORTS.contains(&min) || !NODE_PORTS.contains(&max) {
        let (first, last) = (NODE_PORTS.start(), NODE_PORTS.end());
        return invalid(format!("minPort and maxPort of serviceNodePortRange must be between {first} and {last}"));
    }
    if min > max {
        return invalid(format!("minPort {min} of serviceNodePortRange must not be greater than maxPort {max}"));
    }
    Ok(())
}

/// Nodes are scored by a few resources, each with a weight of 1 to 100.
fn scores(asked: &Asked<'_>, (): &()) -> Verdict {
    let fit = asked.scheduler.and_then(|config| config.node_resources_fit.as_ref());
    let strategy = fit.and_then(|fit| fit.scoring_strategy.as_ref());
    for resource in strategy.and_then(|strategy| strategy.resources.as_deref()).unwrap_or_default() {
        let name = resource.name.as_deref().unwrap_or_default();
        if !forms::SCORED.fits(name) {
            let words = forms::SCORED.words;
            return invalid(format!("Resource '{name}' of scoringStrategy is not supported: it {words}"));
        }
        if resource.weight.is_some_and(|weight| !WEIGHTS.contains(&weight)) {
            let (least, most) = (WEIGHTS.start(), WEIGHTS.end());
            return invalid(format!("The weight of resource {name} must be between {least} and {most}"));
        }
    }
    Ok(())
}

/// Autoscalers look every ten to fifteen seconds.
fn sync_period(asked: &Asked<'_>, (): &()) -> Verdict {
    formed("horizontalPodAutoscalerSyncPeriod", asked.sync_period(), &forms::SYNC_PERIOD)
}

/// Only a provisioned control plane has autoscalers look more often, and it stays provisioned for as long as they do.
fn provisioned(asked: &Asked<'_>, (): &()) -> Verdict {
    let tier = asked.tier.and_then(|config| config.tier.as_deref()).unwrap_or(STANDARD);
    let often = asked.sync_period().is_some_and(|period| period.trim_start_matches('0') != USUAL_SYNC);
    if tier == STANDARD && often {
        return invalid(
            "horizontalPodAutoscalerSyncPeriod can be other than 15s only with a Provisioned Control Plane scaling tier",
        );
    }
    Ok(())
}

fn formed(member: &str, value: Option<&str>, form: &Form) -> Verdict {
    match value {
        Some(value) if !form.fits(value) => invalid(format!("{member} {}", form.words)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rules::check;

    fn refusal_in(version: &str, settings: &Value) -> Option<String> {
        let settings: Settings = serde_json::from_value(settings.clone()).unwrap();
        check(RULES, &Asked::of(&settings, version), &()).err().map(|error| error.message().to_owned())
    }

    /// Each is refused with these words, next to one that is accepted.
    #[test]
    fn settings_are_held_to_what_eks_supports() {
        let events = |ttl: &str| json!({"kubeApiServerConfig": {"eventTtl": ttl}});
        let ports = |min: Value, max: Value| json!({"kubeApiServerConfig": {"serviceNodePortRange": {"minPort": min, "maxPort": max}}});
        let scores = |name: &str, weight: i32| json!({"kubeSchedulerConfig": {"nodeResourcesFit": {"scoringStrategy": {"resources": [{"name": name, "weight": weight}]}}}});
        let sync = |period: &str, tier: &str| {
            json!({"controlPlaneScalingConfig": {"tier": tier}, "kubeControllerManagerConfig": {
            "horizontalPodAutoscalerControllerConfig": {"horizontalPodAutoscalerSyncPeriod": period}}})
        };
        for (wrong, words, right) in [
            (events("9m"), "10m to 60m", events("10m")),
            (events("61m"), "10m to 60m", events("1h")),
            (events("1h30m"), "single unit", events("3600s")),
            (events("+30m"), "eventTtl", events("30m")),
            (ports(json!(10_259), json!(20_000)), "between 10260 and 32767", ports(json!(10_260), json!(20_000))),
            (ports(Value::Null, json!(32_768)), "between 10260 and 32767", ports(Value::Null, json!(32_767))),
            (ports(json!(31_000), json!(30_999)), "must not be greater", ports(json!(31_000), json!(31_000))),
            (ports(Value::Null, json!(20_000)), "minPort 30000", ports(json!(15_000), Value::Null)),
            (scores("ephemeral-storage", 1), "not supported", scores("nvidia.com/gpu", 1)),
            (scores("cpu", 0), "between 1 and 100", scores("cpu", 100)),
            (sync("9s", "tier-xl"), "10s to 15s", sync("10s", "tier-xl")),
            (sync("10s", "standard"), "Provisioned Control Plane", sync("15s", "standard")),
        ] {
            let said = refusal_in("1.31", &wrong).unwrap_or_else(|| panic!("{wrong} was taken"));
            assert!(said.contains(words), "{wrong}: {said}");
            assert_eq!(refusal_in("1.31", &right), None, "{right}");
        }
    }

    #[test]
    fn older_versions_have_no_settings_to_choose() {
        let said = refusal_in("1.30", &json!({"kubeApiServerConfig": {"eventTtl": "30m"}})).unwrap();
        assert!(said.contains("1.31 and later"), "{said}");
        assert_eq!(refusal_in("1.30", &json!({"controlPlaneScalingConfig": {"tier": "tier-xl"}})), None);
    }

    #[test]
    fn a_change_is_seen_with_what_there_is() {
        let after: EKSClusterConfigSpec = serde_json::from_value(json!({"controlPlaneScalingConfig": {"tier": "standard"},
            "kubeControllerManagerConfig": {"horizontalPodAutoscalerControllerConfig": {"horizontalPodAutoscalerSyncPeriod": "10s"}}}))
        .unwrap();
        let settings = |value: Value| serde_json::from_value::<Settings>(value).unwrap();
        let back = settings(json!({"controlPlaneScalingConfig": {"tier": "standard"}}));
        assert!(check(RULES, &Asked::after(&back, &after, "1.35").unwrap(), &()).is_err());
        assert!(Asked::after(&settings(json!({"zonalShiftConfig": {"enabled": true}})), &after, "1.35").is_none());
    }
}
