//! The endpoint: the API server answers this host, and a pod by its own address, and runs the version that the status tells.

use std::time::Duration;

use crd::names::minor;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::api::ListParams;
use text::sentence;

use super::environment::Environment;
use super::finding::Outcome;
use super::task::Task;

const LIMIT: Duration = Duration::from_secs(45);
const ANSWER: Duration = Duration::from_secs(10);

/// Asks from here, as the kubeconfig says.
pub async fn from_here(env: &Environment) -> Outcome {
    let status = env.cluster.status.clone().unwrap_or_default();
    let endpoint = status.endpoint.unwrap_or_default();
    let mend = "k3eks kubeconfig prints the way in; docker ps shows the server and the port that it publishes";
    let expected = format!("{endpoint} answers with Kubernetes {}", status.version.clone().unwrap_or_default());
    let asked = tokio::time::timeout(ANSWER, env.child.apiserver_version()).await;
    let version = match asked {
        Ok(Ok(version)) => version.git_version,
        Ok(Err(error)) => return Outcome::fails(format!("{endpoint}: {}", sentence(&error)), expected, mend),
        Err(_) => {
            return Outcome::fails(format!("{endpoint} takes longer than {} s", ANSWER.as_secs()), expected, mend);
        }
    };
    let reported = status.version.unwrap_or_default();
    if minor(&version) == minor(&reported) {
        return Outcome::ok(format!("{endpoint} answers with {version}"));
    }
    Outcome::fails(
        format!("{endpoint} answers with {version}, and the cluster's status says {reported}"),
        expected,
        "kubectl describe eks says what the operator is at",
    )
}

/// Asks each server from a pod, by its address in the nodes' network.
pub async fn from_a_pod(env: &Environment) -> Outcome {
    if env.workers().is_empty() {
        return Outcome::skipped("the cluster has no node that takes pods");
    }
    let servers = match servers(env).await {
        Ok(servers) => servers,
        Err(error) => {
            return Outcome::fails(
                format!("looking for the servers' addresses: {}", sentence(&error)),
                "a list",
                "k3eks logs shows what the API server says",
            );
        }
    };
    if servers.is_empty() {
        return Outcome::fails(
            "the Service kubernetes has no endpoint",
            "the address of each server",
            "k3eks logs shows what the API server says",
        );
    }
    let script = script(&servers);
    let ended = match (Task { name: "endpoint", script: &script, account: None, node: None, claim: None })
        .run(env, LIMIT)
        .await
    {
        Ok(ended) => ended,
        Err(outcome) => return outcome,
    };
    if ended.well {
        return Outcome::ok(format!("{} answers in a pod", servers.join(", ")));
    }
    Outcome::fails(
        ended.said,
        format!("{} answers over TLS, and wants to know who asks", servers.join(", ")),
        "docker ps shows whether the servers run, docker network inspect whether they are in one network with the nodes",
    )
}

/// Address and port of each server.
async fn servers(env: &Environment) -> Result<Vec<String>, kube::Error> {
    let api = Api::<EndpointSlice>::namespaced(env.child.clone(), "default");
    let slices = api.list(&ListParams::default().labels("kubernetes.io/service-name=kubernetes")).await?;
    let of = |slice: EndpointSlice| {
        let port = slice.ports.iter().flatten().find_map(|port| port.port).unwrap_or(6443);
        slice.endpoints.into_iter().flat_map(|e| e.addresses).map(move |a| format!("{a}:{port}")).collect::<Vec<_>>()
    };
    Ok(slices.items.into_iter().flat_map(of).collect())
}

/// Any answer over HTTPS will do: an anonymous request is refused. A server that doesn't like what a small wget offers
/// says that over TLS, too.
fn script(servers: &[String]) -> String {
    format!(
        "for server in {}; do
  for try in 1 2 3 4 5; do
    said=$(timeout 5 wget --no-check-certificate -q -O- https://$server/readyz 2>&1) && continue 2
    case $said in *' 401 '* | *' 403 '* | *'TLS error from peer'*) continue 2 ;; esac
    sleep 1
  done
  echo \"https://$server doesn't answer: $said\"
  exit 1
done",
        servers.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_whether_it_lets_in_or_not() {
        let servers = ["10.0.0.1:6443".to_owned(), "10.0.0.2:6443".to_owned()];
        let shell = |answer: &str| {
            let stub = format!(
                "wget() {{ {answer}; }}; timeout() {{ shift; \"$@\"; }}; sleep() {{ :; }}\n{}",
                script(&servers)
            );
            let output = std::process::Command::new("sh").args(["-c", &stub]).output().unwrap();
            (output.status.success(), String::from_utf8(output.stdout).unwrap())
        };
        assert!(shell("echo ok").0);
        assert!(shell("echo 'wget: server returned error: HTTP/1.1 401 Unauthorized'; return 1").0);
        assert!(shell("echo 'wget: TLS error from peer (alert code 40): handshake failure'; return 1").0);
        let (well, said) = shell("case $4 in *10.0.0.2*) echo refused; return 1;; esac");
        assert!(!well && said.contains("10.0.0.2:6443 doesn't answer: refused"), "{said}");
    }
}
