//! DNS: pods find Services by name.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use text::sentence;

use super::environment::{CAUGHT_UP, Environment, WEB};
use super::finding::Outcome;
use super::task::{Task, until_none_is_missing};

/// How long names are asked for where no pod of CoreDNS is ready, in seconds.
const PATIENCE: u32 = 25;
const LIMIT: Duration = Duration::from_secs(85);

/// Looks up a Service that is always there, and one that is new.
pub async fn check(env: &Environment) -> Outcome {
    if env.workers().is_empty() {
        return Outcome::skipped("the cluster has no node that takes pods");
    }
    let api_server = Api::<Service>::namespaced(env.child.clone(), "default").get("kubernetes").await;
    let (api_server, web) = match (api_server, env.api::<Service>().get(WEB).await) {
        (Ok(api_server), Ok(web)) => (address(&api_server), address(&web)),
        (Err(error), _) | (_, Err(error)) => {
            return Outcome::fails(
                sentence(&error),
                "Services with an address",
                "k3eks logs shows what the API server says",
            );
        }
    };
    let names = [
        ("kubernetes.default.svc.cluster.local".to_owned(), api_server),
        (format!("{WEB}.{}.svc.cluster.local", env.namespace), web),
    ];
    let patience = if coredns(env).await.is_ok_and(|stand| stand.is_some_and(|(ready, _)| ready > 0)) {
        CAUGHT_UP
    } else {
        PATIENCE
    };
    let script = script(&names, patience);
    let ended =
        match (Task { name: "dns", script: &script, account: None, node: None, claim: None }).run(env, LIMIT).await {
            Ok(ended) => ended,
            Err(outcome) => return outcome,
        };
    if ended.well {
        return Outcome::ok(format!("{} and a Service that is new are found", names[0].0));
    }
    let expected: Vec<String> = names.iter().map(|(name, address)| format!("{name} is {address}")).collect();
    Outcome::fails(
        format!("{}; {}", ended.said, stands(coredns(env).await)),
        expected.join(", "),
        "kubectl -n kube-system get deploy,pods -l k8s-app=kube-dns; kubectl -n kube-system logs deploy/coredns",
    )
}

/// Asks until every name has its address, and ends with what was last answered.
fn script(names: &[(String, String)], patience: u32) -> String {
    let asks: Vec<String> = names
        .iter()
        .map(|(name, address)| {
            format!("said=$(timeout 3 nslookup {name} 2>&1); echo \"$said\" | grep -qw '{address}' || missing='{name}'")
        })
        .collect();
    until_none_is_missing(&asks, patience, r#""$missing isn't found:" $said"#)
}

fn address(service: &Service) -> String {
    service.spec.as_ref().and_then(|spec| spec.cluster_ip.clone()).unwrap_or_default()
}

/// How many pods of CoreDNS are ready, and how many should be; `None` where it isn't there.
async fn coredns(env: &Environment) -> Result<Option<(i32, i32)>, kube::Error> {
    let api = Api::<Deployment>::namespaced(env.child.clone(), "kube-system");
    let found = api.get_opt("coredns").await?;
    Ok(found.map(|deployment| {
        let ready = deployment.status.and_then(|status| status.ready_replicas);
        let wanted = deployment.spec.and_then(|spec| spec.replicas);
        (ready.unwrap_or(0), wanted.unwrap_or(1))
    }))
}

/// The same in words.
fn stands(coredns: Result<Option<(i32, i32)>, kube::Error>) -> String {
    match coredns {
        Ok(Some((ready, wanted))) => format!("Deployment coredns has {ready} of {wanted} pods ready"),
        Ok(None) => "there is no Deployment coredns in kube-system".into(),
        Err(error) => format!("Deployment coredns can't be looked at: {}", sentence(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_over_once_all_names_are_found() {
        let all = [("a.b".to_owned(), "10.0.0.1".to_owned()), ("c.d".to_owned(), "10.0.0.2".to_owned())];
        let shell = |answer: &str| {
            let stub = format!(
                "nslookup() {{ {answer}; }}; timeout() {{ shift; \"$@\"; }}; sleep() {{ :; }}\n{}",
                script(&all, 0)
            );
            let output = std::process::Command::new("sh").args(["-c", &stub]).output().unwrap();
            (output.status.success(), String::from_utf8(output.stdout).unwrap())
        };
        assert!(shell("case $1 in a.b) echo Address: 10.0.0.1;; *) echo Address: 10.0.0.2;; esac").0);
        let (well, said) = shell("[ $1 = a.b ] && echo 10.0.0.1 || echo NXDOMAIN");
        assert!(!well && said.contains("c.d isn't found") && said.contains("NXDOMAIN"), "{said}");
    }
}
