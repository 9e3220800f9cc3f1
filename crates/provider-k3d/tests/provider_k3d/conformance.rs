//! What every provider promises.

use std::time::Duration;

use provider::conformance::{Subject, run};
use provider::{DesiredCluster, PublicEndpoint};

use crate::support::{Environment, group};

#[tokio::test(flavor = "multi_thread")]
async fn k3d_keeps_what_every_provider_promises() {
    let env = Environment::new("conform").await;
    let public_endpoint = PublicEndpoint { counted: true, ..PublicEndpoint::default() };
    let cluster = DesiredCluster { public_endpoint, ..env.plan("conform") };
    let nodegroup = group(&cluster, "workers");
    let id = cluster.id.clone();
    run(env.k3d.as_ref(), &Subject { cluster, nodegroup, patience: Duration::from_secs(60) }).await.unwrap();
    assert_eq!(env.remains(&id), [""; 0]);
}
