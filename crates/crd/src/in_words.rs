//! Patterns of texts in words: whoever is refused at `kubectl apply` reads what is meant, with an example, instead of a
//! regular expression.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{JSONSchemaProps, ValidationRule};

use super::{forms, nested};

/// What each pattern means that only definitions have; the others are in [`forms`].
const WORDS: [(&str, &str); 12] = [
    (r"^[0-9]{12}$", "must be the 12 digits of an account, such as 000000000000"),
    (r"^[a-z]{2}(-[a-z]+)+-[0-9]+$", "must be a region, such as us-east-1"),
    (
        r"^[0-9A-Za-z][A-Za-z0-9_-]*$",
        "must begin with a letter or digit and have only letters, digits, hyphens and underscores, such as my-name_1",
    ),
    (
        r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        "must be a name of lower-case letters, digits, hyphens and dots, such as my-kubeconfig",
    ),
    (r"^1\.(2[4-9]|3[0-9])$", "must be a Kubernetes minor version such as 1.35; k3eks knows none before 1.24"),
    (r"^1\.[0-9]{1,2}$", "must be a Kubernetes minor version, such as 1.35"),
    (r"^[1-9][0-9]{0,5}[smh]$", "must be a number of seconds, minutes or hours, such as 90s, 30m or 8h"),
    (r"^ca-[0-9a-f]{16}$", "must be ca- and 16 hexadecimal digits, such as ca-0123456789abcdef"),
    (
        r"^([*]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?)$",
        "must be the host of a registry, with its port if it has one, such as docker.io or registry:5000, or *",
    ),
    (
        r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$",
        "must be the host of a registry, with its port if it has one, such as docker.io or registry:5000",
    ),
    (
        r"^https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$",
        "must be a URL without a user, such as https://mirror.example.com or http://mirror:5000",
    ),
    (r"^https://", "must begin with https://, such as https://issuer.example.com"),
];

/// Longest text of a pattern that names no length: the cost of a rule is reckoned by it.
const LONGEST: i64 = 64;

/// Makes rules with a message of all patterns, at any depth.
pub fn in_words(schema: &mut JSONSchemaProps) {
    rule(schema);
    nested::each(schema, in_words);
}

/// The words for a pattern, and the longest text that it is asked of.
fn meaning(pattern: &str) -> Option<(&'static str, i64)> {
    let form = forms::ALL.into_iter().find(|form| form.pattern == pattern);
    let form = form.map(|form| (form.words, i64::try_from(form.most).unwrap_or(LONGEST)));
    form.or_else(|| WORDS.iter().find(|(known, _)| *known == pattern).map(|(_, words)| (*words, LONGEST)))
}

fn rule(text: &mut JSONSchemaProps) {
    let Some(pattern) = &text.pattern else { return };
    let plain = pattern.strip_prefix("^$|").unwrap_or(pattern);
    let Some((words, most)) = meaning(plain) else { return };
    let rule = format!("self.matches(r'{plain}')");
    let rule = if plain.len() < pattern.len() { format!("self == '' || {rule}") } else { rule };
    let rule = ValidationRule { rule, message: Some(words.to_owned()), ..ValidationRule::default() };
    text.x_kubernetes_validations.get_or_insert_default().push(rule);
    text.max_length.get_or_insert(most);
    text.pattern = None;
}
