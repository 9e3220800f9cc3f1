//! The addons that EKS offers: data in `addon_catalogue.yaml`, of
//! <https://docs.aws.amazon.com/eks/latest/userguide/workloads-add-ons-available-eks.html>.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde::Deserialize;
use serde_json::{Value, json};

use super::names::minor;
use super::plain_yaml;
use text::json_type;

/// An addon that EKS offers.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Offer {
    /// Name, such as `coredns`.
    pub name: String,
    /// What it is for, such as `networking`.
    #[serde(rename = "type")]
    pub type_: String,
    /// Who answers for it: `aws` or `community`.
    #[serde(default = "aws")]
    pub owner: String,
    /// Namespace in the child cluster.
    pub namespace: String,
    /// Whether it is of no use without a role.
    #[serde(default)]
    pub requires_iam: bool,
    /// Service accounts that want a role.
    #[serde(default)]
    pub pod_identity: Vec<PodIdentity>,
    /// What stands in for it in a child cluster; none where nothing does.
    pub stands_in: Option<StandIn>,
    /// The chart that installs it; none where nothing does.
    pub chart: Option<AddonChart>,
    /// Values of its configuration, with their JSON types.
    schema: BTreeMap<String, String>,
    /// Its versions, newest first.
    pub versions: Vec<OfferedVersion>,
}

/// A service account that wants a role.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodIdentity {
    /// Name of the service account.
    pub service_account: String,
    /// Policies that the role should have.
    pub policies: Vec<String>,
}

/// What stands in for an addon in a child cluster.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StandIn {
    /// A Deployment of k3s in `kube-system`.
    pub deployment: Option<String>,
    /// Value of the configuration that is the Deployment's number of replicas.
    pub replicas: Option<String>,
    /// A part of k3s itself, on every node.
    #[serde(default)]
    pub every_node: bool,
}

/// The chart that installs an addon. It takes the addon's configuration as values.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddonChart {
    /// Name of the chart.
    pub name: String,
    /// Version of the chart, unless a version of the addon has another.
    version: String,
    /// URL of the repository that publishes it; none of one that comes with the operator.
    pub repository: Option<String>,
    /// Values that every release has, unless the configuration says otherwise.
    #[serde(default)]
    pub values: Value,
}

/// A version of an addon.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OfferedVersion {
    /// The version, such as `v1.12.1-eksbuild.2`.
    pub version: String,
    /// Version of its chart, where it isn't the one that most versions have.
    chart: Option<String>,
    /// Values of its chart, beside those that all versions have.
    #[serde(default)]
    values: Value,
    from: String,
    to: Option<String>,
    #[serde(default)]
    default: Vec<String>,
}

/// Why an addon can't be as it is asked for, in EKS's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// No such addon, or not for this version of Kubernetes.
    #[error("Addon {addon} specified is not supported in {kubernetes} kubernetes version")]
    Addon {
        /// Its name.
        addon: String,
        /// Kubernetes minor version of the cluster.
        kubernetes: String,
    },
    /// No such version of it, or not for this version of Kubernetes.
    #[error("Addon version specified is not supported: {addon} {version} with Kubernetes {kubernetes}")]
    Version {
        /// Name of the addon.
        addon: String,
        /// The version.
        version: String,
        /// Kubernetes minor version of the cluster.
        kubernetes: String,
    },
    /// The configuration isn't of the form that the addon's schema has.
    #[error("ConfigurationValue provided in request is not supported: Json schema validation failed with error: [{0}]")]
    Configuration(String),
}

fn aws() -> String {
    "aws".into()
}

/// All addons by name.
///
/// # Panics
/// Never: a test reads the data.
#[allow(clippy::expect_used)]
pub fn all() -> &'static [Offer] {
    static ALL: LazyLock<Vec<Offer>> = LazyLock::new(|| {
        let mut all: Vec<Offer> = yaml::read(include_str!("addon_catalogue.yaml")).expect("a test reads the catalogue");
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    });
    &ALL
}

