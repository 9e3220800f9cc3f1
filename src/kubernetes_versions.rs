//! The Kubernetes versions that clusters can have: data in `kubernetes_versions.yaml`, which also says where it is from.

use std::sync::LazyLock;

use chrono::NaiveDate;
use serde::Deserialize;

/// What is known of versions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Day on which the data was last compared with its sources.
    pub checked: NaiveDate,
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
    pub released: NaiveDate,
    /// Day on which standard support ends and extended support begins.
    pub standard_until: NaiveDate,
    /// Day on which extended support ends. From then on EKS no longer offers it.
    pub extended_until: NaiveDate,
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
    pub fn support(&self, on: NaiveDate) -> Support {
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
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        serde_yaml::from_str(include_str!("kubernetes_versions.yaml")).expect("a test reads the versions")
    });
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
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn the_table_is_whole_and_in_order() {
        let table = table();
        assert!(find(&table.default).is_some_and(|v| v.support(table.checked) == Support::Standard));
        assert!(table.sources.iter().all(|source| source.starts_with("https://")));
        for (number, version) in (24..).zip(table.versions.iter().rev()) {
            assert_eq!(version.name, format!("1.{number}"), "no gap, no version twice");
            assert!(version.k3s.starts_with(&format!("{}.", version.name)), "{}", version.k3s);
            assert!(version.k3s.contains("-k3s"), "{}", version.k3s);
            assert!(version.released < version.standard_until && version.standard_until < version.extended_until);
            assert!(version.released <= table.checked, "{} is still to come", version.name);
        }
        assert!(table.versions.is_sorted_by(|newer, older| newer.released > older.released));
    }

    #[test]
    fn what_others_run_is_run_here() {
        let theirs = [
            "1.24.17-k3s1",
            "1.25.16-k3s4",
            "1.26.15-k3s1",
            "1.27.16-k3s1",
            "1.28.13-k3s1",
            "1.29.8-k3s1",
            "1.30.4-k3s1",
            "1.31.1-k3s1",
        ];
        assert!(theirs.iter().all(|release| all().iter().any(|version| version.k3s == *release)));
    }

    #[test]
    fn support_ends_when_its_last_day_begins() {
        let version = find("1.31").unwrap();
        assert_eq!(version.support(day("2025-11-25")), Support::Standard);
        assert_eq!(version.support(day("2025-11-26")), Support::Extended);
        assert_eq!(version.support(day("2026-11-25")), Support::Extended);
        assert_eq!(version.support(day("2026-11-26")), Support::Unsupported);
    }

    #[test]
    fn a_release_names_its_patch_and_its_image() {
        let version = find("1.25").unwrap();
        assert_eq!((version.patch(), version.image().as_str()), ("1.25.16", "rancher/k3s:v1.25.16-k3s4"));
        assert!(find("1.23").is_none() && find("1.3").is_none());
    }
}
