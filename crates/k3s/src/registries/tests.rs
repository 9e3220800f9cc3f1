use super::place::quoted;
use super::*;
use provider::{Credentials, Mirror, NodeRegistry, RegistryConfig};

fn mirror(registry: &str, endpoint: &str, rewrites: &[(&str, &str)]) -> Mirror {
    let rewrites = rewrites.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    Mirror { registry: registry.into(), endpoints: vec![endpoint.into()], rewrites }
}

fn own() -> NodeRegistry {
    NodeRegistry { address: "172.18.0.2:30459".into(), name: "registry.example".into(), credentials: None }
}

fn all() -> NodeRegistries {
    let credentials = Some(Credentials { username: "robot".into(), password: "pa\"ss".into() });
    let guarded = RegistryConfig { credentials, ca_pem: Some("PEM\n".into()), insecure_skip_verify: false };
    let unchecked = RegistryConfig { insecure_skip_verify: true, ..RegistryConfig::default() };
    NodeRegistries {
        own: Some(own()),
        mirrors: vec![
            mirror("docker.io", "https://mirror.example:5000", &[]),
            mirror("quay.io", "https://mirror.example:5000/v2/quay", &[("^(.*)$", "q\\.u/$1")]),
        ],
        configs: [("mirror.example:5000".to_owned(), guarded), ("lab".to_owned(), unchecked)].into(),
        complete: true,
    }
}

fn hosts(files: &Files, folder: &str) -> String {
    let one = files.hosts.iter().find(|one| one.folder == folder).unwrap();
    format!("{}--\n{}", one.server, one.mirrors)
}

#[test]
fn k3s_is_told_of_all_that_it_can_do() {
    assert_eq!(
        files(&all()).registries,
        r#"# Written by k3eks.
mirrors:
  "*":
    endpoint: ["http://172.18.0.2:30459"]
  "docker.io":
    endpoint: ["http://172.18.0.2:30459", "https://mirror.example:5000"]
  "lab":
    endpoint: ["http://172.18.0.2:30459"]
  "mirror.example:5000":
    endpoint: ["http://172.18.0.2:30459"]
  "registry.example":
    endpoint: ["http://172.18.0.2:30459"]
configs:
  "lab":
    tls: {insecure_skip_verify: true}
  "mirror.example:5000":
    auth: {username: "robot", password: "pa\"ss"}
    tls: {ca_file: "/etc/k3eks/registries/mirror.example:5000.crt"}
"#
    );
}

#[test]
fn containerd_asks_our_registry_then_the_mirror_then_the_one_that_is_named() {
    let files = files(&all());
    assert_eq!(
        hosts(&files, "docker.io"),
        r#"server = "https://registry-1.docker.io"
--
[host."http://172.18.0.2:30459"]
  capabilities = ["pull", "resolve"]
[host."https://mirror.example:5000"]
  capabilities = ["pull", "resolve"]
  ca = ["/etc/k3eks/registries/mirror.example:5000.crt"]
  [host."https://mirror.example:5000".header]
    Authorization = ["Basic cm9ib3Q6cGEic3M="]
"#
    );
    assert_eq!(
        hosts(&files, "quay.io"),
        r#"server = "https://quay.io"
--
[host."http://172.18.0.2:30459"]
  capabilities = ["pull", "resolve"]
[host."https://mirror.example:5000/v2/quay"]
  capabilities = ["pull", "resolve"]
  override_path = true
  ca = ["/etc/k3eks/registries/mirror.example:5000.crt"]
  [host."https://mirror.example:5000/v2/quay".header]
    Authorization = ["Basic cm9ib3Q6cGEic3M="]
  [host."https://mirror.example:5000/v2/quay".rewrite]
    "^(.*)$" = "q\\.u/$1"
"#
    );
    assert_eq!(files.authorities, [("/etc/k3eks/registries/mirror.example:5000.crt".to_owned(), "PEM\n".to_owned())]);
}

#[test]
fn images_that_name_a_registry_with_credentials_are_pulled_with_them() {
    assert_eq!(
        hosts(&files(&all()), "mirror.example:5000"),
        r#"server = "https://mirror.example:5000"
  ca = ["/etc/k3eks/registries/mirror.example:5000.crt"]
  [header]
    Authorization = ["Basic cm9ib3Q6cGEic3M="]
--
[host."http://172.18.0.2:30459"]
  capabilities = ["pull", "resolve"]
"#
    );
}

