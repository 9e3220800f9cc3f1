//! What EKS checks of EKS Anywhere subscriptions.

use super::{Verdict, invalid, values};
use crd::subscription::EksAnywhereSubscriptionSpec;

/// Terms that can be had, in months.
const TERMS: [i32; 2] = [12, 36];
/// Most licences of a subscription.
const LICENSES: i32 = 100;

/// Rules know nothing besides the request.
pub struct Facts;

type Rule = fn(&EksAnywhereSubscriptionSpec, &Facts) -> Verdict;

/// What a new subscription is asked.
pub const CREATE: &[Rule] = &[name, tags, term, licenses];

/// `name` begins with a letter.
fn name(spec: &EksAnywhereSubscriptionSpec, _: &Facts) -> Verdict {
    if !spec.subscription_name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return invalid("The name of a subscription must start with an alphabetic character");
    }
    Ok(())
}

fn tags(spec: &EksAnywhereSubscriptionSpec, _: &Facts) -> Verdict {
    values::tags(&spec.tags)
}

/// `term.duration` is 12 or 36 months.
fn term(spec: &EksAnywhereSubscriptionSpec, _: &Facts) -> Verdict {
    if !TERMS.contains(&spec.term.duration) {
        return invalid("The duration of a subscription's term must be 12 or 36 months");
    }
    Ok(())
}

/// `licenseQuantity` is 1 to 100.
fn licenses(spec: &EksAnywhereSubscriptionSpec, _: &Facts) -> Verdict {
    if !(1..=LICENSES).contains(&spec.license_quantity) {
        return invalid(format!("The license quantity of a subscription must be between 1 and {LICENSES}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rules::check;

    fn refused(change: &Value) -> bool {
        let mut spec = json!({"accountID": "000000000000", "region": "us-east-1", "subscriptionName": "s",
            "term": {"duration": 12}, "licenseQuantity": 1});
        spec.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let spec: EksAnywhereSubscriptionSpec = serde_json::from_value(spec).unwrap();
        check(CREATE, &spec, &Facts).is_err()
    }

    #[test]
    fn each_member_alone() {
        for (good, bad) in [
            (json!({"subscriptionName": "a-1_b"}), json!({"subscriptionName": "1a"})),
            (json!({"term": {"duration": 36}}), json!({"term": {"duration": 24}})),
            (json!({"licenseQuantity": 100}), json!({"licenseQuantity": 101})),
            (json!({"licenseQuantity": 1}), json!({"licenseQuantity": 0})),
            (json!({"tags": {"a": "b"}}), json!({"tags": {"aws:a": "b"}})),
        ] {
            assert!(!refused(&good), "{good}");
            assert!(refused(&bad), "{bad}");
        }
    }
}
