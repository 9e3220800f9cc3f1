//! Kubeconfigs that lie in Secrets, which are somebody else's.

use super::plain_yaml;
use kube::config::{AuthInfo, Cluster, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext};

/// Reads a kubeconfig and keeps what its current context needs: that context, its cluster and its user. Others in it,
/// which nobody asked for, are left out, and so is every field that isn't known here.
///
/// # Errors
/// In words for people: it can't be read, one of the three is missing, or using it would make a process run a
/// program or read a file of its own.
pub fn read(text: &str) -> Result<Kubeconfig, String> {
    plain_yaml::check(text).map_err(|why| format!("{why} (kubectl config view --raw --minify --flatten)"))?;
    // What the reader says may quote the text, which has keys in it.
    let all = Kubeconfig::from_yaml(text).map_err(|_| "it isn't a kubeconfig in YAML".to_owned())?;
    let current = all.current_context.ok_or("it has no current-context")?;
    let context = all.contexts.into_iter().find(|named| named.name == current).and_then(|named| named.context);
    let mut context = context.ok_or_else(|| format!("it has no context {current}"))?;
    let cluster = all.clusters.into_iter().find(|named| named.name == context.cluster).and_then(|named| named.cluster);
    let mut cluster = cluster.ok_or_else(|| format!("it has no cluster {}", context.cluster))?;
    let name = context.user.clone().unwrap_or_default();
    let user = all.auth_infos.into_iter().find(|named| named.name == name).and_then(|named| named.auth_info);
    let mut user = user.ok_or_else(|| format!("it has no user {name}"))?;
    if let Some(field) = reaches_out(&cluster, &user) {
        return Err(format!(
            "its {field} would run a program or read a file; embed certificates, keys and tokens instead \
             (kubectl config view --raw --minify --flatten)"
        ));
    }
    (context.extensions, cluster.extensions, user.extensions) = (None, None, None);
    (context.other, cluster.other, user.other) = Default::default();
    Ok(Kubeconfig {
        kind: Some("Config".into()),
        api_version: Some("v1".into()),
        clusters: vec![NamedCluster {
            name: context.cluster.clone(),
            cluster: Some(cluster),
            ..NamedCluster::default()
        }],
        auth_infos: vec![NamedAuthInfo { name, auth_info: Some(user), ..NamedAuthInfo::default() }],
        contexts: vec![NamedContext { name: current.clone(), context: Some(context), ..NamedContext::default() }],
        current_context: Some(current),
        ..Kubeconfig::default()
    })
}

/// The same as [`read`], as text again.
///
/// # Errors
/// As those of [`read`].
pub fn own_entries(text: &str) -> Result<String, String> {
    yaml::write(&read(text)?).map_err(|_| "it can't be written as YAML".to_owned())
}

/// The field that makes whoever uses it run a program or read a file.
fn reaches_out(cluster: &Cluster, user: &AuthInfo) -> Option<&'static str> {
    let fields = [
        ("certificate-authority", cluster.certificate_authority.is_some()),
        ("exec", user.exec.is_some()),
        ("auth-provider", user.auth_provider.is_some()),
        ("tokenFile", user.token_file.is_some()),
        ("client-certificate", user.client_certificate.is_some()),
        ("client-key", user.client_key.is_some()),
    ];
    fields.into_iter().find_map(|(field, given)| given.then_some(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cluster: &str, user: &str) -> Result<String, String> {
        own_entries(&format!(
            "current-context: x\ncontexts: [{{name: x, context: {{cluster: c, user: u}}}}]\nclusters: [{{name: c, cluster: {cluster}}}]\n\
             users: [{{name: u, user: {user}}}]"
        ))
    }

    #[test]
    fn what_names_a_program_or_a_file_is_refused_with_the_field() {
        let server = "{server: https://x}";
        of(server, "{token: t, client-key-data: a, client-certificate-data: b}").unwrap();
        for (field, user) in [
            ("tokenFile", "{tokenFile: /t}"),
            ("client-certificate", "{client-certificate: /c, client-key-data: a}"),
            ("client-key", "{client-certificate-data: a, client-key: /k}"),
            ("exec", "{exec: {apiVersion: client.authentication.k8s.io/v1, command: sh}}"),
            ("auth-provider", "{auth-provider: {name: gcp, config: {cmd-path: sh}}}"),
        ] {
            let why = of(server, user).unwrap_err();
            assert!(why.contains(&format!("its {field} ")) && why.contains("--flatten"), "{why}");
        }
        let why = of("{server: https://x, certificate-authority: /ca}", "{token: t}").unwrap_err();
        assert!(why.contains("certificate-authority"), "{why}");
    }

    #[test]
    fn only_the_three_entries_of_the_current_context_are_kept() {
        let text = "
            current-context: x
            contexts: [{name: x, context: {cluster: c, user: u, namespace: n}}, {name: prod, context: {cluster: prod, user: prod}}]
            clusters: [{name: c, cluster: {server: https://x, unheard-of: 1}}, {name: prod, cluster: {server: https://bad}}]
            users: [{name: u, user: {token: t}}, {name: prod, user: {exec: {command: sh, apiVersion: a}}}, {name: u, user: {exec: {command: sh}}}]
            preferences: {colors: true}";
        let kept = own_entries(text).unwrap();
        assert!(!kept.contains("prod") && !kept.contains("exec") && !kept.contains("unheard-of"), "{kept}");
        let kept = read(&kept).unwrap();
        assert_eq!((kept.contexts.len(), kept.clusters.len(), kept.auth_infos.len()), (1, 1, 1));
        let context = kept.contexts[0].context.as_ref().unwrap();
        assert_eq!((kept.current_context.as_deref(), context.namespace.as_deref()), (Some("x"), Some("n")));
    }

    #[test]
    fn what_would_take_all_memory_is_not_read() {
        let bomb = format!("users: [{{name: u, user: &u {{token: {}}}}}]\n", "x".repeat(20_000));
        for text in [bomb + "more: [*u, *u]\n", "? ".repeat(400_000)] {
            assert!(read(&text).unwrap_err().contains("--minify"), "{}", &text[..50]);
        }
    }

    #[test]
    fn what_is_missing_is_named_and_keys_are_not() {
        assert!(read("current-context: x\n").unwrap_err().contains("no context x"));
        assert!(read("contexts: []").unwrap_err().contains("current-context"));
        let why = read("users: {token: hunter2}\n").unwrap_err();
        assert!(!why.contains("hunter2"), "{why}");
    }
}
