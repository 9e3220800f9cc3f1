use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::fake_registry;
use crate::record::{Record, TAG};

const APP: &str = "000000000000.dkr.ecr.us-east-1.amazonaws.com/app";

struct World {
    folder: TempDir,
    sweeper: Sweeper,
}

/// A registry with a repository that has this policy.
async fn world(policy: Option<&Value>) -> World {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::new(&fake_registry::listen().await).unwrap();
    let record = Record {
        created_at: 0,
        image_tag_mutability: "MUTABLE".into(),
        image_scanning_configuration: json!({}),
        encryption_configuration: json!({}),
        tags: BTreeMap::new(),
        policy: None,
        lifecycle_policy: policy.map(|policy| {
            let selection = json!({"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1});
            let one = json!({"rulePriority": 1, "selection": selection, "action": {"type": "expire"}});
            json!({"rules": if policy.is_null() { json!([one]) } else { policy.clone() }}).to_string()
        }),
    };
    record::write(&engine, APP, &record).await.unwrap();
    let schedule = Arc::new(Schedule::new(Duration::from_millis(10)));
    let world = World { sweeper: Sweeper { engine, storage: folder.path().to_owned(), schedule }, folder };
    let record = world.sweeper.engine.manifest(APP, TAG).await.unwrap().unwrap();
    world.push(&record.digest, 9);
    world
}

impl World {
    /// Puts an image that was pushed so many days ago, and says its digest.
    async fn image(&self, tag: &str, number: u64, days: u64) -> String {
        let manifest = json!({"number": number}).to_string();
        let digest = self.sweeper.engine.put(APP, tag, "application/json", manifest).await.unwrap().unwrap();
        self.push(&digest, days);
        digest
    }

    fn push(&self, digest: &str, days: u64) {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let one = format!("docker/registry/v2/repositories/{APP}/_manifests/revisions/sha256/{hex}");
        let one = self.folder.path().join(one);
        std::fs::create_dir_all(&one).unwrap();
        let link = std::fs::File::create(one.join("link")).unwrap();
        link.set_modified(SystemTime::now() - Duration::from_secs(days * 24 * 60 * 60)).unwrap();
    }

    async fn has(&self, reference: &str) -> bool {
        self.sweeper.engine.manifest(APP, reference).await.unwrap().is_some()
    }
}

#[tokio::test]
async fn images_expire_and_the_record_stays() {
    let world = world(Some(&Value::Null)).await;
    let old = world.image("v1", 1, 3).await;
    let middle = world.image("v1", 2, 2).await;
    let new = world.image("v1", 3, 1).await;
    let now = Timestamp::now();
    assert_eq!(world.sweeper.sweep(APP, now).await.unwrap(), 1, "of two without a tag");
    assert!(!world.has(&old).await && world.has(&middle).await && world.has(&new).await && world.has(TAG).await);
    assert_eq!(world.sweeper.schedule.evaluated_at(APP), Some(now));
    assert_eq!(world.sweeper.sweep(APP, now).await.unwrap(), 0);
}

#[tokio::test]
async fn nothing_is_removed_while_somebody_writes() {
    let world = world(Some(&Value::Null)).await;
    world.image("v1", 1, 3).await;
    world.image("v1", 2, 2).await;
    world.image("v1", 3, 1).await;
    let writing = world.sweeper.schedule.writing(APP);
    assert_eq!(world.sweeper.sweep(APP, Timestamp::now()).await.unwrap(), 0);
    assert_eq!(world.sweeper.schedule.evaluated_at(APP), None);
    drop(writing);
    assert_eq!(world.sweeper.schedule.due().await, APP);
    assert_eq!(world.sweeper.sweep(APP, Timestamp::now()).await.unwrap(), 1);
}

#[tokio::test]
async fn without_a_policy_everything_stays() {
    let world = world(None).await;
    world.sweeper.schedule.evaluated(APP, Timestamp::now());
    let old = world.image("v1", 1, 3).await;
    world.image("v1", 2, 2).await;
    assert_eq!(world.sweeper.sweep(APP, Timestamp::now()).await.unwrap(), 0);
    assert!(world.has(&old).await && world.sweeper.schedule.evaluated_at(APP).is_none());
}

#[tokio::test]
async fn a_policy_that_cannot_be_read_is_told() {
    let world = world(Some(&json!([]))).await;
    let error = world.sweeper.sweep(APP, Timestamp::now()).await.unwrap_err();
    assert!(error.to_string().starts_with("the lifecycle policy can't be read: array is too short"), "{error}");
    assert!(!world.sweeper.all().await);
}

#[tokio::test]
async fn all_repositories_are_looked_at_at_first() {
    let world = world(Some(&Value::Null)).await;
    let old = world.image("v1", 1, 3).await;
    world.image("v1", 2, 2).await;
    world.image("v1", 3, 1).await;
    assert!(world.sweeper.all().await);
    assert!(!world.has(&old).await);
}
