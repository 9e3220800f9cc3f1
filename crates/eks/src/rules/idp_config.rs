//! Identity provider configs.

use super::{Verdict, invalid, values};
use crate::convert::idp_config::AssociateIdentityProviderConfig;
use aws::error::ApiError;
use crd::names::{Identity, minor};
use crd::{EKSClusterConfig, IdentityProviderConfig};

/// The first minor version whose clusters can have several providers.
const SEVERAL: u32 = 32;
/// How many a cluster of such a version can have.
const MOST: usize = 10;
/// What no prefix may be, nor a part of it: how Kubernetes's own users and groups begin.
const SYSTEM: &str = "system:";

/// What is known when a provider is to be associated.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The cluster.
    pub cluster: &'a EKSClusterConfig,
    /// The version that it runs.
    pub version: &'a str,
    /// The configs that it has.
    pub others: &'a [&'a IdentityProviderConfig],
}

/// What AssociateIdentityProviderConfig refuses.
pub const ASSOCIATE: &[fn(&AssociateIdentityProviderConfig, &Facts<'_>) -> Verdict] =
    &[name, issuers, number, tags, url, own_issuer, prefixes];

/// A name is given once.
fn name(request: &AssociateIdentityProviderConfig, facts: &Facts<'_>) -> Verdict {
    let name = &request.oidc.identity_provider_config_name;
    if facts.others.iter().any(|other| other.spec.identity_provider_config_name == *name) {
        return Err(ApiError::resource_in_use(format!(
            "Identity provider config {name} is already associated with the cluster"
        )));
    }
    Ok(())
}

/// A provider is associated once, whatever it is called.
fn issuers(request: &AssociateIdentityProviderConfig, facts: &Facts<'_>) -> Verdict {
    let url = request.oidc.issuer_url.trim_end_matches('/');
    if facts.others.iter().any(|other| other.spec.issuer_url.trim_end_matches('/') == url) {
        return Err(ApiError::resource_in_use(format!(
            "An identity provider config with the issuer URL {url} is already associated with the cluster"
        )));
    }
    Ok(())
}

/// Older versions take one provider, newer ones a few.
fn number(_: &AssociateIdentityProviderConfig, facts: &Facts<'_>) -> Verdict {
    let most = if minor(facts.version).is_some_and(|minor| minor >= SEVERAL) { MOST } else { 1 };
    if facts.others.len() < most {
        return Ok(());
    }
    let text =
        format!("A cluster of Kubernetes version {} can have at most {most} identity provider configs", facts.version);
    if most == 1 { Err(ApiError::resource_in_use(text)) } else { Err(ApiError::limit_exceeded(text)) }
}

/// Nobody may set tags whose keys begin with `aws:`.
fn tags(request: &AssociateIdentityProviderConfig, _: &Facts<'_>) -> Verdict {
    values::tags(&request.tags)
}

/// An issuer is a URL with https, a host and perhaps a path.
fn url(request: &AssociateIdentityProviderConfig, _: &Facts<'_>) -> Verdict {
    let url = &request.oidc.issuer_url;
    if !url.starts_with("https://") {
        return invalid("issuerUrl must begin with https://");
    }
    let parsed = url.parse::<http::Uri>().ok().filter(|uri| uri.host().is_some_and(|host| !host.is_empty()));
    match parsed {
        None => invalid(format!("issuerUrl {url} is not a valid URL")),
        Some(uri) if uri.query().is_some() || url.contains('#') => {
            invalid("issuerUrl must not have query parameters or a fragment")
        }
        Some(uri) if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) => {
            invalid("issuerUrl must not have a user name")
        }
        Some(_) => Ok(()),
    }
}

/// The cluster's own issuer signs for service accounts, not for people.
fn own_issuer(request: &AssociateIdentityProviderConfig, facts: &Facts<'_>) -> Verdict {
    let own = Identity::of(facts.cluster).oidc_issuer();
    if request.oidc.issuer_url.trim_end_matches('/') == own.trim_end_matches('/') {
        return invalid(
            "Incorrect Identity Provider URL configuration. The Identity Provider URL cannot be same as OpenID Connect (OIDC) issuer URL",
        );
    }
    Ok(())
}

/// Nobody becomes one of Kubernetes's own users or groups by a prefix.
fn prefixes(request: &AssociateIdentityProviderConfig, _: &Facts<'_>) -> Verdict {
    let oidc = &request.oidc;
    for (member, prefix) in [("usernamePrefix", &oidc.username_prefix), ("groupsPrefix", &oidc.groups_prefix)] {
        let Some(prefix) = prefix.as_deref().filter(|prefix| !prefix.is_empty()) else { continue };
        if SYSTEM.starts_with(prefix) || prefix.starts_with(SYSTEM) {
            return invalid(format!("{member} {prefix} must not be {SYSTEM} or a portion of it"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rules::check;
    use aws::error::ErrorCode;
    use crd::EKSClusterConfigSpec;

    fn cluster() -> EKSClusterConfig {
        let spec = EKSClusterConfigSpec { region: "us-east-1".into(), ..EKSClusterConfigSpec::default() };
        EKSClusterConfig::new("c", spec)
    }

    fn config(name: &str, url: &str) -> IdentityProviderConfig {
        let spec = json!({"clusterName": "c", "identityProviderConfigName": name, "issuerUrl": url, "clientId": "k"});
        IdentityProviderConfig::new(name, serde_json::from_value(spec).unwrap())
    }

    fn refusal(change: Value, version: &str, others: &[IdentityProviderConfig]) -> Option<(ErrorCode, String)> {
        let mut oidc = json!({"identityProviderConfigName": "n", "issuerUrl": "https://id.example.com/team",
            "clientId": "kube"});
        oidc.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let request = serde_json::from_value(json!({"clusterName": "c", "oidc": oidc})).unwrap();
        let (cluster, others) = (cluster(), others.iter().collect::<Vec<_>>());
        let facts = Facts { cluster: &cluster, version, others: &others };
        check(ASSOCIATE, &request, &facts).err().map(|error| (error.code(), error.message().to_owned()))
    }

    #[test]
    fn an_issuer_is_another_s_and_has_a_plain_url() {
        let own = Identity::of(&cluster()).oidc_issuer();
        for (wrong, words) in [
            (json!({"issuerUrl": own}), "cannot be same as OpenID Connect (OIDC) issuer URL"),
            (json!({"issuerUrl": format!("{own}/")}), "cannot be same"),
            (json!({"issuerUrl": "http://id.example.com"}), "https://"),
            (json!({"issuerUrl": "https://"}), "not a valid URL"),
            (json!({"issuerUrl": "https://id.example.com?tenant=1"}), "query"),
            (json!({"issuerUrl": "https://id.example.com/#x"}), "fragment"),
            (json!({"issuerUrl": "https://me@id.example.com"}), "user name"),
            (json!({"usernamePrefix": "system:"}), "usernamePrefix"),
            (json!({"usernamePrefix": "sys"}), "usernamePrefix"),
            (json!({"groupsPrefix": "system:team-"}), "groupsPrefix"),
        ] {
            let (code, said) = refusal(wrong.clone(), "1.33", &[]).unwrap_or_else(|| panic!("{wrong} was taken"));
            assert!(code == ErrorCode::INVALID_PARAMETER && said.contains(words), "{wrong}: {said}");
        }
        for right in [
            json!({}),
            json!({"issuerUrl": "https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"}),
            json!({"issuerUrl": "https://id.example.com:8443/"}),
            json!({"usernamePrefix": "-", "groupsPrefix": "oidc:"}),
            json!({"usernamePrefix": ""}),
        ] {
            assert_eq!(refusal(right.clone(), "1.33", &[]), None, "{right}");
        }
    }

    #[test]
    fn how_many_there_may_be_is_the_version_s_to_say() {
        let others: Vec<_> = (0..10).map(|n| config(&format!("n{n}"), &format!("https://{n}.example.com"))).collect();
        assert_eq!(refusal(json!({}), "1.31", &others[..1]).unwrap().0, ErrorCode::RESOURCE_IN_USE);
        assert_eq!(refusal(json!({}), "1.31", &[]), None);
        assert_eq!(refusal(json!({}), "1.32", &others[..9]), None);
        assert_eq!(refusal(json!({}), "1.32", &others).unwrap().0, ErrorCode::RESOURCE_LIMIT_EXCEEDED);
        let same = [config("x", "https://id.example.com/team/")];
        assert_eq!(refusal(json!({}), "1.33", &same).unwrap().0, ErrorCode::RESOURCE_IN_USE);
        assert_eq!(
            refusal(json!({}), "1.33", &[config("n", "https://other.example.com")]).unwrap().0,
            ErrorCode::RESOURCE_IN_USE
        );
    }
}
