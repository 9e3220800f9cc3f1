//! How to reach a cluster's API server as administrator.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::models::ContainerInspectResponse;
use serde_json::Value;

use super::containers::address;
use super::endpoint::OPERATOR_PORT;
use provider::{Access, DesiredCluster};

/// Port of an API server in its container.
const API_PORT: u16 = 6443;
/// Where k3s writes the administrator's kubeconfig.
pub const KUBECONFIG: &str = "/output/kubeconfig.yaml";

/// Where a server's API is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Host port that it is published on.
    pub port: u16,
    /// Address in its network.
    pub address: Option<String>,
}

impl Place {
    /// Of a running server; `None` while Docker hasn't published it.
    pub fn of(server: &ContainerInspectResponse) -> Option<Self> {
        let settings = server.network_settings.as_ref()?;
        let bindings = settings.ports.as_ref()?.get(&format!("{API_PORT}/tcp"))?.as_ref()?;
        let port = bindings.iter().find_map(|binding| binding.host_port.as_ref()?.parse().ok())?;
        let network = server.config.as_ref()?.labels.as_ref()?.get("k3d.cluster.network");
        let address = network.and_then(|network| address(settings.networks.as_ref()?, network));
        Some(Self { port, address })
    }
}

/// k3s's kubeconfig, made to lead to `place` from outside and named after the cluster; `None` while k3s hasn't
/// finished writing it.
pub fn access(plan: &DesiredCluster, host: &str, place: &Place, kubeconfig: &[u8]) -> Option<Access> {
    let mut config: Value = yaml::read(std::str::from_utf8(kubeconfig).ok()?).ok()?;
    let bare = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let endpoint = format!("https://{bare}:{}", place.port);
    let name = Value::from(plan.eks_name.as_str());
    let cluster = config.get_mut("clusters")?.get_mut(0)?;
    *cluster.get_mut("name")? = name.clone();
    *cluster.get_mut("cluster")?.get_mut("server")? = Value::from(endpoint.as_str());
    let ca = cluster.get("cluster")?.get("certificate-authority-data")?.as_str()?;
    let ca_pem = String::from_utf8(STANDARD.decode(ca).ok()?).ok()?;
    let user = config.get_mut("users")?.get_mut(0)?;
    *user.get_mut("name")? = name.clone();
    user.get("user")?.get("client-key-data")?;
    let context = config.get_mut("contexts")?.get_mut(0)?;
    *context.get_mut("name")? = name.clone();
    *context.get_mut("context")?.get_mut("cluster")? = name.clone();
    *context.get_mut("context")?.get_mut("user")? = name.clone();
    *config.get_mut("current-context")? = name;
    Some(Access {
        kubeconfig: yaml::write(&config).ok()?,
        endpoint,
        internal: place.address.clone().map(|address| (address, API_PORT)),
        direct: place.address.clone().map(|address| (address, OPERATOR_PORT)),
        placement: Some(place.port),
        ca_pem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use provider::ClusterId;
    use serde_json::json;

    const K3S: &str = "\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: LS0tQ0EtLS0=
    server: https://127.0.0.1:6443
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
preferences: {}
users:
- name: default
  user:
    client-certificate-data: Y2VydA==
    client-key-data: a2V5
";

    fn plan() -> DesiredCluster {
        DesiredCluster {
            id: ClusterId { namespace: "default".into(), name: "dev-1".into() },
            eks_name: "Dev_1".into(),
            account: "000000000000".into(),
            region: String::new(),
            version: String::new(),
            image: String::new(),
            servers: 1,
            service_cidr: String::new(),
            placement: None,
            tls_names: vec![],
            public_endpoint: provider::PublicEndpoint::default(),
            control_plane: None,
            endpoint_id: String::new(),
            import: None,
        }
    }

    fn place() -> Place {
        Place { port: 16500, address: Some("172.18.0.2".into()) }
    }

    #[test]
    fn the_kubeconfig_leads_to_the_published_port_under_the_clusters_name() {
        let access = access(&plan(), "127.0.0.1", &place(), K3S.as_bytes()).unwrap();
        let shown = format!("{access:?}");
        assert_eq!(access.endpoint, "https://127.0.0.1:16500");
        assert_eq!(access.internal, Some(("172.18.0.2".into(), 6443)));
        assert_eq!((access.direct, access.placement), (Some(("172.18.0.2".into(), OPERATOR_PORT)), Some(16500)));
        assert_eq!(access.ca_pem, "---CA---");
        let config: Value = yaml::read(&access.kubeconfig).unwrap();
        assert_eq!(config["clusters"][0]["cluster"]["server"], "https://127.0.0.1:16500");
        for name in [
            &config["clusters"][0]["name"],
            &config["users"][0]["name"],
            &config["contexts"][0]["name"],
            &config["contexts"][0]["context"]["cluster"],
            &config["contexts"][0]["context"]["user"],
            &config["current-context"],
        ] {
            assert_eq!(name, "Dev_1");
        }
        assert_eq!(config["users"][0]["user"]["client-key-data"], "a2V5");
        assert!(!shown.contains("a2V5"), "no keys in logs");
    }

    #[test]
    fn an_address_of_version_6_is_bracketed() {
        let access = access(&plan(), "::1", &place(), K3S.as_bytes()).unwrap();
        assert_eq!(access.endpoint, "https://[::1]:16500");
    }

    #[test]
    fn a_half_written_kubeconfig_is_none_yet() {
        for end in (0..K3S.len() - 8).step_by(7) {
            let half = &K3S.as_bytes()[..end];
            assert!(access(&plan(), "127.0.0.1", &place(), half).is_none(), "{end}");
        }
    }

    #[test]
    fn the_place_is_what_docker_says() {
        let server = |ports| {
            serde_json::from_value(json!({
                "Config": {"Labels": {"k3d.cluster.network": "net"}},
                "NetworkSettings": {"Ports": {"6443/tcp": ports}, "Networks": {"net": {"IPAddress": "172.18.0.2"}}},
            }))
            .unwrap()
        };
        let bound = server(json!([{"HostIp": "127.0.0.1", "HostPort": "16500"}]));
        assert_eq!(Place::of(&bound), Some(place()));
        assert_eq!(Place::of(&server(json!(null))), None);
        assert_eq!(Place::of(&ContainerInspectResponse::default()), None);
    }
}
