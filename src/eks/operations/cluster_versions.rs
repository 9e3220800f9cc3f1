//! DescribeClusterVersions.

use chrono::{NaiveDate, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, Cx, Settings};
use crate::crd::keys::PLATFORM_VERSION;
use crate::eks::error::ApiError;
use crate::eks::registry::Registry;
use crate::eks::versions::{self, Version};

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    cluster_type: Option<String>,
    default_only: bool,
    include_all: bool,
    cluster_versions: Vec<String>,
    status: Option<String>,
    version_status: Option<String>,
}

pub(super) fn register(registry: Registry<Api>) -> Registry<Api> {
    registry.on("DescribeClusterVersions", describe)
}

async fn describe(cx: Cx, filter: Filter) -> Result<Value, ApiError> {
    let listed = list(&filter, &cx.state.settings, Utc::now().date_naive());
    let page = cx.page(listed, |version| version["clusterVersion"].as_str().unwrap_or_default().to_owned());
    Ok(json!({"clusterVersions": page.items, "nextToken": page.next_token}))
}

/// The versions that the filter lets through. Without it, those that EKS supports on this day.
fn list(filter: &Filter, settings: &Settings, today: NaiveDate) -> Vec<Value> {
    if filter.cluster_type.as_deref().is_some_and(|kind| kind != "eks") {
        return Vec::new();
    }
    let wanted = filter.version_status.clone();
    let wanted = wanted.or_else(|| filter.status.as_ref().map(|status| status.to_uppercase().replace('-', "_")));
    let named = |name: &String| filter.cluster_versions.is_empty() || filter.cluster_versions.contains(name);
    let all = settings.versions.iter().filter(|name| named(name));
    all.filter_map(|name| {
        let facts = versions::find(name);
        let status = support(facts, today);
        let default = *name == settings.default_version;
        let shown = match &wanted {
            Some(wanted) => wanted == status,
            None => status != "UNSUPPORTED" || filter.include_all || !filter.cluster_versions.is_empty() || default,
        };
        let shown = shown && (default || !filter.default_only);
        shown.then(|| {
            json!({
                "clusterVersion": name,
                "clusterType": "eks",
                "defaultPlatformVersion": PLATFORM_VERSION,
                "defaultVersion": default,
                "releaseDate": facts.map(|facts| midnight(facts.released)),
                "endOfStandardSupportDate": facts.map(|facts| midnight(facts.standard_until)),
                "endOfExtendedSupportDate": facts.map(|facts| midnight(facts.extended_until)),
                "status": status.to_lowercase().replace('_', "-"),
                "versionStatus": status,
            })
        })
    })
    .collect()
}

/// What support EKS gives a version on this day. One that EKS doesn't know is as good as a new one.
fn support(facts: Option<&Version>, today: NaiveDate) -> &'static str {
    let Some(facts) = facts else { return "STANDARD_SUPPORT" };
    // Days in this form have the order of their text.
    let today = today.to_string();
    if today.as_str() <= facts.standard_until {
        "STANDARD_SUPPORT"
    } else if today.as_str() <= facts.extended_until {
        "EXTENDED_SUPPORT"
    } else {
        "UNSUPPORTED"
    }
}

fn midnight(day: &str) -> String {
    format!("{day}T00:00:00Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eks::operations::Quotas;

    fn names(filter: &Filter) -> Vec<String> {
        let settings = Settings {
            account: String::new(),
            region: String::new(),
            default_version: "1.33".into(),
            versions: versions::ALL.iter().map(|version| version.name.to_owned()).collect(),
            quotas: Quotas::default(),
        };
        let day = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
        let listed = list(filter, &settings, day);
        listed.iter().map(|version| version["clusterVersion"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_is_listed_depends_on_the_day_and_on_the_filter() {
        assert_eq!(names(&Filter::default()), ["1.34", "1.33", "1.32", "1.31", "1.30", "1.29"]);
        let all = Filter { include_all: true, ..Filter::default() };
        assert_eq!(names(&all).len(), versions::ALL.len());
        let default = Filter { default_only: true, ..Filter::default() };
        assert_eq!(names(&default), ["1.33"]);
        let extended = Filter { status: Some("extended-support".into()), ..Filter::default() };
        assert_eq!(names(&extended), ["1.31", "1.30", "1.29"]);
        let one = Filter { cluster_versions: vec!["1.24".into()], ..Filter::default() };
        assert_eq!(names(&one), ["1.24"]);
    }
}
