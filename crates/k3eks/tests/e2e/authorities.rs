//! Another certificate authority for a cluster: trusted, then signing, then alone; who knows only the old one is let in until it goes.

use std::time::Duration;

use serde_json::json;

use crate::support::{Child, Environment};
use crate::{CLUSTER, cluster};

/// Every node is replaced by another, drained before it goes.
const ROLLED: Duration = Duration::from_secs(180);

/// Names of the group's nodes that are Ready.
fn nodes(child: &Child) -> Vec<String> {
    let path =
        "jsonpath={range .items[*]}{.metadata.name} {.status.conditions[?(@.type==\"Ready\")].status}{\"\\n\"}{end}";
    let all = child.kubectl(&["get", "nodes", "-leks.amazonaws.com/nodegroup=workers", "-o", path]).unwrap_or_default();
    all.lines().filter_map(|line| line.strip_suffix(" True")).map(str::to_owned).collect()
}

/// What the API server says to who comes by `child` but trusts only the certificate in this Secret.
fn asked_by_who_trusts(env: &Environment, child: &Child, secret: &str) -> Result<String, String> {
    let certificate = env.get(secret, r"{.data.tls\.crt}");
    child.trusting(&certificate).kubectl(&["get", "--raw", "/readyz"])
}

fn sign(env: &Environment, name: &str) {
    env.change("eks/demo", &json!({"certificateAuthority": name}));
    env.wait("eks/demo", "{.status.certificateAuthority.signer}", name, CLUSTER);
    env.wait("eks/demo", "{.status.conditions[?(@.type==\"Ready\")].status}", "True", CLUSTER);
}

#[test]
fn a_certificate_authority_is_replaced_and_nobody_is_shut_out_before_the_old_one_goes() {
    let env = Environment::new("authorities");
    env.apply(&cluster("demo", json!({"displayName": "certified", "nodeGroups": [{"nodegroupName": "workers", "desiredSize": 1, "maxSize": 2}]})));
    env.wait("ng/demo-workers", "{.status.phase}", "Active", CLUSTER);
    let old = env.child("demo");
    let before = nodes(&old);
    assert_eq!(before.len(), 1, "{before:?}");

    env.apply(&json!({"apiVersion": "k3eks.io/v1alpha1", "kind": "CertificateAuthority", "metadata": {"name": "next"}, "spec": {"clusterName": "demo"}}));
    env.wait("certificateauthority/next", "{.status.phase}", "Active", CLUSTER);
    let made_with = env.get("eks/demo", "{.status.certificateAuthority.signer}");
    let trusted = env.get("eks/demo", "{.status.certificateAuthority.trusted[*]}");
    assert_eq!(trusted.split(' ').collect::<Vec<_>>(), [made_with.as_str(), "next"]);
    let next = "secret/next-tls";
    let first = format!("secret/{made_with}-tls");
    assert!(asked_by_who_trusts(&env, &old, next).is_err(), "it doesn't sign yet");

    sign(&env, "next");
    assert_eq!(asked_by_who_trusts(&env, &old, next).as_deref(), Ok("ok"), "it signs");
    assert_eq!(asked_by_who_trusts(&env, &old, &first).as_deref(), Ok("ok"), "the old one vouches for it");
    old.kubectl(&["get", "nodes"]).expect("the old way in, with the old client's certificate");
    let rolled = |child: &Child| {
        env.until("other nodes", ROLLED, || {
            let now = nodes(child);
            (now.len() == 1 && now != before).then_some(now)
        })
    };
    let after = rolled(&old);

    // Back, and again. The old one goes when no node is left that it certified.
    sign(&env, &made_with);
    assert!(asked_by_who_trusts(&env, &old, &first).is_ok() && asked_by_who_trusts(&env, &old, next).is_ok());
    env.until("nodes that the old one certified", ROLLED, || {
        let now = nodes(&old);
        (now.len() == 1 && now != after).then_some(())
    });
    sign(&env, "next");
    env.kubectl(&["delete", "certificateauthority", &made_with]).unwrap();
    env.wait("eks/demo", "{.status.certificateAuthority.trusted[*]}", "next", ROLLED);
    env.wait("eks/demo", "{.status.conditions[?(@.type==\"Ready\")].status}", "True", CLUSTER);
    let refused = old.kubectl(&["get", "nodes"]).unwrap_err();
    assert!(refused.contains("certificate"), "{refused}");
    let new = env.until("the new way in", CLUSTER, || {
        let new = env.child("demo");
        new.kubectl(&["get", "nodes"]).is_ok().then_some(new)
    });
    let refused = asked_by_who_trusts(&env, &new, next);
    assert_eq!(refused.as_deref(), Ok("ok"));
    // The nodes go on, and so do pods on them.
    new.kubectl(&[
        "run",
        "after",
        "--image=busybox:1.36",
        "--image-pull-policy=IfNotPresent",
        "--restart=Never",
        "--",
        "true",
    ])
    .unwrap();
    new.kubectl(&["wait", "pod/after", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s"]).unwrap();
    env.wait("ng/demo-workers", "{.status.phase}", "Active", CLUSTER);
    assert_eq!(nodes(&new).len(), 1);
    env.verify("demo");
    env.kubectl(&["delete", "eks/demo", "--timeout=120s"]).unwrap();
    env.nothing_left();
}
