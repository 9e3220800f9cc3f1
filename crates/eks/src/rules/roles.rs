//! Roles that requests name: which of them may be of another account.
//!
//! | member | another account's role |
//! | --- | --- |
//! | `roleArn` of a pod identity association, alone or with an addon | refused: only `targetRoleArn` may cross |
//! | `targetRoleArn` of a pod identity association | taken: its own trust policy decides |
//! | roles that are passed to a service: of nodes, of Fargate pods, of addons, of capabilities | refused: nobody can pass another account's role |

use super::{Verdict, invalid};
use arn::role_account;
use aws::error::ApiError;
use crd::forms;

/// A role is named by its ARN.
///
/// # Errors
/// `InvalidParameterException`.
pub fn named(text: &str) -> Verdict {
    if !forms::ROLE_ARN.fits(text) {
        return invalid(format!("Invalid Role Arn: '{text}'"));
    }
    Ok(())
}

/// A role that a service gets is one of the account that gives it.
///
/// # Errors
/// `AccessDeniedException`, as for every service that roles are passed to; `InvalidParameterException` for what names no
/// role at all.
pub fn passed(text: &str, account: &str) -> Verdict {
    named(text)?;
    if is_of(text, account) {
        return Ok(());
    }
    let text = format!(
        "Cross-account pass role is not allowed: {text} isn't a role of account {account}, which asks; name one of its own"
    );
    Err(ApiError::access_denied(text))
}

/// The role of a pod identity association is one of the cluster's own account.
///
/// # Errors
/// `InvalidParameterException`.
pub fn own(text: &str, account: &str) -> Verdict {
    named(text)?;
    if is_of(text, account) {
        return Ok(());
    }
    invalid(format!(
        "The role {text} isn't one of the cluster's account {account}: give one that is as roleArn, and the other account's as targetRoleArn"
    ))
}

/// Whether it is a role of this account.
pub fn is_of(text: &str, account: &str) -> bool {
    role_account(text) == Some(account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws::error::ErrorCode;

    const OWN: &str = "111122223333";

    #[test]
    fn only_a_role_s_arn_names_a_role() {
        for good in ["arn:aws:iam::111122223333:role/a", "arn:aws-cn:iam::111122223333:role/path/to/a"] {
            assert!(named(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:role/path/",
            "arn:aws:iam::1111:role/a",
            "arn:aws:iam:us-east-1:111122223333:role/a",
            "arn:aws:iam::111122223333:user/a",
            "arn:aws:iam::111122223333:root",
            "arn:aws:sts::111122223333:assumed-role/a/session",
        ] {
            assert_eq!(named(bad).unwrap_err().code(), ErrorCode::INVALID_PARAMETER, "{bad}");
        }
    }

    #[test]
    fn another_account_s_role_is_neither_passed_nor_associated() {
        let (mine, theirs) = ("arn:aws:iam::111122223333:role/a", "arn:aws:iam::444455556666:role/a");
        assert!(passed(mine, OWN).is_ok() && own(mine, OWN).is_ok());
        assert_eq!(passed(theirs, OWN).unwrap_err().code(), ErrorCode::ACCESS_DENIED);
        assert_eq!(own(theirs, OWN).unwrap_err().code(), ErrorCode::INVALID_PARAMETER);
        assert_eq!(passed("a", OWN).unwrap_err().code(), ErrorCode::INVALID_PARAMETER);
    }
}
