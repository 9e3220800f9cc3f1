//! Volumes: a claim of the default StorageClass is bound, and a pod writes to it and reads that again.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde_json::json;
use text::sentence;

use super::environment::{COMING, Environment, create};
use super::events;
use super::finding::Outcome;
use super::task::Task;

const CLAIM: &str = "data";
const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";
const LIMIT: Duration = Duration::from_secs(65);
const LOOK: Duration = Duration::from_secs(1);
const SCRIPT: &str = "echo kept > /data/file && sync && [ \"$(cat /data/file)\" = kept ]";
const MEND: &str = "kubectl get storageclass,pv; kubectl -n kube-system logs deploy/local-path-provisioner";

/// Claims a volume, writes, and reads.
pub async fn check(env: &Environment) -> Outcome {
    if env.workers().is_empty() {
        return Outcome::skipped("the cluster has no node that takes pods");
    }
    let class = match default_class(env).await {
        Ok(Some(class)) => class,
        Ok(None) => return Outcome::skipped("the cluster has no default StorageClass"),
        Err(error) => {
            return Outcome::fails(
                format!("listing storage classes: {}", sentence(&error)),
                "a list",
                "k3eks logs shows what the API server says",
            );
        }
    };
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": CLAIM},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}}});
    let api = env.api::<PersistentVolumeClaim>();
    if let Err(error) = create(&api, claim).await {
        return Outcome::fails(
            format!("making a claim: {}", sentence(error.as_ref())),
            "a PersistentVolumeClaim",
            "k3eks logs shows what the API server says",
        );
    }
    let task = Task { name: "volume", script: SCRIPT, account: None, node: None, claim: Some(CLAIM) };
    let ended = task.run(env, LIMIT).await;
    let phase = api.get(CLAIM).await.ok().and_then(|claim| claim.status?.phase).unwrap_or_default();
    let expected = format!("a claim of StorageClass {class} is Bound, and a pod writes to it");
    match ended {
        Ok(ended) if ended.well && phase == "Bound" => {
            Outcome::ok(format!("a claim of StorageClass {class} is bound, written and read"))
        }
        Ok(ended) => Outcome::fails(format!("the claim is {phase}; the pod says: {}", ended.said), expected, MEND),
        Err(Outcome::Failed { found, .. }) if phase != "Bound" => {
            let said = events::last(&env.api::<Event>(), "PersistentVolumeClaim", CLAIM).await;
            Outcome::fails(format!("the claim is {phase}; {said}; {found}"), expected, MEND)
        }
        Err(outcome) => outcome,
    }
}

/// Name of the class of claims that name none.
async fn default_class(env: &Environment) -> Result<Option<String>, kube::Error> {
    let api = Api::<StorageClass>::all(env.child.clone());
    let begun = tokio::time::Instant::now();
    loop {
        let classes = api.list(&ListParams::default()).await?.items;
        let default = classes.iter().find(|class| class.annotations().get(DEFAULT).is_some_and(|is| is == "true"));
        if default.is_some() || begun.elapsed() > COMING {
            return Ok(default.map(ResourceExt::name_any));
        }
        tokio::time::sleep(LOOK).await;
    }
}
