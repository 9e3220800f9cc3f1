//! Node groups read from the API server, for decisions that a lagging watch could get wrong.

use std::collections::HashMap;

use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crd::Nodegroup;
use provider::ClusterId;

/// A list of a namespace's node groups.
#[derive(Debug)]
struct List {
    /// When it was asked for.
    asked: Instant,
    /// Names of the node groups, by the name of their cluster.
    by_cluster: HashMap<String, Vec<String>>,
}

/// Lists node groups for many clusters at once: callers that arrive during a list share the next one. Otherwise,
/// deleting all clusters would list all node groups once per cluster.
#[derive(Debug, Default)]
pub struct NodegroupsNow {
    last: Mutex<HashMap<String, List>>,
}

impl NodegroupsNow {
    /// Names of the node groups of the cluster resource `id`, none of which is older than this call.
    ///
    /// # Errors
    /// The API server's, where it can't list them.
    pub async fn of(&self, client: &Client, id: &ClusterId) -> Result<Vec<String>, kube::Error> {
        let wanted = Instant::now();
        let mut last = self.last.lock().await;
        let fresh = last.get(&id.namespace).filter(|list| list.asked >= wanted);
        if let Some(list) = fresh {
            return Ok(list.by_cluster.get(&id.name).cloned().unwrap_or_default());
        }
        let asked = Instant::now();
        let mut by_cluster: HashMap<String, Vec<String>> = HashMap::new();
        for group in Api::<Nodegroup>::namespaced(client.clone(), &id.namespace).list(&ListParams::default()).await? {
            by_cluster.entry(group.spec.cluster_name.clone()).or_default().push(group.name_any());
        }
        let found = by_cluster.get(&id.name).cloned().unwrap_or_default();
        last.insert(id.namespace.clone(), List { asked, by_cluster });
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use kube::client::Body;

    use super::*;

    #[tokio::test]
    async fn who_asks_while_a_list_is_under_way_shares_the_next_one() {
        let lists = Arc::new(AtomicUsize::new(0));
        let counted = lists.clone();
        let service = tower::service_fn(move |_: http::Request<Body>| {
            counted.fetch_add(1, Ordering::SeqCst);
            async {
                // All others ask before the answer is there.
                tokio::task::yield_now().await;
                let group = serde_json::json!({"apiVersion": "k3eks.io/v1alpha1", "kind": "Nodegroup",
                    "metadata": {"name": "workers", "namespace": "default"}, "spec": {"clusterName": "c1"}});
                let list = serde_json::json!({"apiVersion": "k3eks.io/v1alpha1", "kind": "NodegroupList", "metadata": {},
                    "items": [group]});
                Ok::<_, std::convert::Infallible>(http::Response::new(Body::from(list.to_string().into_bytes())))
            }
        });
        let (client, now) = (Client::new(service, "default"), NodegroupsNow::default());
        let id = |n: usize| ClusterId { namespace: "default".into(), name: format!("c{n}") };
        let all = futures::future::join_all((0..50).map(|n| {
            let (client, now, id) = (client.clone(), &now, id(n));
            async move { now.of(&client, &id).await.unwrap() }
        }))
        .await;
        assert_eq!(all[1], ["workers"]);
        assert!(all[2].is_empty());
        assert!(lists.load(Ordering::SeqCst) <= 2, "{lists:?}");
        let before = lists.load(Ordering::SeqCst);
        now.of(&client, &id(1)).await.unwrap();
        assert_eq!(lists.load(Ordering::SeqCst), before + 1, "a later question is asked anew");
    }
}
