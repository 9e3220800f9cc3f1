//! The Kubernetes versions that clusters can have: data in `kubernetes_versions.yaml`, which also says where it is from.

use std::sync::LazyLock;

use jiff::civil::Date;
use serde::Deserialize;

/// What is known of versions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Day on which the data was last compared with its sources.
    pub checked: Date,
    /// Pages that the data is from.
    pub sources: Vec<String>,
    /// The version of clusters that name none.
    pub default: String,
    /// Every version that is built in, newest first.
    pub versions: Vec<Version>,
}

/// A Kubernetes version. Days begin and end at midnight UTC.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Version {
    /// Minor version such as `1.36`.
    #[serde(rename = "version")]
    pub name: String,
    /// The k3s release that runs it, such as `1.36.4-k3s1`.
    pub k3s: String,
    /// Day on which EKS began to offer it.
    pub released: Date,
    /// Day on which standard support ends and extended support begins.
    pub standard_until: Date,
    /// Day on which extended support ends. From then on EKS no longer offers it.
    pub extended_until: Date,
}

/// How EKS supports a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// Without extra charge.
    Standard,
    /// For an extra charge.
    Extended,
    /// EKS no longer offers it.
    Unsupported,
}

impl Support {
    /// As the EKS API's `versionStatus` says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD_SUPPORT",
            Self::Extended => "EXTENDED_SUPPORT",
            Self::Unsupported => "UNSUPPORTED",
        }
    }
}

impl Version {
    /// The support that EKS gives it on a day.
    pub fn support(&self, on: Date) -> Support {
        if on < self.standard_until {
            Support::Standard
        } else if on < self.extended_until {
            Support::Extended
        } else {
            Support::Unsupported
        }
    }

    /// The Kubernetes release in its k3s release, such as `1.36.4`.
    pub fn patch(&self) -> &str {
        self.k3s.split_once('-').map_or(self.k3s.as_str(), |(patch, _)| patch)
    }

    /// The image that runs it, such as `rancher/k3s:v1.36.4-k3s1`.
    pub fn image(&self) -> String {
        format!("rancher/k3s:v{}", self.k3s)
    }
}

/// The whole table.
///
/// # Panics
/// Never: a test reads the data.
#[allow(clippy::expect_used)]
pub fn table() -> &'static Table {
    static TABLE: LazyLock<Table> =
        LazyLock::new(|| yaml::read(include_str!("kubernetes_versions.yaml")).expect("a test reads the versions"));
    &TABLE
}

/// Every version that is built in, newest first.
pub fn all() -> &'static [Version] {
    &table().versions
}

/// The version of clusters that name none.
pub fn default() -> &'static str {
    &table().default
}

/// The facts about a version, if it is built in.
pub fn find(name: &str) -> Option<&'static Version> {
    all().iter().find(|version| version.name == name)
}

#[cfg(test)]
mod tests;
