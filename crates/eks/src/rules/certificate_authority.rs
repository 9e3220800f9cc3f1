//! Certificate authorities of a cluster.
// Rules of every list have the same form; these need to know nothing besides the request.
#![allow(clippy::trivially_copy_pass_by_ref)]

use super::{Verdict, invalid};
use aws::error::ApiError;

/// Certificate authorities of one cluster: the one in use, and another one.
const LIMIT: usize = 2;

/// The cluster that is to have another one.
#[derive(Clone, Copy, Debug)]
pub struct Cluster<'a> {
    /// Its status.
    pub status: &'a str,
    /// What is said where it isn't ACTIVE.
    pub not_active: &'a str,
    /// How many it has.
    pub authorities: usize,
}

/// A certificate authority as a request finds it.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// Its id.
    pub id: &'a str,
    /// Whether it signs, as answers say it.
    pub signing: &'a str,
    /// Whether all trust it, as answers say it.
    pub distribution: &'a str,
    /// Why not all trust it, where that is known.
    pub issue: Option<&'a str>,
}

/// What CreateCertificateAuthority refuses.
pub const CREATE: &[fn(&Cluster<'_>, &()) -> Verdict] = &[limit, active];

/// What ActivateCertificateAuthority refuses.
pub const ACTIVATE: &[fn(&Found<'_>, &()) -> Verdict] = &[other, distributed];

/// What DeleteCertificateAuthority refuses.
pub const DELETE: &[fn(&Found<'_>, &()) -> Verdict] = &[unused];

/// A cluster has two at most.
fn limit(cluster: &Cluster<'_>, (): &()) -> Verdict {
    if cluster.authorities >= LIMIT {
        let text = format!("A cluster can have at most {LIMIT} certificate authorities");
        return Err(ApiError::limit_exceeded(text));
    }
    Ok(())
}

/// Only a cluster that works is given another one.
fn active(cluster: &Cluster<'_>, (): &()) -> Verdict {
    match cluster.status {
        "ACTIVE" | "UPDATING" => Ok(()),
        _ => invalid(cluster.not_active),
    }
}

/// The one in use can't be activated again.
fn other(found: &Found<'_>, (): &()) -> Verdict {
    if found.signing == "IN_USE" {
        return invalid(format!("Certificate authority {} is in use already", found.id));
    }
    Ok(())
}

/// Only what all trust can sign.
fn distributed(found: &Found<'_>, (): &()) -> Verdict {
    if found.distribution == "COMPLETE" {
        return Ok(());
    }
    let why = found.issue.map(|issue| format!(": {issue}")).unwrap_or_default();
    invalid(format!(
        "Certificate authority {} can not be activated: its distribution status is {}, not COMPLETE{why}",
        found.id, found.distribution
    ))
}

/// What signs, or is about to, stays.
fn unused(found: &Found<'_>, (): &()) -> Verdict {
    if found.signing == "NOT_USED" {
        return Ok(());
    }
    Err(ApiError::resource_in_use(format!("Certificate authority {} is in use and can not be deleted", found.id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::check;
    use aws::error::ErrorCode;

    fn code(verdict: Verdict) -> Option<ErrorCode> {
        verdict.err().map(|error| error.code())
    }

    #[test]
    fn a_cluster_that_works_has_two_at_most() {
        let create = |status, authorities| code(check(CREATE, &Cluster { status, not_active: "no", authorities }, &()));
        assert_eq!(create("ACTIVE", 1), None);
        assert_eq!(create("UPDATING", 1), None);
        assert_eq!(create("ACTIVE", 2), Some(ErrorCode::RESOURCE_LIMIT_EXCEEDED));
        assert_eq!(create("CREATING", 1), Some(ErrorCode::INVALID_PARAMETER));
    }

    #[test]
    fn what_all_trust_can_sign_and_what_signs_stays() {
        let found = |signing, distribution| Found { id: "ca-1", signing, distribution, issue: Some("a node is away") };
        let activate = |found| check(ACTIVATE, &found, &()).err().map(|error| error.message().to_owned());
        assert_eq!(activate(found("NOT_USED", "COMPLETE")), None);
        assert!(activate(found("IN_USE", "COMPLETE")).unwrap().contains("in use already"));
        let failed = activate(found("NOT_USED", "FAILED")).unwrap();
        assert!(failed.contains("FAILED, not COMPLETE: a node is away"), "{failed}");
        let delete = |signing| code(check(DELETE, &found(signing, "COMPLETE"), &()));
        assert_eq!(delete("NOT_USED"), None);
        for signing in ["IN_USE", "ACTIVATING"] {
            assert_eq!(delete(signing), Some(ErrorCode::RESOURCE_IN_USE), "{signing}");
        }
    }
}
