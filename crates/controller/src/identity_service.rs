//! The identity service, as child clusters find it: it signs people and pods in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crd::identity_service::{self as service, nth_address};
use provider::{Credentials, DesiredCluster, NodeRegistry};
use registry_credentials::{Holder, Key};

/// Where child clusters reach the identity service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityService {
    /// Address on the clusters' network.
    pub host: String,
    /// Port of the webhooks, HTTPS.
    pub webhook_port: u16,
    /// Port for pods, HTTP.
    pub pods_port: u16,
    /// Port of the container registry for nodes, HTTP; `None`: there is none.
    pub registry_port: Option<u16>,
    /// Signs credentials for the registry; `None`: it asks nodes for none.
    pub registry_key: Option<Key>,
    /// Its certificate authority, PEM.
    pub ca_pem: String,
}

impl IdentityService {
    /// The registry that nodes of the cluster pull from, where there is one.
    pub fn registry_of(&self, plan: &DesiredCluster) -> Option<NodeRegistry> {
        let port = self.registry_port?;
        let credentials = self.registry_key.as_ref().map(|key| {
            let holder = Holder::Cluster {
                account: plan.account.clone(),
                namespace: plan.id.namespace.clone(),
                name: plan.id.name.clone(),
            };
            Credentials { username: holder.user().to_owned(), password: key.password(holder, None) }
        });
        Some(NodeRegistry {
            address: format!("{}:{port}", self.host),
            name: arn::registry(&plan.account, &plan.region),
            credentials,
        })
    }
}

/// Objects in the child cluster that point to the identity service: API path and body. Its addresses appear twice, for
/// kube-proxy and for API servers up to Kubernetes 1.33, which call webhooks by address and not by Service.
pub fn objects(plan: &DesiredCluster, wanted: &IdentityService) -> Vec<(String, Value)> {
    let Some(address) = nth_address(&plan.service_cidr, service::ADDRESS) else { return Vec::new() };
    let (name, namespace) = (service::SERVICE, service::NAMESPACE);
    let labels = json!({"app.kubernetes.io/managed-by": "k3eks"});
    let core = format!("/api/v1/namespaces/{namespace}/services/{name}");
    let in_cluster = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "type": "ClusterIP", "clusterIP": address,
            "ports": [
                {"name": "https", "port": 443, "protocol": "TCP", "targetPort": wanted.webhook_port},
                {"name": "http", "port": 80, "protocol": "TCP", "targetPort": wanted.pods_port},
            ],
        },
    });
    let mut unmirrored = labels.clone();
    unmirrored["endpointslice.kubernetes.io/skip-mirror"] = "true".into();
    let endpoints = json!({
        "apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": name, "namespace": namespace, "labels": unmirrored},
        "subsets": [{"addresses": [{"ip": wanted.host}], "ports": ports(wanted)}],
    });
    let mut labelled = labels.clone();
    labelled["kubernetes.io/service-name"] = name.into();
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": namespace, "labels": labelled},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [wanted.host], "conditions": {"ready": true}}],
        "ports": ports(wanted),
    });
    let admission = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "pod-identity-webhook", "labels": labels},
        "webhooks": [{
            "name": "iam-for-pods.amazonaws.com",
            "clientConfig": {
                "service": {
                    "name": name, "namespace": namespace, "port": 443,
                    "path": service::admission_path(&plan.id.namespace, &plan.id.name),
                },
                "caBundle": STANDARD.encode(&wanted.ca_pem),
            },
            "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
            "objectSelector": {"matchExpressions": [{"key": "eks.amazonaws.com/skip-pod-identity-webhook", "operator": "DoesNotExist"}]},
            "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Ignore",
            "reinvocationPolicy": "IfNeeded", "timeoutSeconds": 5,
        }],
    });
    vec![
        (core, in_cluster),
        (format!("/api/v1/namespaces/{namespace}/endpoints/{name}"), endpoints),
        (format!("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices/{name}"), slice),
        (
            "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/pod-identity-webhook".to_owned(),
            admission,
        ),
    ]
}

/// Where the identity service listens.
fn ports(wanted: &IdentityService) -> Value {
    json!([
        {"name": "https", "port": wanted.webhook_port, "protocol": "TCP"},
        {"name": "http", "port": wanted.pods_port, "protocol": "TCP"},
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{self, identity_service};

    #[test]
    fn nodes_have_credentials_of_their_cluster_and_its_account() {
        let plan = fixtures::cluster_plan();
        let with = |registry_port, registry_key| IdentityService { registry_port, registry_key, ..identity_service() };
        let key = Key::new(vec![7; 32]).unwrap();
        assert_eq!(with(None, Some(key.clone())).registry_of(&plan), None);
        assert_eq!(with(Some(30459), None).registry_of(&plan).unwrap().credentials, None);
        let found = with(Some(30459), Some(key.clone())).registry_of(&plan).unwrap();
        assert_eq!(found.address, "172.18.0.2:30459");
        assert_eq!(found.name, "000000000000.dkr.ecr.us-east-1.amazonaws.com");
        let Credentials { username, password } = found.credentials.unwrap();
        let holder = Holder::Cluster {
            account: plan.account.clone(),
            namespace: plan.id.namespace.clone(),
            name: plan.id.name.clone(),
        };
        assert_eq!(key.verify(Some(&registry_credentials::basic(&username, &password)), 0), Ok(holder));
        let other = DesiredCluster { account: "111122223333".into(), ..plan };
        assert_ne!(with(Some(1), Some(key)).registry_of(&other).unwrap().credentials.unwrap().password, password);
    }

    #[test]
    fn the_identity_service_is_found_by_both_kinds_of_endpoints_and_is_no_load_balancer() {
        let all = objects(&fixtures::cluster_plan(), &identity_service());
        let of = |kind: &str| &all.iter().find(|(_, body)| body["kind"] == kind).unwrap().1;
        let endpoints = of("Endpoints");
        assert_eq!(endpoints["subsets"][0]["addresses"], json!([{"ip": "172.18.0.2"}]));
        assert_eq!(endpoints["subsets"][0]["ports"], of("EndpointSlice")["ports"]);
        assert_eq!(endpoints["metadata"]["labels"]["endpointslice.kubernetes.io/skip-mirror"], "true");
        assert_eq!(of("Service")["spec"]["type"], "ClusterIP", "k3s's own load balancer serves every other type");
        assert!(all.iter().all(|(path, _)| !path.ends_with("/status")));
    }
}
