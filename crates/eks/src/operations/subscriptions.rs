//! EKS Anywhere subscriptions: create, describe, list, update, delete.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::jiff::{Timestamp, ToSpan, tz::TimeZone};
use kube::ResourceExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::RequestContext;
use super::token::Stamp;
use crate::error::EksError;
use crate::rules::check;
use crate::rules::subscription::{CREATE, Facts};
use arn::{EksArn, EksResource};
use aws::error::ApiError;
use crd::subscription::{EksAnywhereSubscriptionSpec, SubscriptionTerm};
use crd::{EksAnywhereSubscription, names};
use store::Store;

#[derive(Deserialize)]
pub(super) struct ById {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filter {
    #[serde(default)]
    include_status: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Renewal {
    id: String,
    auto_renew: bool,
}

/// What CreateEksAnywhereSubscription asks for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Create {
    name: String,
    term: Term,
    #[serde(default)]
    license_quantity: i32,
    #[serde(default)]
    auto_renew: bool,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(skip_serializing)]
    client_request_token: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Term {
    #[serde(default)]
    duration: i32,
}

/// Its id in EKS.
fn id(subscription: &EksAnywhereSubscription) -> String {
    names::uuid_like(&names::digest(&[&subscription.uid().unwrap_or_default()]))
}

/// When it ends, as long as it isn't renewed.
fn expires(subscription: &EksAnywhereSubscription) -> Option<Timestamp> {
    let begun = subscription.creation_timestamp()?.0.to_zoned(TimeZone::UTC);
    begun.checked_add(subscription.spec.term.duration.months()).ok().map(|end| end.timestamp())
}

fn status(subscription: &EksAnywhereSubscription, now: Timestamp) -> &'static str {
    let over = expires(subscription).is_some_and(|end| end < now);
    if over && !subscription.spec.auto_renew { "EXPIRED" } else { "ACTIVE" }
}

fn wire(subscription: &EksAnywhereSubscription) -> Value {
    let spec = &subscription.spec;
    let created = subscription.creation_timestamp().map(|time| time.0.to_string());
    let arn = EksArn::new(&spec.region, &spec.account_id, EksResource::Subscription(id(subscription)));
    json!({
        "id": id(subscription),
        "arn": arn.to_string(),
        "createdAt": created,
        "effectiveDate": created,
        "expirationDate": expires(subscription).map(|time| time.to_string()),
        "licenseQuantity": spec.license_quantity,
        "licenseType": "Cluster",
        "term": {"duration": spec.term.duration, "unit": "MONTHS"},
        "status": status(subscription, Timestamp::now()),
        "autoRenew": spec.auto_renew,
        "licenseArns": [],
        "licenses": [],
        "tags": spec.tags,
    })
}

fn of_caller(cx: &RequestContext) -> Vec<Arc<EksAnywhereSubscription>> {
    let mut all = cx.state.store.list::<EksAnywhereSubscription>();
    all.retain(|s| s.spec.account_id == cx.caller.account && s.spec.region == cx.caller.region);
    all
}

/// The subscription with this id, whosever it is.
pub(super) fn by_id(store: &Store, wanted: &str) -> Option<Arc<EksAnywhereSubscription>> {
    store.list::<EksAnywhereSubscription>().into_iter().find(|s| id(s) == wanted)
}

fn find(cx: &RequestContext, wanted: &str) -> Result<Arc<EksAnywhereSubscription>, ApiError> {
    of_caller(cx).into_iter().find(|s| id(s) == wanted).ok_or_else(|| {
        ApiError::resource_not_found(format!("No subscription found for id: {wanted}.")).subscription(wanted)
    })
}

pub(super) async fn create(cx: RequestContext, request: Create) -> Result<Value, ApiError> {
    let store = &cx.state.store;
    let spec = EksAnywhereSubscriptionSpec {
        account_id: cx.caller.account.clone(),
        region: cx.caller.region.clone(),
        subscription_name: request.name.clone(),
        term: SubscriptionTerm { duration: request.term.duration },
        license_quantity: request.license_quantity,
        auto_renew: request.auto_renew,
        tags: request.tags.clone(),
    };
    check(CREATE, &spec, &Facts)?;
    let operation = "CreateEksAnywhereSubscription";
    let stamp = Stamp::new(operation, &cx.caller, request.client_request_token.as_deref(), &request)?;
    let _lock = cx.state.lock_account(&cx.caller).await;
    if let Some(found) = of_caller(&cx).iter().find(|s| s.spec.subscription_name == request.name) {
        let text = format!("Subscription already exists with name: {}", request.name);
        return if stamp.made(&**found) {
            Ok(json!({"subscription": wire(found)}))
        } else {
            Err(ApiError::resource_in_use(text))
        };
    }
    let name = names::hashed(&request.name, 63, &[&cx.caller.account, &cx.caller.region, &request.name]);
    let mut subscription = EksAnywhereSubscription::new(&name, spec);
    subscription.metadata.namespace = Some(store.namespace().to_owned());
    subscription.metadata.annotations = Some(stamp.annotations());
    Ok(json!({"subscription": wire(&*store.create(&subscription).await?)}))
}

pub(super) async fn describe(cx: RequestContext, input: ById) -> Result<Value, ApiError> {
    Ok(json!({"subscription": wire(&*find(&cx, &input.id)?)}))
}

pub(super) async fn list(cx: RequestContext, input: Filter) -> Result<Value, ApiError> {
    let mut all = of_caller(&cx);
    let now = Timestamp::now();
    all.retain(|s| {
        input.include_status.is_empty() || input.include_status.iter().any(|wanted| wanted == status(s, now))
    });
    let page = cx.page(all, |subscription| id(subscription));
    let items: Vec<Value> = page.items.iter().map(|subscription| wire(subscription)).collect();
    Ok(json!({"subscriptions": items, "nextToken": page.next_token}))
}

pub(super) async fn update(cx: RequestContext, input: Renewal) -> Result<Value, ApiError> {
    let found = find(&cx, &input.id)?;
    let change = |subscription: &mut EksAnywhereSubscription| {
        subscription.spec.auto_renew = input.auto_renew;
        Ok(())
    };
    let (changed, _) = cx.state.store.change(&found, change).await?;
    Ok(json!({"subscription": wire(&changed)}))
}

pub(super) async fn delete(cx: RequestContext, input: ById) -> Result<Value, ApiError> {
    let found = find(&cx, &input.id)?;
    cx.state.store.delete(&found).await?;
    let mut gone = wire(&found);
    gone["status"] = json!("DELETING");
    Ok(json!({"subscription": gone}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    #[test]
    fn a_subscription_ends_with_its_term_unless_it_is_renewed() {
        let spec = EksAnywhereSubscriptionSpec { term: SubscriptionTerm { duration: 12 }, ..Default::default() };
        let mut subscription = EksAnywhereSubscription::new("s", spec);
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        subscription.metadata.creation_timestamp = Some(Time(at("2026-01-31T00:00:00Z")));
        assert_eq!(expires(&subscription), Some(at("2027-01-31T00:00:00Z")));
        assert_eq!(status(&subscription, at("2026-12-31T00:00:00Z")), "ACTIVE");
        assert_eq!(status(&subscription, at("2027-02-01T00:00:00Z")), "EXPIRED");
        subscription.spec.auto_renew = true;
        assert_eq!(status(&subscription, at("2027-02-01T00:00:00Z")), "ACTIVE");
    }
}
