//! DescribeClusterVersions.

use k8s_openapi::jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{RequestContext, Settings};
use aws::error::ApiError;
use aws::times;
use crd::keys::PLATFORM_VERSION;
use kubernetes_versions::{self, Support, Version};

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Filter {
    cluster_type: Option<String>,
    default_only: bool,
    include_all: bool,
    cluster_versions: Vec<String>,
    status: Option<String>,
    version_status: Option<String>,
}

pub(super) async fn describe(cx: RequestContext, filter: Filter) -> Result<Value, ApiError> {
    let listed = list(&filter, &cx.state.settings, times::today());
    let page = cx.page(listed, |version| version["clusterVersion"].as_str().unwrap_or_default().to_owned());
    Ok(json!({"clusterVersions": page.items, "nextToken": page.next_token}))
}

/// The versions that the filter lets through. Without it, those that EKS supports on this day.
fn list(filter: &Filter, settings: &Settings, today: Date) -> Vec<Value> {
    if filter.cluster_type.as_deref().is_some_and(|kind| kind != "eks") {
        return Vec::new();
    }
    let wanted = filter.version_status.clone();
    let wanted = wanted.or_else(|| filter.status.as_ref().map(|status| status.to_uppercase().replace('-', "_")));
    let named = |name: &String| filter.cluster_versions.is_empty() || filter.cluster_versions.contains(name);
    let all = settings.versions.iter().filter(|name| named(name));
    all.filter_map(|name| {
        let facts = kubernetes_versions::find(name);
        // A version that EKS doesn't know is as good as a new one.
        let status = facts.map_or(Support::Standard, |facts| facts.support(today)).as_str();
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
                "kubernetesPatchVersion": facts.map(Version::patch),
            })
        })
    })
    .collect()
}

fn midnight(day: Date) -> String {
    format!("{day}T00:00:00Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::Quotas;

    fn on(day: &str, filter: &Filter) -> Vec<Value> {
        let settings = Settings {
            account: String::new(),
            region: String::new(),
            default_version: "1.35".into(),
            versions: kubernetes_versions::all().iter().map(|version| version.name.clone()).collect(),
            quotas: Quotas::default(),
            settle: std::time::Duration::ZERO,
        };
        list(filter, &settings, day.parse().unwrap())
    }

    fn names(filter: &Filter) -> Vec<String> {
        let listed = on("2026-11-27", filter);
        listed.iter().map(|version| version["clusterVersion"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_is_listed_depends_on_the_day_and_on_the_filter() {
        assert_eq!(names(&Filter::default()), ["1.36", "1.35", "1.34", "1.33", "1.32"]);
        let all = Filter { include_all: true, ..Filter::default() };
        assert_eq!(names(&all).len(), kubernetes_versions::all().len());
        let default = Filter { default_only: true, ..Filter::default() };
        assert_eq!(names(&default), ["1.35"]);
        let extended = Filter { status: Some("extended-support".into()), ..Filter::default() };
        assert_eq!(names(&extended), ["1.33", "1.32"]);
        let gone = Filter { version_status: Some("UNSUPPORTED".into()), ..Filter::default() };
        assert_eq!(names(&gone).first().map(String::as_str), Some("1.31"));
        let one = Filter { cluster_versions: vec!["1.24".into()], ..Filter::default() };
        assert_eq!(names(&one), ["1.24"]);
        let other = Filter { cluster_type: Some("other".into()), ..Filter::default() };
        assert_eq!(names(&other), [""; 0]);
        assert_eq!(on("2026-11-25", &Filter::default()).len(), 6, "1.31 is offered for one more day");
    }

    #[test]
    fn a_version_is_told_with_its_days_and_its_patch() {
        let one = Filter { cluster_versions: vec!["1.31".into()], ..Filter::default() };
        let expected = json!([{
            "clusterVersion": "1.31", "clusterType": "eks", "defaultPlatformVersion": PLATFORM_VERSION, "defaultVersion": false,
            "releaseDate": "2024-09-26T00:00:00Z", "endOfStandardSupportDate": "2025-11-26T00:00:00Z",
            "endOfExtendedSupportDate": "2026-11-26T00:00:00Z", "status": "unsupported", "versionStatus": "UNSUPPORTED",
            "kubernetesPatchVersion": "1.31.1",
        }]);
        assert_eq!(Value::Array(on("2026-11-27", &one)), expected);
    }
}
