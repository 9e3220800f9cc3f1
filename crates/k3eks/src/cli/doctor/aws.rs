//! Whether the aws CLI and the SDKs of this shell talk to k3eks or to the real AWS.

use std::collections::HashMap;
use std::path::PathBuf;

use super::finding::Finding;

/// An endpoint that isn't AWS's own, and what names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub url: String,
    by: String,
}

/// What this shell says, and the configuration file.
pub struct Shell<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    config: Config,
}

/// Sections of the configuration file; a nested key is `outer.inner`.
type Config = HashMap<String, HashMap<String, String>>;

impl Shell<'_> {
    /// The shell that this runs in.
    pub fn present() -> Shell<'static> {
        let file = variable("AWS_CONFIG_FILE")
            .or_else(|| Some(format!("{}/.aws/config", variable("HOME")?)))
            .map(PathBuf::from);
        let text = file.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        Shell { variable: &variable, config: read(&text) }
    }

    /// Endpoint of a service, `EKS` or `STS`; `None` is AWS itself.
    pub fn endpoint(&self, service: &str) -> Option<Endpoint> {
        let variable = |name: &str| Some(Endpoint { url: (self.variable)(name)?, by: name.to_owned() });
        if self.ignores() {
            return None;
        }
        let own = variable(&format!("AWS_ENDPOINT_URL_{service}")).or_else(|| variable("AWS_ENDPOINT_URL"));
        own.or_else(|| {
            let profile = self.profile()?;
            let services = profile.get("services").and_then(|name| self.config.get(&format!("services {name}")));
            let of_service = services.and_then(|all| all.get(&format!("{}.endpoint_url", service.to_lowercase())));
            let url = of_service.or_else(|| profile.get("endpoint_url"))?;
            Some(Endpoint {
                url: url.clone(),
                by: format!("profile {} in the aws CLI's configuration", self.profile_name()),
            })
        })
    }

    /// Whether configured endpoints are ignored.
    fn ignores(&self) -> bool {
        let said = (self.variable)("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
        let said = said.or_else(|| self.profile()?.get("ignore_configured_endpoint_urls").cloned());
        said.is_some_and(|said| said.eq_ignore_ascii_case("true"))
    }

    fn profile_name(&self) -> String {
        let named = (self.variable)("AWS_PROFILE").or_else(|| (self.variable)("AWS_DEFAULT_PROFILE"));
        named.unwrap_or_else(|| "default".to_owned())
    }

    fn profile(&self) -> Option<&HashMap<String, String>> {
        let name = self.profile_name();
        let plain = (name == "default").then(|| self.config.get("default")).flatten();
        plain.or_else(|| self.config.get(&format!("profile {name}")))
    }
}

/// A variable that is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// Reads a configuration file.
fn read(text: &str) -> Config {
    let mut all = Config::new();
    let (mut section, mut outer) = (String::new(), String::new());
    for line in text.lines().filter(|line| !line.trim_start().starts_with(['#', ';'])) {
        if let Some(name) = line.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.split_whitespace().collect::<Vec<_>>().join(" ");
            outer.clear();
        } else if let Some((key, value)) = line.split_once('=') {
            let (key, value) = (key.trim().to_lowercase(), value.trim().to_owned());
            let nested = line.starts_with([' ', '\t']) && !outer.is_empty();
            let key = if nested { format!("{outer}.{key}") } else { key };
            if !nested {
                outer = if value.is_empty() { key.clone() } else { String::new() };
            }
            all.entry(section.clone()).or_default().insert(key, value);
        }
    }
    all
}

/// Reports the endpoints of `aws eks` and `aws sts`, and warns of the real AWS.
pub fn clients(shell: &Shell<'_>) -> Finding {
    const WHAT: &str = "aws CLI";
    const MEND: &str =
        "source .k3eks/k3eks.env, which `make up` wrote, or export AWS_ENDPOINT_URL=http://127.0.0.1:4566";
    let here = |service| shell.endpoint(service).filter(|endpoint| !is_aws(&endpoint.url));
    match (here("EKS"), here("STS")) {
        (Some(eks), Some(sts)) if eks.url == sts.url => Finding::well(WHAT, format!("asks {} ({})", eks.url, eks.by)),
        (Some(eks), Some(sts)) => {
            Finding::well(WHAT, format!("asks {} for eks ({}), {} for sts ({})", eks.url, eks.by, sts.url, sts.by))
        }
        (Some(eks), None) => {
            let says = format!("aws eks asks {} ({}), but aws sts would ask the real AWS", eks.url, eks.by);
            Finding::note(WHAT, says, MEND)
        }
        (None, _) if shell.ignores() => {
            let says = "aws eks would ask the real AWS: AWS_IGNORE_CONFIGURED_ENDPOINT_URLS, or the profile, says so";
            Finding::note(WHAT, says, "unset AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
        }
        (None, _) => Finding::note(WHAT, "aws eks would ask the real AWS: nothing names another endpoint", MEND),
    }
}

/// Whether the URL is one of AWS's own.
fn is_aws(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split(['/', ':']).next().unwrap_or_default();
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|end| host.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    const CONFIG: &str = "[default]\nregion = us-east-1\nendpoint_url = http://profile:1\n\n[profile  both]\nservices = local\n\
        endpoint_url = http://profile:2\n# eks = none\n[services local]\neks =\n  endpoint_url = http://eks:3\nsts =\n  endpoint_url = http://sts:4\n\
        [profile aws]\nignore_configured_endpoint_urls = true\nendpoint_url = http://profile:5\n";

    fn told(variables: &[(&str, &str)], config: &str) -> (Option<String>, Option<String>, State) {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let shell = Shell { variable: &variable, config: read(config) };
        let url = |service| shell.endpoint(service).map(|endpoint| endpoint.url);
        (url("EKS"), url("STS"), clients(&shell).state)
    }

    #[test]
    fn endpoints_count_in_the_order_of_the_aws_cli() {
        let all = "http://all:6";
        let url = |text: &str| Some(text.to_owned());
        assert_eq!(told(&[], ""), (None, None, State::Note));
        assert_eq!(told(&[("AWS_ENDPOINT_URL", all)], CONFIG), (url(all), url(all), State::Well));
        let own = [("AWS_ENDPOINT_URL", all), ("AWS_ENDPOINT_URL_EKS", "http://own:7")];
        assert_eq!(told(&own, CONFIG), (url("http://own:7"), url(all), State::Well));
        assert_eq!(told(&own[1..], ""), (url("http://own:7"), None, State::Note), "sts is AWS's");
        assert_eq!(told(&[], CONFIG), (url("http://profile:1"), url("http://profile:1"), State::Well));
        let both = told(&[("AWS_PROFILE", "both")], CONFIG);
        assert_eq!(both, (url("http://eks:3"), url("http://sts:4"), State::Well));
        assert_eq!(told(&[("AWS_PROFILE", "other")], CONFIG), (None, None, State::Note));
    }

    #[test]
    fn endpoints_that_are_ignored_or_aws_s_are_warned_of() {
        let ignored = [("AWS_ENDPOINT_URL", "http://all:6"), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "TRUE")];
        assert_eq!(told(&ignored, CONFIG), (None, None, State::Note));
        assert_eq!(told(&[("AWS_PROFILE", "aws"), ignored[0]], CONFIG), (None, None, State::Note));
        let real = [("AWS_ENDPOINT_URL", "https://eks.us-east-1.amazonaws.com")];
        assert_eq!(told(&real, "").2, State::Note);
    }
}
