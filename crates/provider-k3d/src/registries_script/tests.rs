use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use provider::{Credentials, Mirror, NodeRegistry, RegistryConfig};

fn own(address: &str) -> NodeRegistries {
    let own = NodeRegistry { address: address.into(), name: "registry.example".into(), credentials: None };
    NodeRegistries { own: Some(own), complete: true, ..NodeRegistries::default() }
}

fn mirrored(address: &str) -> NodeRegistries {
    let mirror = |registry: &str, rewrites: &[(&str, &str)]| Mirror {
        registry: registry.into(),
        endpoints: vec!["https://mirror.example".into()],
        rewrites: rewrites.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect(),
    };
    let credentials = Some(Credentials { username: "u".into(), password: "it's $HOME\nEND".into() });
    let config = RegistryConfig { credentials, ca_pem: Some("PEM\nEND\nPEM".into()), insecure_skip_verify: false };
    NodeRegistries {
        mirrors: vec![mirror("docker.io", &[]), mirror("quay.io", &[("^(.*)$", "it's/$1")])],
        configs: BTreeMap::from([("mirror.example".to_owned(), config)]),
        ..own(address)
    }
}

/// Runs the script in a folder instead of the root.
fn run(root: &Path, registries: &NodeRegistries) {
    let text = String::from_utf8(script(&k3s::registries::files(registries)).content).unwrap();
    let below = |text: &str, from: &str| text.replace(from, &format!("{}{from}", root.display()));
    let text = below(&below(&text, "/etc/rancher/"), "/var/lib/rancher/");
    // Names of files, not what is in them.
    let text = text.replace(" /etc/containerd/", &format!(" {}/etc/containerd/", root.display()));
    let text = text.replace(" /etc/k3eks/", &format!(" {}/etc/k3eks/", root.display()));
    let text = text.replace(">'/etc/k3eks/", &format!(">'{}/etc/k3eks/", root.display()));
    let done = std::process::Command::new("sh").args(["-c", &text]).status().unwrap();
    assert!(done.success());
}

fn read(root: &Path, path: &str) -> String {
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn put(root: &Path, path: &str, text: &str) {
    std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
    std::fs::write(root.join(path), text).unwrap();
}

/// URLs that are asked, in order.
fn asked(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("[host.\"")?.strip_suffix("\"]")).collect()
}

const K3S: &str = "var/lib/rancher/k3s/agent/etc/containerd/certs.d";

#[test]
fn a_node_asks_the_registry_that_is_there_now_after_its_own_images() {
    let root = tempfile::tempdir().unwrap();
    let all = "etc/containerd/certs.d/_default/hosts.toml";
    put(root.path(), all, "# Images of the node.\n[host.\"http://127.0.0.1:6446\"]\n");
    for address in ["172.18.0.2:30459", "172.18.0.3:30459", "172.18.0.3:30459"] {
        run(root.path(), &own(address));
    }
    assert_eq!(asked(&read(root.path(), all)), ["http://127.0.0.1:6446", "http://172.18.0.3:30459"]);
    let own = read(root.path(), "etc/containerd/certs.d/registry.example/hosts.toml");
    assert!(own.starts_with("# Written by k3eks.\nserver = \"http://172.18.0.3:30459\"\n"), "{own}");
    assert_eq!(asked(&own), ["http://127.0.0.1:6446", "http://172.18.0.3:30459"]);
    let k3ss = read(root.path(), "etc/rancher/k3s/registries.yaml");
    assert!(k3ss.contains("\"*\":\n    endpoint: [\"http://172.18.0.3:30459\"]"), "{k3ss}");
    assert!(!root.path().join(K3S).exists(), "k3s has no containerd here");
}

