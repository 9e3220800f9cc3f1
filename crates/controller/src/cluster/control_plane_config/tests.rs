//! What the servers of clusters that exist already were started with. A difference here restarts every running cluster.

use std::fmt::Write as _;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use super::*;
use crate::cluster::{endpoint_access, server_keys};
use crate::fixtures::{self, active, identity_service};

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
    let keys = server_keys::kept(cluster, &Secret { data: Some(data), ..Secret::default() }).unwrap();
    let bare = control_plane(&plan, cluster, identity, providers);
    plan.control_plane = Some(ControlPlane { keys: Some(keys), ..bare });
    let mut all = format!("endpoint {:?}\n", endpoint_access::endpoint(cluster));
    for argument in k3s::server::arguments(&plan, &[]) {
        writeln!(all, "{argument}").unwrap();
    }
    for file in k3s::server::files(&plan) {
        let content = file.content.replace(&private, "(private key)\n").replace(&public, "(public key)\n");
        write!(all, "--- {:?} {}\n{content}", file.kind, file.path).unwrap();
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
    let (identity, none) = (identity_service(), Vec::new());
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
    let all: Vec<String> = all.iter().map(|(name, text)| format!("=== {name}\n{text}\n")).collect();
    let expected = include_str!("started_with.txt");
    assert_eq!(all.concat(), expected);
}

#[test]
fn nobody_is_let_in_without_a_name() {
    let (mut plan, cluster) = (fixtures::cluster_plan(), fixtures::cluster(json!({}), json!({})));
    plan.control_plane = Some(control_plane(&plan, &cluster, Some(&identity_service()), &[]));
    let arguments = k3s::server::arguments(&plan, &[]);
    assert!(arguments.contains(&"--kube-apiserver-arg=anonymous-auth=false".to_owned()));
}

#[test]
fn other_settings_have_another_digest_and_keys_have_none() {
    let of = |spec: Value, identity: Option<&IdentityService>, providers: &[Arc<IdentityProviderConfig>]| {
        let (mut plan, cluster) = (fixtures::cluster_plan(), fixtures::cluster(spec, active()));
        plan.public_endpoint = endpoint_access::endpoint(&cluster);
        plan.control_plane = Some(control_plane(&plan, &cluster, identity, providers));
        plan
    };
    let service = identity_service();
    let all = [
        of(json!({}), None, &[]),
        of(json!({"loggingTypes": ["audit"]}), None, &[]),
        of(json!({"secretsEncryption": true}), None, &[]),
        of(json!({"publicAccess": false}), None, &[]),
        of(json!({}), Some(&service), &[]),
        of(json!({}), Some(&service), &providers()),
    ];
    let digests: std::collections::BTreeSet<String> = all.iter().map(digest).collect();
    assert_eq!(digests.len(), all.len());
    let mut signed = all[0].clone();
    let keys = provider::ServerKeys {
        signing: "s".into(),
        checking: "c".into(),
        webhook_token: "t".into(),
        encryption: "e".into(),
    };
    signed.control_plane.as_mut().unwrap().keys = Some(keys);
    assert_eq!(digest(&signed), digest(&all[0]));
}