/// The addon with this name.
pub fn find(name: &str) -> Option<&'static Offer> {
    all().iter().find(|offer| offer.name == name)
}

/// The version that an addon has on a cluster: the one that is asked for, or the default one.
pub fn resolve(
    addon: &str,
    version: Option<&str>,
    kubernetes: &str,
) -> Result<(&'static Offer, &'static str), Unsupported> {
    let unknown = || Unsupported::Addon { addon: addon.into(), kubernetes: kubernetes.into() };
    let offer = find(addon).ok_or_else(unknown)?;
    let mut fit = offer.versions.iter().filter(|v| v.fits(kubernetes)).peekable();
    let newest = *fit.peek().ok_or_else(unknown)?;
    let found = match version {
        Some(version) => fit.find(|v| v.version == version).ok_or_else(|| Unsupported::Version {
            addon: addon.into(),
            version: version.into(),
            kubernetes: kubernetes.into(),
        })?,
        None => fit.find(|v| v.is_default(kubernetes)).unwrap_or(newest),
    };
    Ok((offer, &found.version))
}

impl OfferedVersion {
    /// Whether it is for this Kubernetes minor version.
    pub fn fits(&self, kubernetes: &str) -> bool {
        minor(&self.from) <= minor(kubernetes) && self.to.as_ref().is_none_or(|to| minor(kubernetes) <= minor(to))
    }

    /// Whether clusters of this version get it when they ask for none.
    pub fn is_default(&self, kubernetes: &str) -> bool {
        self.default.iter().any(|version| version == kubernetes)
    }
}

impl Offer {
    /// Values that a version gives the chart; `None` of a version that isn't offered.
    pub fn values_of(&self, version: &str) -> Option<&Value> {
        self.offered(version).map(|offered| &offered.values)
    }

    /// Version of the chart that installs a version; `None` where none does, and of a version that isn't offered.
    pub fn chart_version(&self, version: &str) -> Option<&str> {
        let own = self.offered(version)?.chart.as_deref();
        own.or_else(|| self.chart.as_ref().map(|chart| chart.version.as_str()))
    }

    fn offered(&self, version: &str) -> Option<&OfferedVersion> {
        self.versions.iter().find(|offered| offered.version == version)
    }

    /// JSON schema of its configuration.
    pub fn schema(&self) -> Value {
        let properties: serde_json::Map<String, Value> =
            self.schema.iter().map(|(name, type_)| (name.clone(), json!({"type": type_}))).collect();
        json!({
            "$schema": "http://json-schema.org/draft-06/schema#",
            "type": "object",
            "title": self.name,
            "additionalProperties": false,
            "properties": properties,
        })
    }

    /// Reads a configuration, JSON or YAML, and checks it against the schema.
    pub fn configuration(&self, text: &str) -> Result<Value, Unsupported> {
        let wrong = |why: String| Unsupported::Configuration(why);
        let value: Value = plain_yaml::read(text).map_err(|why| wrong(why.to_string()))?;
        let value = if text.trim().is_empty() { json!({}) } else { value };
        let schema = jsonschema::validator_for(&self.schema()).map_err(|e| wrong(e.to_string()))?;
        let problems: Vec<String> = schema.iter_errors(&value).flat_map(|error| explain(&error)).collect();
        if problems.is_empty() { Ok(value) } else { Err(wrong(problems.join(", "))) }
    }
}