#[test]
fn mirrors_come_after_ours_and_texts_arrive_as_they_are() {
    let root = tempfile::tempdir().unwrap();
    run(root.path(), &mirrored("172.18.0.2:30459"));
    let files = k3s::registries::files(&mirrored("172.18.0.2:30459"));
    assert_eq!(read(root.path(), "etc/rancher/k3s/registries.yaml"), files.registries);
    for one in &files.hosts {
        let found = read(root.path(), &format!("{K3S}/{}/hosts.toml", one.folder));
        assert_eq!(found, format!("# Written by k3eks.\n{}{}", one.server, one.mirrors));
    }
    let hub = read(root.path(), &format!("{K3S}/docker.io/hosts.toml"));
    assert_eq!(asked(&hub), ["http://172.18.0.2:30459", "https://mirror.example"]);
    assert_eq!(read(root.path(), "etc/k3eks/registries/mirror.example.crt"), "PEM\nEND\nPEM\n");
}

#[test]
fn nobody_but_root_reads_what_is_written() {
    let root = tempfile::tempdir().unwrap();
    run(root.path(), &mirrored("172.18.0.2:30459"));
    for path in ["etc/rancher/k3s/registries.yaml", &format!("{K3S}/docker.io/hosts.toml")] {
        let mode = std::fs::metadata(root.path().join(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
    let folder = std::fs::metadata(root.path().join("var/lib/rancher/k3s/agent")).unwrap().permissions().mode();
    assert_eq!(folder & 0o055, 0o055, "k3s's own folders are as k3s makes them");
}

#[test]
fn what_is_taken_back_is_gone() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), &format!("{K3S}/somebodys/hosts.toml"), "server = \"https://somebodys\"\n");
    run(root.path(), &mirrored("172.18.0.2:30459"));
    // As k3s does when it starts.
    put(root.path(), &format!("{K3S}/docker.io/hosts.toml"), "# File generated by k3s. DO NOT EDIT.\n");
    put(
        root.path(),
        &format!("{K3S}/_default/hosts.toml"),
        "# File generated by k3s. DO NOT EDIT.\n[host.\"http://172.18.0.2:30459/v2\"]\n",
    );
    run(root.path(), &own("172.18.0.3:30459"));
    assert!(!root.path().join(K3S).join("docker.io").exists() && !root.path().join(K3S).join("quay.io").exists());
    assert_eq!(asked(&read(root.path(), &format!("{K3S}/_default/hosts.toml"))), ["http://172.18.0.3:30459"]);
    run(root.path(), &NodeRegistries { complete: true, ..NodeRegistries::default() });
    assert!(!root.path().join("etc/rancher/k3s/registries.yaml").exists());
    assert!(!root.path().join(K3S).join("_default").exists());
    assert!(root.path().join(K3S).join("somebodys").exists(), "it is somebody else's");
}

#[test]
fn registries_of_somebody_elses_stay() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "etc/rancher/k3s/registries.yaml", "mirrors: {}\n");
    let theirs = "# File generated by k3s. DO NOT EDIT.\n[host.\"https://theirs\"]\n";
    put(root.path(), &format!("{K3S}/_default/hosts.toml"), theirs);
    put(root.path(), &format!("{K3S}/ghcr.io/hosts.toml"), theirs);
    for _ in 0..2 {
        run(root.path(), &own("172.18.0.2:30459"));
    }
    assert_eq!(read(root.path(), "etc/rancher/k3s/registries.yaml"), "mirrors: {}\n");
    assert_eq!(read(root.path(), &format!("{K3S}/ghcr.io/hosts.toml")), theirs);
    let all = read(root.path(), &format!("{K3S}/_default/hosts.toml"));
    assert_eq!(asked(&all), ["https://theirs", "http://172.18.0.2:30459"]);
}

#[test]
fn a_node_keeps_what_it_has_while_something_is_missing() {
    let (whole, part) = (own("a:1"), NodeRegistries { complete: false, ..own("a:1") });
    let wanted = script(&k3s::registries::files(&whole));
    assert!(stays(Some(&wanted.content), &wanted, &whole) && !stays(Some(b"other"), &wanted, &whole));
    assert!(stays(Some(b"other"), &wanted, &part), "what it has may be what is missing now");
    assert!(!stays(None, &wanted, &part), "one that has nothing gets what is known");
    let none = NodeRegistries { complete: true, ..NodeRegistries::default() };
    assert!(stays(None, &script(&k3s::registries::files(&none)), &none), "nothing is to be written");
}
