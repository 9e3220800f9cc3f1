//! A pod that runs one script and reports the result.

use std::time::Duration;

use anyhow::Context;
use k8s_openapi::api::core::v1::{ContainerState, Pod};
use kube::ResourceExt;
use serde_json::{Value, json};
use text::sentence;

use super::environment::{Environment, create};
use super::finding::Outcome;

/// How long pods are made until one has what a webhook gives it: a service that was just started may not answer yet.
const EQUIPPED: Duration = Duration::from_secs(30);
/// Between two looks at a pod.
const LOOK: Duration = Duration::from_millis(300);

/// What a pod does. It may run on any node.
pub struct Task<'a> {
    /// Name of the pod.
    pub name: &'a str,
    /// Script for its shell. What it prints, up to 4 KiB, is what comes back.
    pub script: &'a str,
    /// Service account, whose token is there as well.
    pub account: Option<&'a str>,
    /// The only node that it may run on.
    pub node: Option<&'a str>,
    /// Claim that is mounted at `/data`.
    pub claim: Option<&'a str>,
}

/// A script that does `asks`, which set `missing`, until that stays empty. After `patience`, in seconds, it says `complaint`, in the words
/// of a shell, and fails.
pub fn until_none_is_missing(asks: &[String], patience: u32, complaint: &str) -> String {
    let asks = asks.join("\n");
    format!(
        "end=$(($(date +%s) + {patience}))
while :; do
missing=
{asks}
[ -z \"$missing\" ] && exit 0
[ \"$(date +%s)\" -lt $end ] || break
sleep 1
done
echo {complaint}
exit 1"
    )
}

/// How a pod ended.
pub struct Ended {
    /// What its script printed.
    pub said: String,
    /// Whether it ended well.
    pub well: bool,
}

impl Task<'_> {
    fn pod(&self, image: &str) -> Value {
        let claim = self.claim.map(|claim| json!({"name": "data", "persistentVolumeClaim": {"claimName": claim}}));
        let mount = self.claim.map(|_| json!({"name": "data", "mountPath": "/data"}));
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": self.name},
            "spec": {
                "restartPolicy": "Never", "terminationGracePeriodSeconds": 0,
                "nodeSelector": self.node.map(|node| json!({"kubernetes.io/hostname": node})),
                "tolerations": [{"operator": "Exists"}],
                "serviceAccountName": self.account, "automountServiceAccountToken": self.account.is_some(),
                "securityContext": {"runAsUser": 65534, "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [{
                    "name": "task", "image": image, "imagePullPolicy": "IfNotPresent",
                    // The message is read from the pod's status, which needs no way to the node.
                    "command": ["sh", "-c", format!("exec > /dev/termination-log 2>&1\n{}", self.script)],
                    "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": mount.into_iter().collect::<Vec<_>>(),
                }],
                "volumes": claim.into_iter().collect::<Vec<_>>(),
            },
        })
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// The outcome of a check whose pod doesn't run, or doesn't end within the time that the script has.
    pub async fn run(&self, env: &Environment, limit: Duration) -> Result<Ended, Outcome> {
        let api = env.api::<Pod>();
        let failed = |error: anyhow::Error| {
            Outcome::fails(
                format!("pod {}: {}", self.name, sentence(error.as_ref())),
                "a pod that runs",
                "k3eks logs shows what the API server says",
            )
        };
        create(&api, self.pod(&env.image)).await.context("making it").map_err(failed)?;
        let mut last = None;
        let watch = async {
            loop {
                let pod = api.get(self.name).await.context("looking at it").map_err(failed)?;
                if let Some(ended) = ended(&pod) {
                    return Ok::<_, Outcome>(ended);
                }
                last = Some(pod);
                tokio::time::sleep(LOOK).await;
            }
        };
        let ended = tokio::time::timeout(limit, watch).await;
        match ended {
            Ok(ended) => ended,
            Err(_) => Err(self.stuck(env, last.as_ref(), limit)),
        }
    }

    /// Runs it in a pod, and in another one while what it says begins with `early`: nothing equips a pod later.
    ///
    /// # Errors
    /// Those of [`Task::run`].
    pub async fn run_once_equipped(&self, env: &Environment, limit: Duration, early: &str) -> Result<Ended, Outcome> {
        let begun = tokio::time::Instant::now();
        let mut number = 0;
        loop {
            number += 1;
            let name = format!("{}-{number}", self.name);
            let ended = Task { name: &name, ..*self }.run(env, limit).await?;
            if ended.well || !ended.said.starts_with(early) || begun.elapsed() > EQUIPPED {
                return Ok(ended);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    fn stuck(&self, env: &Environment, pod: Option<&Pod>, limit: Duration) -> Outcome {
        let why = pod.map(hindrance).unwrap_or_default();
        Outcome::fails(
            format!("pod {} isn't done after {} s: {why}", self.name, limit.as_secs()),
            format!("a pod of image {} that runs on a node", env.image),
            "kubectl get nodes; if the image is unavailable, name another one with --image",
        )
    }
}

/// How the pod ended, if it has.
fn ended(pod: &Pod) -> Option<Ended> {
    let status = pod.status.as_ref()?;
    let well = match status.phase.as_deref() {
        Some("Succeeded") => true,
        Some("Failed") => false,
        _ => return None,
    };
    let containers = status.container_statuses.iter().flatten();
    let said = containers
        .filter_map(|container| container.state.as_ref()?.terminated.as_ref()?.message.clone())
        .collect::<Vec<_>>()
        .join(" ");
    let said = if said.is_empty() { status.message.clone().unwrap_or_default() } else { said };
    Some(Ended { said: said.trim().to_owned(), well })
}

/// What keeps a pod from running.
pub fn hindrance(pod: &Pod) -> String {
    let Some(status) = &pod.status else { return "nothing is known of it".into() };
    let waiting = |state: &ContainerState| {
        let waiting = state.waiting.as_ref()?;
        let message = waiting.message.as_deref().unwrap_or_default();
        Some(format!("{} {message}", waiting.reason.as_deref().unwrap_or_default()))
    };
    let mut containers = status.container_statuses.iter().flatten().filter_map(|c| waiting(c.state.as_ref()?));
    let unscheduled = || {
        let mut conditions = status.conditions.iter().flatten();
        conditions.find(|c| c.type_ == "PodScheduled" && c.status != "True")?.message.clone()
    };
    let phase = || status.phase.clone().unwrap_or_default();
    containers.next().or_else(unscheduled).unwrap_or_else(|| format!("{} is {}", pod.name_any(), phase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(status: Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "p"}, "status": status})).unwrap()
    }

    #[test]
    fn what_a_pod_said_and_how_it_ended_is_in_its_status() {
        let terminated = |phase: &str| {
            pod(
                json!({"phase": phase, "containerStatuses": [{"name": "task", "image": "", "imageID": "", "ready": false,
                "restartCount": 0, "state": {"terminated": {"exitCode": 0, "message": "done\n"}}}]}),
            )
        };
        let well = ended(&terminated("Succeeded")).unwrap();
        assert_eq!((well.said.as_str(), well.well), ("done", true));
        assert!(!ended(&terminated("Failed")).unwrap().well);
        assert!(ended(&pod(json!({"phase": "Running"}))).is_none());
    }

    #[test]
    fn what_keeps_a_pod_from_running_is_told() {
        let waiting = pod(
            json!({"phase": "Pending", "containerStatuses": [{"name": "task", "image": "", "imageID": "", "ready": false,
            "restartCount": 0, "state": {"waiting": {"reason": "ErrImagePull", "message": "no such host"}}}]}),
        );
        assert_eq!(hindrance(&waiting), "ErrImagePull no such host");
        let nowhere = json!([{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}]);
        assert_eq!(hindrance(&pod(json!({"phase": "Pending", "conditions": nowhere}))), "0/1 nodes are available");
        assert_eq!(hindrance(&pod(json!({"phase": "Pending"}))), "p is Pending");
    }

    #[test]
    fn a_pod_has_only_what_it_needs() {
        let task = Task { name: "t", script: "true", account: None, node: Some("n"), claim: Some("c") };
        let made = task.pod("image");
        let made: Pod = serde_json::from_value(made).unwrap();
        let spec = made.spec.unwrap();
        assert_eq!(spec.automount_service_account_token, Some(false));
        assert_eq!(spec.volumes.unwrap()[0].persistent_volume_claim.as_ref().unwrap().claim_name, "c");
        assert_eq!(spec.node_selector.unwrap()["kubernetes.io/hostname"], "n");
    }
}
