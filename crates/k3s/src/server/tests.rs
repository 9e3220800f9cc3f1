use super::*;
use provider::{ClusterId, IdentityWebhooks, PublicEndpoint};

fn plan(control_plane: Option<ControlPlane>) -> DesiredCluster {
    DesiredCluster {
        id: ClusterId { namespace: "default".into(), name: "demo".into() },
        eks_name: "demo".into(),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        version: "1.35".into(),
        image: "image:1.35".into(),
        servers: 1,
        service_cidr: "10.100.0.0/16".into(),
        placement: None,
        tls_names: Vec::new(),
        public_endpoint: PublicEndpoint::default(),
        control_plane,
        endpoint_id: String::new(),
        import: None,
    }
}

fn identity() -> IdentityWebhooks {
    IdentityWebhooks {
        issuer: "https://issuer.example".into(),
        review_url: "https://10.100.0.11/review".into(),
        server_name: "identity.example".into(),
        ca_pem: "CA".into(),
        providers: Some(Vec::new()),
    }
}

fn keys() -> ServerKeys {
    ServerKeys {
        signing: "PRIVATE\n".into(),
        checking: "PUBLIC\n".into(),
        webhook_token: "t".into(),
        encryption: "a2V5".into(),
    }
}

#[test]
fn a_cluster_without_settings_gets_the_least() {
    let bare = plan(None);
    let names = ["a".to_owned(), "b".to_owned()];
    assert_eq!(
        arguments(&bare, &names),
        ["--disable=traefik,metrics-server", "--service-cidr=10.100.0.0/16", "--tls-san=a", "--tls-san=b"]
    );
    assert!(files(&bare).is_empty());
}

#[test]
fn every_file_that_an_argument_names_is_there_once_the_keys_are() {
    let whole = ControlPlane { identity: Some(identity()), keys: Some(keys()), ..ControlPlane::default() };
    let plan = plan(Some(whole));
    let files = files(&plan);
    let arguments = arguments(&plan, &[]);
    let named = arguments.iter().filter_map(|argument| argument.rsplit_once('=')).map(|(_, value)| value);
    let named: Vec<&str> = named.filter(|value| value.starts_with(crate::paths::CONFIGURATION)).collect();
    assert!(named.len() > 6, "{named:?}");
    for path in named {
        assert!(files.iter().any(|file| file.path == path), "{path}");
    }
}

#[test]
fn secrets_are_encrypted_on_request_alone() {
    let text = |encrypted| {
        let wanted = ControlPlane { encrypted, keys: Some(keys()), ..ControlPlane::default() };
        files(&plan(Some(wanted))).into_iter().find(|file| file.path == ENCRYPTION).unwrap().content
    };
    assert!(text(true).contains("a2V5"));
    assert!(!text(false).contains("a2V5"), "nobody asked for encryption");
}

#[test]
fn an_api_server_that_is_too_old_is_told_of_no_providers() {
    let told = |providers| {
        let identity = IdentityWebhooks { providers, ..identity() };
        let plan = plan(Some(ControlPlane { identity: Some(identity), ..ControlPlane::default() }));
        let file = files(&plan).into_iter().find(|file| file.path == AUTHENTICATION);
        let argument = arguments(&plan, &[]).iter().any(|argument| argument.contains("authentication-config="));
        (file.map(|file| file.kind), argument)
    };
    assert_eq!(told(None), (None, false));
    assert_eq!(told(Some(Vec::new())), (Some(FileKind::Watched), true), "one may come later, without a restart");
}

#[test]
fn keys_don_t_show() {
    let shown = format!("{:?}", files(&plan(Some(ControlPlane { keys: Some(keys()), ..ControlPlane::default() }))));
    assert!(!shown.contains("PRIVATE") && !shown.contains("a2V5"), "{shown}");
}
