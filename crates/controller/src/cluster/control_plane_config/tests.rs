//! What the servers of clusters that exist already were started with. A difference here restarts every running cluster.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use super::*;
use crate::cluster::server_keys;
use crate::fixtures::{self, active};

fn service() -> IdentityService {
    IdentityService {
        host: "172.18.0.2".into(),
        webhook_port: 9443,
        pods_port: 9080,
        registry_port: None,
        ca_pem: "CA".into(),
    }
}

/// OIDC providers: one with everything, one with EKS's defaults, one known by e-mail, and one without a prefix.
fn providers() -> Vec<Arc<IdentityProviderConfig>> {
    let common =
        json!({"clusterName": "demo", "identityProviderConfigName": "x", "type": "oidc", "clientId": "kubernetes"});
    let all = [
        json!({
            "issuerUrl": "https://one.example", "usernameClaim": "name", "usernamePrefix": "one:", "groupsClaim": "groups",
            "groupsPrefix": "g:", "requiredClaims": {"team": "a", "site": "b"}, "certificateAuthority": "PEM",
        }),
        json!({"issuerUrl": "https://two.example", "groupsClaim": "roles"}),
        json!({"issuerUrl": "https://three.example", "usernameClaim": "email"}),
        json!({"issuerUrl": "https://four.example", "usernamePrefix": "-"}),
    ];
    let config = |own: Value| {
        let mut spec = common.clone();
        spec.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        let object = json!({
            "apiVersion": "k3eks.io/v1alpha1", "kind": "IdentityProviderConfig", "metadata": {"name": "x"}, "spec": spec,
        });
        Arc::new(serde_json::from_value(object).unwrap())
    };
    all.into_iter().map(config).collect()
}

/// The arguments and files that the servers of a cluster start with, one after the other.
fn started_with(
    cluster: &EKSClusterConfig,
    mut plan: DesiredCluster,
    identity: Option<&IdentityService>,
    providers: &[Arc<IdentityProviderConfig>],
) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let (private, public) = (key.serialize_pem().replace("\r\n", "\n"), key.public_key_pem().replace("\r\n", "\n"));
    let data = [("service-account.pem", private.as_str()), ("encryption.key", "a2V5"), ("webhook.tokens", "t1\nt2")];
    let data = data.map(|(name, value)| (name.to_owned(), ByteString(value.as_bytes().to_vec()))).into();
    let keys = server_keys::written(cluster, &Secret { data: Some(data), ..Secret::default() }).unwrap();
    plan.server = settings(&plan, cluster, identity, providers);
    let mut all = format!("endpoint {:?}\n", plan.server.endpoint);
    let first = ["--disable=traefik".to_owned(), format!("--service-cidr={}", plan.service_cidr)];
    for argument in first.iter().chain(&plan.server.arguments) {
        all.push_str(&format!("{argument}\n"));
    }
    for file in plan.server.files.iter().chain(&keys) {
        let content = file.content.replace(&private, "(private key)\n").replace(&public, "(public key)\n");
        all.push_str(&format!("--- {:?} {}\n{content}", file.kind, file.path));
    }
    all
}

#[test]
fn what_servers_start_with_stays_as_it_is() {
    let spec = json!({
        "loggingTypes": ["audit", "api"], "secretsEncryption": true, "hibernateAfter": "30m",
        "publicAccess": true, "publicAccessSources": ["203.0.113.0/24"],
    });
    let (bare, full) = (fixtures::cluster(json!({}), active()), fixtures::cluster(spec, active()));
    let of = |version: &str, cidr: &str| DesiredCluster {
        version: version.into(),
        service_cidr: cidr.into(),
        ..fixtures::cluster_plan()
    };
    let usual = "10.100.0.0/16";
    let (identity, none) = (service(), Vec::new());
    let all = [
        ("bare", started_with(&bare, of("1.35", usual), None, &none)),
        ("led to the identity service", started_with(&bare, of("1.35", usual), Some(&identity), &none)),
        ("everything", started_with(&full, of("1.35", usual), Some(&identity), &providers())),
        (
            "the first that reads providers",
            started_with(&bare, of("1.30", "172.20.0.0/20"), Some(&identity), &providers()),
        ),
        ("the last that doesn't", started_with(&full, of("1.29", usual), Some(&identity), &providers())),
        ("no address for services", started_with(&bare, of("1.35", "fd00::/108"), Some(&identity), &providers())),
    ];
    let all: String = all.iter().map(|(name, text)| format!("=== {name}\n{text}\n")).collect();
    let expected = include_str!("started_with.txt");
    assert_eq!(all, expected);
}

#[test]
fn nobody_is_let_in_without_a_name() {
    let settings = settings(&fixtures::cluster_plan(), &fixtures::cluster(json!({}), json!({})), Some(&service()), &[]);
    assert!(settings.arguments.contains(&"--kube-apiserver-arg=anonymous-auth=false".to_owned()));
}