/// What is wrong with a configuration, in the words of EKS's own validator.
fn explain(error: &ValidationError<'_>) -> Vec<String> {
    let path = format!("${}", error.instance_path().as_str().replace('/', "."));
    match error.kind() {
        ValidationErrorKind::Type { kind: TypeKind::Single(expected) } => {
            vec![format!("{path}: {} found, {expected} expected", json_type(error.instance()))]
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => unexpected
            .iter()
            .map(|name| {
                format!(
                    "{path}.{name}: is not defined in the schema and the schema does not allow additional properties"
                )
            })
            .collect(),
        _ => vec![format!("{path}: {error}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_addon_has_one_default_for_each_version_that_it_is_for() {
        assert!(all().len() > 15);
        for offer in all() {
            let known = ["object", "array", "string", "integer", "boolean"];
            let has_own = |offered: &&OfferedVersion| !offered.values.is_null() || offered.chart.is_some();
            let own = offer.versions.iter().filter(has_own).count();
            assert!(own == 0 || offer.chart.is_some(), "{} has no chart that takes values", offer.name);
            assert!(offer.schema.values().all(|t| known.contains(&t.as_str())), "{}", offer.name);
            for kubernetes in kubernetes_versions::all().iter().map(|version| version.name.as_str()) {
                let fit: Vec<_> = offer.versions.iter().filter(|v| v.fits(kubernetes)).collect();
                let defaults = offer.versions.iter().filter(|v| v.is_default(kubernetes));
                let defaults: Vec<_> = defaults.inspect(|v| assert!(v.fits(kubernetes), "{v:?}")).collect();
                assert_eq!(defaults.len(), usize::from(!fit.is_empty()), "{} for {kubernetes}", offer.name);
            }
        }
    }

    #[test]
    fn a_version_is_installed_by_its_own_chart_or_the_one_that_most_have() {
        let metrics = find("metrics-server").unwrap();
        assert_eq!(metrics.chart_version("v0.8.0-eksbuild.2"), Some("3.13.1"));
        assert_eq!(metrics.chart_version("v0.7.2-eksbuild.4"), Some("3.12.2"));
        assert_eq!(metrics.chart_version("v9"), None);
        assert_eq!(find("coredns").unwrap().chart_version("v1.12.4-eksbuild.1"), None);
    }

    #[test]
    fn an_addon_is_what_is_asked_for_or_the_default() {
        assert_eq!(resolve("coredns", None, "1.35").unwrap().1, "v1.12.4-eksbuild.1");
        assert_eq!(resolve("coredns", Some("v1.12.3-eksbuild.1"), "1.35").unwrap().1, "v1.12.3-eksbuild.1");
        let text = |e: Unsupported| e.to_string();
        assert!(
            text(resolve("coredns", Some("v9"), "1.35").unwrap_err()).starts_with("Addon version specified is not")
        );
        assert_eq!(
            text(resolve("nothing", None, "1.35").unwrap_err()),
            "Addon nothing specified is not supported in 1.35 kubernetes version"
        );
        assert!(resolve("cert-manager", None, "1.24").is_err(), "too old for it");
    }

    #[test]
    fn a_configuration_is_json_or_yaml_of_the_schema() {
        let coredns = find("coredns").unwrap();
        assert_eq!(coredns.configuration("{\"replicaCount\": 3}").unwrap()["replicaCount"], 3);
        assert_eq!(coredns.configuration("replicaCount: 3\n").unwrap()["replicaCount"], 3);
        assert_eq!(coredns.configuration("").unwrap(), json!({}));
        assert!(coredns.configuration("replicaCount: many").is_err());
        let bomb = format!("a: &a [{}]\nb: [{}]\n", vec!["1"; 5_000].join(","), vec!["*a"; 5_000].join(","));
        assert!(coredns.configuration(&bomb).unwrap_err().to_string().contains("alias"));
        let error = coredns.configuration("{\"replicas\": 3}").unwrap_err().to_string();
        assert!(error.contains("Json schema validation failed") && error.contains("replicas"), "{error}");
        assert!(coredns.configuration("{").is_err());
        for none in ["null", "~", "[]", "\"text\"", "# nothing"] {
            assert!(coredns.configuration(none).unwrap_err().to_string().contains("object expected"), "{none}");
        }
    }
}
