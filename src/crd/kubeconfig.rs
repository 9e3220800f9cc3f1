//! Kubeconfigs that lie in Secrets, which are somebody else's.

use kube::config::{AuthInfo, Kubeconfig};

/// What is said of a kubeconfig that reaches out of itself.
pub const REACHES_OUT: &str =
    "it names programs or files; give certificates, keys and tokens in it (kubectl config view --raw --flatten)";

/// Whether using its current context would make this process run a program or read a file of its own.
pub fn reaches_out(kubeconfig: &Kubeconfig) -> bool {
    let current = kubeconfig.contexts.iter().find(|named| Some(&named.name) == kubeconfig.current_context.as_ref());
    let Some(context) = current.and_then(|named| named.context.as_ref()) else { return false };
    let cluster = kubeconfig.clusters.iter().find(|named| named.name == context.cluster);
    let user = kubeconfig.auth_infos.iter().find(|named| Some(&named.name) == context.user.as_ref());
    cluster.and_then(|named| named.cluster.as_ref()).is_some_and(|cluster| cluster.certificate_authority.is_some())
        || user.and_then(|named| named.auth_info.as_ref()).is_some_and(by_file)
}

fn by_file(user: &AuthInfo) -> bool {
    user.exec.is_some()
        || user.auth_provider.is_some()
        || user.token_file.is_some()
        || user.client_certificate.is_some()
        || user.client_key.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_program_or_a_file_reaches_out() {
        let of = |cluster: &str, user: &str| {
            let text = format!(
                "current-context: x\ncontexts: [{{name: x, context: {{cluster: c, user: u}}}}]\nclusters: [{{name: c, cluster: {cluster}}}]\n\
                 users: [{{name: other, user: {{tokenFile: /t}}}}, {{name: u, user: {user}}}]"
            );
            reaches_out(&Kubeconfig::from_yaml(&text).unwrap())
        };
        let with = |user: &str| of("{server: https://x}", user);
        assert!(!with("{token: t, client-key-data: a}"));
        for user in ["{tokenFile: /t}", "{client-key: /k}", "{exec: {command: sh}}"] {
            assert!(with(user), "{user}");
        }
        assert!(of("{server: https://x, certificate-authority: /ca}", "{token: t}"));
    }
}
