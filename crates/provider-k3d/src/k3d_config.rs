//! k3d's configuration file for a cluster (`k3d.io/v1alpha5`), handed over on standard input.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::settings::K3dSettings;
use super::{addresses, names};
use k3s::server::File;
use provider::DesiredCluster;

/// The configuration of `plan`'s cluster, its API server on host port `port`. Several servers have the network and addresses of `place`. JSON,
/// which k3d reads as YAML.
pub fn document(
    settings: &K3dSettings,
    plan: &DesiredCluster,
    port: u16,
    place: Option<&(String, Vec<Ipv4Addr>)>,
) -> Value {
    let name = names::cluster(&settings.instance, &plan.id);
    let labels = names::labels(&settings.instance, &plan.id, &plan.image);
    let several = plan.servers > 1;
    let on = if several { vec!["server:*", "loadbalancer"] } else { vec!["server:*"] };
    let mut labels: Vec<Value> =
        labels.into_iter().map(|(k, v)| json!({"label": format!("{k}={v}"), "nodeFilters": on})).collect();
    let arguments = server_arguments(settings, plan, &name);
    let mut arguments: Vec<Value> =
        arguments.into_iter().map(|arg| json!({"arg": arg, "nodeFilters": ["server:*"]})).collect();
    if let Some((_, all)) = place {
        let label = format!("{}={}", addresses::LABEL, addresses::label(all));
        labels.push(json!({"label": label, "nodeFilters": ["server:*"]}));
        let own = |(number, address): (usize, &Ipv4Addr)| json!({"arg": format!("{}{address}", addresses::ARGUMENT), "nodeFilters": [format!("server:{number}")]});
        arguments.extend(all.iter().enumerate().map(own));
    }
    let mut document = json!({
        "apiVersion": "k3d.io/v1alpha5",
        "kind": "Simple",
        "metadata": {"name": name},
        "servers": plan.servers,
        "agents": 0,
        "image": plan.image,
        "kubeAPI": {
            "host": settings.endpoint_host,
            "hostIP": settings.bind_address.to_string(),
            "hostPort": port.to_string(),
        },
        "options": {
            "k3d": {
                "wait": true,
                "timeout": format!("{}s", settings.limits.wait.as_secs()),
                "disableLoadbalancer": !several,
                // A cluster that answers stays, even if k3d's last steps fail.
                "disableRollback": true,
            },
            "k3s": {"extraArgs": arguments},
            "kubeconfig": {"updateDefaultKubeconfig": false, "switchCurrentContext": false},
            "runtime": {"labels": labels},
        },
    });
    let files = k3s::server::files(plan);
    if !files.is_empty() {
        let file = |f: &File| json!({"source": f.content, "destination": f.path, "nodeFilters": ["server:*"]});
        document["files"] = files.iter().map(file).collect();
    }
    if let Some(network) = place.map(|(network, _)| network).or(settings.network.as_ref()) {
        document["network"] = json!(network);
    }
    document
}

