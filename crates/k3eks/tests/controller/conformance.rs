//! The provider of these tests keeps what every provider promises. Needs no management cluster.

use provider::conformance::{Subject, run};

use crate::fake_provider::{InMemory, LIMIT, World};

#[tokio::test]
async fn the_provider_in_memory_conforms() {
    let memory = InMemory(World::start().await);
    run(&memory, &Subject::small(&memory, "1.35", LIMIT).unwrap()).await.unwrap();
}