#[test]
fn images_of_our_registry_are_looked_for_nowhere_else() {
    let files = files(&NodeRegistries { own: Some(own()), ..NodeRegistries::default() });
    let ours = "[host.\"http://172.18.0.2:30459\"]\n  capabilities = [\"pull\", \"resolve\"]\n";
    assert_eq!(hosts(&files, "registry.example"), format!("server = \"http://172.18.0.2:30459\"\n--\n{ours}"));
    assert_eq!(hosts(&files, "_default"), format!("--\n{ours}"));
    assert_eq!(files.hosts.len(), 2);
}

#[test]
fn our_registry_is_shown_the_credentials_of_the_cluster_and_no_other_is() {
    let credentials = Some(Credentials { username: "node".into(), password: "p".into() });
    let own = NodeRegistry { credentials, ..own() };
    let files = files(&NodeRegistries { own: Some(own), ..all() });
    let (host, header) = ("[host.\"http://172.18.0.2:30459\"]", "    Authorization = [\"Basic bm9kZTpw\"]\n");
    let ours = format!(
        "{host}\n  capabilities = [\"pull\", \"resolve\"]\n  [host.\"http://172.18.0.2:30459\".header]\n{header}"
    );
    let server = format!("server = \"http://172.18.0.2:30459\"\n  [header]\n{header}");
    assert_eq!(hosts(&files, "registry.example"), format!("{server}--\n{ours}"));
    assert_eq!(hosts(&files, "_default"), format!("--\n{ours}"));
    let hub = hosts(&files, "docker.io");
    assert!(hub.contains(&format!("--\n{ours}")) && hub.matches("Basic bm9kZTpw").count() == 1, "{hub}");
    let auth = "configs:\n  \"172.18.0.2:30459\":\n    auth: {username: \"node\", password: \"p\"}\n";
    assert!(files.registries.contains(auth), "{}", files.registries);
}

#[test]
fn a_mirror_of_all_registries_needs_none_of_ours() {
    let mirrors = vec![mirror("*", "https://mirror.example", &[("^a$", "b")])];
    let files = files(&NodeRegistries { mirrors, ..NodeRegistries::default() });
    assert_eq!(hosts(&files, "_default").lines().nth(1), Some("[host.\"https://mirror.example\"]"));
    assert_eq!(
        files.registries,
        "# Written by k3eks.\nmirrors:\n  \"*\":\n    endpoint: [\"https://mirror.example\"]\n    rewrite: {\"^a$\": \"b\"}\n"
    );
}

#[test]
fn docker_hub_s_credentials_are_found_by_the_host_that_is_asked() {
    let credentials = Some(Credentials { username: "u".into(), password: "p".into() });
    let hub = RegistryConfig { credentials, ..RegistryConfig::default() };
    let files = files(&NodeRegistries { configs: [("docker.io".to_owned(), hub)].into(), ..NodeRegistries::default() });
    assert!(files.registries.contains("configs:\n  \"registry-1.docker.io\":\n    auth:"), "{}", files.registries);
    assert!(!files.registries.contains("mirrors:"), "{}", files.registries);
    let hub = hosts(&files, "docker.io");
    assert!(hub.starts_with("server = \"https://registry-1.docker.io\"\n  [header]\n    Authorization"), "{hub}");
}

#[test]
fn nothing_ends_a_text_before_its_end() {
    assert_eq!(quoted("a\"\\\n\u{7f}"), "\"a\\\"\\\\\\n\\u007f\"");
}

#[test]
fn a_host_is_written_once() {
    let config = |names: &[&str]| {
        let configs = names.iter().map(|name| {
            ((*name).to_owned(), RegistryConfig { insecure_skip_verify: true, ..RegistryConfig::default() })
        });
        files(&NodeRegistries { configs: configs.collect(), ..NodeRegistries::default() }).registries
    };
    for names in [&["docker.io", "registry-1.docker.io"][..], &["docker.io"], &["registry-1.docker.io"]] {
        assert_eq!(config(names).matches("\"registry-1.docker.io\":\n    tls:").count(), 1, "{names:?}");
    }
}
