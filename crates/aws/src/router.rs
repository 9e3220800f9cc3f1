//! From method and path to an operation.
//!
//! Paths are matched in their raw, percent-encoded form and decoded segment by segment, so that an encoded `/` inside
//! an ARN separates nothing. Some clients don't encode ARNs: a label whose segment begins with `arn:` takes as many
//! segments as the rest of the template leaves it.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

use super::error::{ApiError, ErrorCode};
use super::model::{Model, Operation};

/// No template of the API comes near this many segments; ARNs that aren't encoded add a few.
const MAX_SEGMENTS: usize = 32;

/// A routed request.
#[derive(Debug)]
pub struct Route<'m> {
    /// The operation.
    pub operation: &'m Operation,
    /// The labels of the URI template with their decoded values, in order.
    pub labels: Vec<(&'m str, String)>,
}

impl Route<'_> {
    /// What the request is about, for logs: the labels' values joined by `/`.
    pub fn resource(&self) -> Cow<'_, str> {
        match self.labels.as_slice() {
            [] => Cow::Borrowed(""),
            [(_, only)] => Cow::Borrowed(only),
            all => Cow::Owned(all.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join("/")),
        }
    }
}

/// A trie of URI templates.
#[derive(Debug)]
pub struct Router<'m> {
    root: Node<'m>,
}

#[derive(Debug, Default)]
struct Node<'m> {
    literals: Vec<(&'m str, Node<'m>)>,
    label: Option<Box<Node<'m>>>,
    operations: Vec<Target<'m>>,
}

/// An operation with the names of its labels; operations that share a node may name theirs differently.
#[derive(Debug)]
struct Target<'m> {
    operation: &'m Operation,
    labels: Vec<&'m str>,
}

impl<'m> Router<'m> {
    /// A router for all operations of the model.
    pub fn new(model: &'m Model) -> Self {
        let mut root = Node::default();
        for operation in model.operations() {
            root.insert(operation);
        }
        Self { root }
    }

    /// Finds the operation for a method and a raw path. An unknown route gets the answer that AWS gives.
    pub fn route(&self, method: &Method, path: &str) -> Result<Route<'m>, ApiError> {
        let unknown = || ApiError::new(ErrorCode::MISSING_AUTHENTICATION_TOKEN, "Missing Authentication Token");
        let path = path.strip_prefix('/').ok_or_else(unknown)?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let segments: Vec<&str> = path.split('/').take(MAX_SEGMENTS + 1).collect();
        if segments.len() > MAX_SEGMENTS {
            return Err(unknown());
        }
        let mut values = Vec::with_capacity(4);
        let target = self.root.find(method, &segments, &mut values).ok_or_else(unknown)?;
        let decoded = values.into_iter().map(|raw| decode(&raw).into_owned());
        Ok(Route { operation: target.operation, labels: target.labels.iter().copied().zip(decoded).collect() })
    }
}

impl<'m> Node<'m> {
    fn insert(&mut self, operation: &'m Operation) {
        let mut node = self;
        let mut labels = Vec::new();
        for segment in operation.uri.trim_start_matches('/').split('/') {
            if let Some(label) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                labels.push(label);
                node = node.label.get_or_insert_default();
                continue;
            }
            let at = node.literals.iter().position(|(name, _)| *name == segment).unwrap_or_else(|| {
                node.literals.push((segment, Self::default()));
                node.literals.len() - 1
            });
            node = &mut node.literals[at].1;
        }
        node.operations.push(Target { operation, labels });
    }

    fn find<'p>(&self, method: &Method, segments: &[&'p str], values: &mut Vec<Cow<'p, str>>) -> Option<&Target<'m>> {
        let Some((first, rest)) = segments.split_first() else {
            return self.operations.iter().find(|target| target.operation.method == *method);
        };
        let literal = self.literals.iter().find(|(name, _)| *name == *first);
        if let Some(target) = literal.and_then(|(_, node)| node.find(method, rest, values)) {
            return Some(target);
        }
        let label = self.label.as_deref()?;
        let longest = if is_arn(first) { segments.len() } else { 1 };
        for taken in 1..=longest {
            let depth = values.len();
            values.push(join(&segments[..taken]));
            if let Some(target) = label.find(method, &segments[taken..], values) {
                return Some(target);
            }
            values.truncate(depth);
        }
        None
    }
}

fn is_arn(segment: &str) -> bool {
    segment.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("arn:"))
        || segment.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("arn%3a"))
}

fn join<'p>(segments: &[&'p str]) -> Cow<'p, str> {
    match segments {
        [only] => Cow::Borrowed(only),
        many => Cow::Owned(many.join("/")),
    }
}

/// Percent-decodes; bytes that aren't UTF-8 become replacement characters, which no constraint lets through.
pub(super) fn decode(raw: &str) -> Cow<'_, str> {
    if raw.contains('%') { percent_decode_str(raw).decode_utf8_lossy() } else { Cow::Borrowed(raw) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::model;

    type Found = Option<(String, Vec<String>)>;

    fn route(method: &Method, path: &str) -> Found {
        let router = Router::new(model());
        let route = router.route(method, path).ok()?;
        Some((route.operation.name.clone(), route.labels.into_iter().map(|(_, value)| value).collect()))
    }

    #[allow(clippy::unnecessary_wraps)]
    fn found(name: &str, labels: &[&str]) -> Found {
        Some((name.to_owned(), labels.iter().map(|label| (*label).to_owned()).collect()))
    }

    #[test]
    fn every_operation_is_reached_by_its_own_template() {
        for operation in model().operations() {
            let path = operation.uri.replace('{', "x-").replace('}', "");
            assert_eq!(route(&operation.method, &path).map(|(name, _)| name), Some(operation.name.clone()));
        }
    }

    #[test]
    fn encoded_labels_are_decoded() {
        let arn = "arn:aws:eks:us-east-1:000000000000:cluster/a";
        let encoded = "/tags/arn%3Aaws%3Aeks%3Aus-east-1%3A000000000000%3Acluster%2Fa";
        assert_eq!(route(&Method::GET, encoded), found("ListTagsForResource", &[arn]));
        assert_eq!(route(&Method::GET, &format!("/tags/{arn}")), found("ListTagsForResource", &[arn]));
        assert_eq!(route(&Method::GET, "/clusters/a%20b"), found("DescribeCluster", &["a b"]));
        assert_eq!(route(&Method::GET, "/clusters/"), found("ListClusters", &[]));
    }

    #[test]
    fn an_arn_with_slashes_may_stand_in_the_middle() {
        let role = "arn:aws:iam::000000000000:role/path/admin";
        let base = format!("/clusters/c/access-entries/{role}");
        assert_eq!(route(&Method::GET, &base), found("DescribeAccessEntry", &["c", role]));
        let policies = format!("{base}/access-policies");
        assert_eq!(route(&Method::POST, &policies), found("AssociateAccessPolicy", &["c", role]));
        let policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
        let disassociate = format!("{policies}/{policy}");
        assert_eq!(route(&Method::DELETE, &disassociate), found("DisassociateAccessPolicy", &["c", role, policy]));
    }

    #[test]
    fn unknown_routes_get_the_gateways_answer() {
        for (method, path) in [(Method::GET, "/nope"), (Method::PUT, "/clusters"), (Method::GET, "*")] {
            let error = Router::new(model()).route(&method, path).unwrap_err();
            assert_eq!((error.code().status().as_u16(), error.message()), (403, "Missing Authentication Token"));
        }
        assert!(route(&Method::GET, &"/x".repeat(5000)).is_none());
    }
}
