//! The provider of these tests keeps what every provider promises. Needs no management cluster.

use std::collections::BTreeMap;

use provider::conformance::{Subject, run};
use provider::{ClusterId, ClusterProvider, DesiredCluster, DesiredNodegroup, PublicEndpoint, Resources};

use crate::fake_provider::{InMemory, LIMIT, World};

#[tokio::test]
async fn the_provider_in_memory_conforms() {
    let memory = InMemory(World::start().await);
    let id = ClusterId { namespace: "default".into(), name: "demo".into() };
    let image = memory.image("1.35").unwrap();
    let cluster = DesiredCluster {
        id: id.clone(),
        eks_name: "demo".into(),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        version: "1.35".into(),
        image: image.clone(),
        servers: 1,
        service_cidr: "10.100.0.0/16".into(),
        placement: None,
        tls_names: Vec::new(),
        public_endpoint: PublicEndpoint { counted: true, ..PublicEndpoint::default() },
        control_plane: None,
        endpoint_id: String::new(),
        import: None,
    };
    let nodegroup = DesiredNodegroup {
        cluster: id,
        name: "workers".into(),
        desired: 2,
        image,
        labels: BTreeMap::new(),
        taints: Vec::new(),
        resources: Resources { cpus: 1, memory_mib: 1024 },
        zones: Vec::new(),
        authorities: Vec::new(),
    };
    run(&memory, &Subject { cluster, nodegroup, patience: LIMIT }).await.unwrap();
}
