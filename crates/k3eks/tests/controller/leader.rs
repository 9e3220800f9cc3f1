//! One operator leads; when it goes or falls silent, exactly one of the others takes over.

use std::time::{Duration, Instant};

use controller::leader::Leadership;
use futures::future::select_all;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::Api;
use tokio_util::sync::CancellationToken;

use crate::environment::{Environment, run};
use crate::fake_provider::LIMIT;

fn candidate(env: &Environment, name: &str) -> Leadership {
    Leadership::new(env.client.clone(), &env.namespace, name)
}

async fn lease(env: &Environment) -> LeaseSpec {
    let leases: Api<Lease> = Api::namespaced(env.client.clone(), &env.namespace);
    leases.get("k3eks-operator").await.unwrap().spec.unwrap()
}

/// Waits until one of the candidates leads, and then long enough for another to, if it wrongly would.
async fn first_and_only(candidates: Vec<Leadership>) -> Leadership {
    let shutdown = CancellationToken::new();
    let waiting = candidates.iter().map(|one| Box::pin(one.acquire(&shutdown)));
    let first = tokio::time::timeout(LIMIT, select_all(waiting)).await;
    let (led, index, others) = first.expect("one of them leads");
    let second = tokio::time::timeout(Duration::from_secs(7), select_all(others)).await.is_ok();
    assert!(led && !second, "one leads, and only one");
    candidates.into_iter().nth(index).unwrap()
}

#[tokio::test]
async fn another_operator_takes_over_at_once_when_the_leader_goes() {
    run("leader-goes", async |env| {
        let names = ["a", "b", "c", "d"];
        let leader = first_and_only(names.map(|name| candidate(env, name)).into()).await;
        let first = lease(env).await;
        let name = first.holder_identity.clone().unwrap();
        assert_eq!((first.lease_transitions, first.lease_duration_seconds), (Some(0), Some(15)));
        let (shutdown, held) = (CancellationToken::new(), Instant::now());
        let mut renewed = false;
        while !renewed && held.elapsed() < LIMIT {
            let tick = Duration::from_secs(4);
            assert!(tokio::time::timeout(tick, leader.hold(&shutdown)).await.is_err(), "it goes on leading");
            renewed = lease(env).await.renew_time > first.renew_time;
        }
        assert!(renewed, "it renews its lease");
        leader.release().await;
        let gone = Instant::now();
        let others = names.into_iter().filter(|other| *other != name).map(|name| candidate(env, name)).collect();
        first_and_only(others).await;
        assert!(gone.elapsed() < Duration::from_secs(15), "nobody waits for a lease that was given up");
        let second = lease(env).await;
        assert_ne!(second.holder_identity, first.holder_identity);
        assert_eq!(second.lease_transitions, Some(1));
        // What an operator that was replaced does late takes nothing from its successor.
        leader.release().await;
        assert_eq!(lease(env).await, second);
    })
    .await;
}

#[tokio::test]
async fn a_silent_leader_is_replaced_and_sees_that_it_was() {
    run("leader-silent", async |env| {
        let shutdown = CancellationToken::new();
        let (silent, next) = (candidate(env, "silent"), candidate(env, "next"));
        assert!(silent.acquire(&shutdown).await);
        let since = Instant::now();
        assert!(tokio::time::timeout(LIMIT, next.acquire(&shutdown)).await.expect("the next one leads"));
        assert!(since.elapsed() > Duration::from_secs(14), "its time was not up: {:?}", since.elapsed());
        let lost = tokio::time::timeout(LIMIT, silent.hold(&shutdown)).await.expect("it looks");
        assert!(lost, "it sees that another leads");
        assert_eq!(lease(env).await.holder_identity.as_deref(), Some("next"));
    })
    .await;
}

#[tokio::test]
async fn an_operator_that_is_told_to_end_waits_no_longer() {
    run("leader-ends", async |env| {
        let shutdown = CancellationToken::new();
        assert!(candidate(env, "first").acquire(&shutdown).await);
        let second = candidate(env, "second");
        let waiting = second.acquire(&shutdown);
        shutdown.cancel();
        assert!(!tokio::time::timeout(LIMIT, waiting).await.expect("it ends"));
    })
    .await;
}
