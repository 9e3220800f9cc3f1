//! `clientRequestToken`: the same request sent again gets the same answer.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::{Resource, ResourceExt};
use serde::Serialize;
use uuid::Uuid;

use aws::error::ApiError;
use aws::sigv4::Caller;
use crd::keys::{ANNOTATION_CREATOR, ANNOTATION_REQUEST, ANNOTATION_TOKEN};
use crd::names;

/// How long clients may go on sending a request that wasn't answered.
const LATELY: SignedDuration = SignedDuration::from_mins(15);

/// A request as it is kept on what it made.
#[derive(Clone, Debug)]
pub struct Stamp {
    token: Option<String>,
    digest: String,
    creator: String,
}

impl Stamp {
    /// The stamp of a request of this operation. `request` must not contain the token.
    pub fn new(
        operation: &str,
        caller: &Caller,
        token: Option<&str>,
        request: &impl Serialize,
    ) -> Result<Self, ApiError> {
        let text = serde_json::to_string(request).map_err(ApiError::internal)?;
        Ok(Self {
            token: token.map(str::to_owned),
            digest: names::digest(&[operation, &text]),
            creator: caller.identity_arn.clone(),
        })
    }

    /// The annotations for what the request makes.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        let mut annotations = BTreeMap::from([
            (ANNOTATION_REQUEST.to_owned(), self.digest.clone()),
            (ANNOTATION_CREATOR.to_owned(), self.creator.clone()),
        ]);
        annotations.extend(self.token.clone().map(|token| (ANNOTATION_TOKEN.to_owned(), token)));
        annotations
    }

    /// Whether `object` was made by a request with the same token.
    pub fn same_token<K: Resource>(&self, object: &K) -> bool {
        self.token.is_some() && object.annotations().get(ANNOTATION_TOKEN) == self.token.as_ref()
    }

    /// Whether `object` was made by this very request.
    pub fn made<K: Resource>(&self, object: &K) -> bool {
        self.same_token(object) && object.annotations().get(ANNOTATION_REQUEST) == Some(&self.digest)
    }

    /// Whether this very request made `object` so lately that it may have been interrupted after that. What lacks later was
    /// taken away on purpose.
    pub fn made_lately<K: Resource>(&self, object: &K) -> bool {
        let age = |made: Time| Timestamp::now().duration_since(made.0);
        self.made(object) && object.creation_timestamp().is_some_and(|made| age(made) < LATELY)
    }

    /// What tells the request from all others: its token, or else something new.
    pub fn mark(&self) -> String {
        self.token.clone().unwrap_or_else(|| Uuid::new_v4().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crd::{Nodegroup, NodegroupSpec};

    fn caller() -> Caller {
        Caller {
            account: "000000000000".into(),
            region: "us-east-1".into(),
            access_key_id: None,
            principal_arn: "arn:aws:iam::000000000000:root".into(),
            identity_arn: "arn:aws:iam::000000000000:root".into(),
            verified: false,
        }
    }

    fn stamp(token: Option<&str>, request: &str) -> Stamp {
        Stamp::new("CreateNodegroup", &caller(), token, &request).unwrap()
    }

    #[test]
    fn only_the_same_token_and_the_same_request_are_the_same() {
        let mut group = Nodegroup::new("g", NodegroupSpec::default());
        group.metadata.annotations = Some(stamp(Some("t"), "a").annotations());
        assert!(stamp(Some("t"), "a").made(&group));
        assert!(!stamp(Some("t"), "b").made(&group));
        assert!(!stamp(Some("u"), "a").made(&group));
        assert!(!stamp(None, "a").made(&group));
        group.metadata.annotations = Some(stamp(None, "a").annotations());
        assert!(!stamp(None, "a").made(&group), "without a token every request is one of its own");
    }

    #[test]
    fn what_was_made_long_ago_was_made_whole() {
        let mut group = Nodegroup::new("g", NodegroupSpec::default());
        group.metadata.annotations = Some(stamp(Some("t"), "a").annotations());
        let mut lately = |minutes| {
            group.metadata.creation_timestamp = Some(Time(Timestamp::now() - SignedDuration::from_mins(minutes)));
            stamp(Some("t"), "a").made_lately(&group)
        };
        assert!(lately(0) && lately(14) && !lately(16));
    }
}