fn server_arguments(settings: &K3dSettings, plan: &DesiredCluster, name: &str) -> Vec<String> {
    let mut names = vec![settings.endpoint_host.clone()];
    names.extend(names::servers(name, plan.servers));
    names.extend((plan.servers > 1).then(|| names::balancer(name)));
    for name in &plan.tls_names {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    k3s::server::arguments(plan, &names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use provider::{ClusterId, ControlPlane, PublicEndpoint};

    fn plan() -> DesiredCluster {
        DesiredCluster {
            id: ClusterId { namespace: "default".into(), name: "dev".into() },
            eks_name: "Dev".into(),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            version: "1.35".into(),
            image: "rancher/k3s:v1.35.7-k3s1".into(),
            servers: 1,
            service_cidr: "10.100.0.0/16".into(),
            placement: None,
            tls_names: vec!["dev.default.svc".into(), "127.0.0.1".into()],
            public_endpoint: PublicEndpoint::default(),
            control_plane: None,
            endpoint_id: String::new(),
            import: None,
        }
    }

    fn arguments(document: &Value) -> Vec<&str> {
        let arguments = document["options"]["k3s"]["extraArgs"].as_array().unwrap();
        arguments.iter().map(|a| a["arg"].as_str().unwrap()).collect()
    }

    #[test]
    fn the_document_says_what_k3d_is_to_make() {
        let settings = K3dSettings::new("me");
        let document = document(&settings, &plan(), 16500, None);
        let name = names::cluster("me", &plan().id);
        assert_eq!(document["metadata"]["name"], name);
        assert_eq!(document["kubeAPI"], json!({"host": "127.0.0.1", "hostIP": "127.0.0.1", "hostPort": "16500"}));
        assert_eq!(
            arguments(&document),
            [
                "--disable=traefik,metrics-server",
                "--service-cidr=10.100.0.0/16",
                "--tls-san=127.0.0.1",
                &format!("--tls-san=k3d-{name}-server-0"),
                "--tls-san=dev.default.svc",
            ]
        );
        assert_eq!(document["options"]["k3d"]["timeout"], "120s");
        assert_eq!(document["options"]["kubeconfig"]["updateDefaultKubeconfig"], false);
        assert!(document.get("network").is_none());
    }

    #[test]
    fn several_servers_get_a_balancer_whose_name_their_certificates_have() {
        let place = ("net".to_owned(), [7, 8, 9].map(|n| Ipv4Addr::new(10, 0, 0, n)).to_vec());
        let three = document(&K3dSettings::new("me"), &DesiredCluster { servers: 3, ..plan() }, 16500, Some(&place));
        let name = names::cluster("me", &plan().id);
        assert_eq!((&three["servers"], &three["options"]["k3d"]["disableLoadbalancer"]), (&json!(3), &json!(false)));
        for host in ["server-0", "server-1", "server-2", "serverlb"] {
            let wanted = format!("--tls-san=k3d-{name}-{host}");
            assert!(arguments(&three).contains(&wanted.as_str()), "{wanted}");
        }
        assert_eq!(three["network"], "net");
        let addresses: Vec<&Value> =
            three["options"]["k3s"]["extraArgs"].as_array().unwrap().iter().rev().take(3).rev().collect();
        assert_eq!(
            *addresses[1],
            json!({"arg": "--node-ip=10.0.0.8", "nodeFilters": ["server:1"]}),
            "each has its own, which stays"
        );
        let label = json!({"label": "k3eks.io/addresses=10.0.0.7-10.0.0.8-10.0.0.9", "nodeFilters": ["server:*"]});
        assert!(three["options"]["runtime"]["labels"].as_array().unwrap().contains(&label));
        assert_eq!(three["options"]["runtime"]["labels"][0]["nodeFilters"], json!(["server:*", "loadbalancer"]));
        assert_eq!(
            document(&K3dSettings::new("me"), &plan(), 16500, None)["options"]["k3d"]["disableLoadbalancer"],
            true
        );
    }

    #[test]
    fn a_network_is_joined_and_files_go_along() {
        let settings = K3dSettings { network: Some("mgmt".into()), ..K3dSettings::new("me") };
        let control_plane = ControlPlane { dns: Some("10.100.0.10".into()), ..ControlPlane::default() };
        let plan = DesiredCluster { control_plane: Some(control_plane), ..plan() };
        let document = document(&settings, &plan, 1, None);
        assert_eq!(document["network"], "mgmt");
        let file = &document["files"][0];
        assert_eq!(file["destination"], "/etc/k3eks/audit-policy.yaml");
        assert!(file["source"].as_str().unwrap().lines().count() > 1, "k3d takes one line for a file's name");
        assert_eq!(arguments(&document)[1..3], ["--service-cidr=10.100.0.0/16", "--cluster-dns=10.100.0.10"]);
        assert_eq!(arguments(&document).last(), Some(&"--tls-san=dev.default.svc"), "names come last");
    }
}
