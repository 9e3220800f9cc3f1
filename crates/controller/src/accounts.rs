//! Which AWS accounts a namespace may use. A cluster's `spec.accountID` decides which roles trust its pods.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use kube::ResourceExt;

use crate::decision::Problem;
use arn::is_account;
use crd::EKSClusterConfig;
use crd::conditions::Reason;

/// Stands for all accounts.
const ANY: &str = "*";

/// A namespace and an account that it may use; `*` stands for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    namespace: String,
    account: String,
}

impl FromStr for Grant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((namespace, account)) if !namespace.is_empty() && (account == ANY || is_account(account)) => {
                Ok(Self { namespace: namespace.to_owned(), account: account.to_owned() })
            }
            _ => Err("give NAMESPACE=ACCOUNT with the account's 12 digits, or NAMESPACE=*".into()),
        }
    }
}

/// The accounts of each namespace. An empty map lets every namespace use all accounts.
#[derive(Clone, Debug, Default)]
pub struct Accounts(BTreeMap<String, BTreeSet<String>>);

impl FromIterator<Grant> for Accounts {
    fn from_iter<I: IntoIterator<Item = Grant>>(grants: I) -> Self {
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for grant in grants {
            all.entry(grant.namespace).or_default().insert(grant.account);
        }
        Self(all)
    }
}

impl Accounts {
    /// Why the cluster may not use its account, if it may not.
    pub fn check(&self, cluster: &EKSClusterConfig) -> Result<(), Problem> {
        let (namespace, account) = (cluster.namespace().unwrap_or_default(), &cluster.spec.account_id);
        let granted = self.0.get(&namespace);
        let may = |granted: &BTreeSet<String>| granted.contains(ANY) || granted.contains(account);
        if self.0.is_empty() || granted.is_some_and(may) {
            return Ok(());
        }
        let text = format!(
            "namespace {namespace} may not use account {account}; create the cluster in a namespace of that account, or start the operator with --namespace-account {namespace}={account} (chart: operator.accounts)"
        );
        Err(Problem::stalled(Reason::InvalidSpec, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::cluster;

    fn accounts(grants: &[&str]) -> Accounts {
        grants.iter().map(|grant| grant.parse::<Grant>().unwrap()).collect()
    }

    #[test]
    fn a_namespace_speaks_for_its_accounts_alone_once_any_is_named() {
        // The fixture's cluster is in default, of account 000000000000.
        let cluster = cluster(serde_json::json!({}), serde_json::Value::Null);
        let may = |grants: &[&str]| accounts(grants).check(&cluster).is_ok();
        assert!(may(&[]), "no border was asked for");
        assert!(may(&["default=111122223333", "default=000000000000"]));
        assert!(may(&["default=*"]));
        assert!(!may(&["default=111122223333"]));
        assert!(!may(&["other=000000000000"]));
        let why = accounts(&["other=*"]).check(&cluster).unwrap_err();
        assert!(format!("{why:?}").contains("--namespace-account default=000000000000"), "{why:?}");
    }

    #[test]
    fn what_isn_t_a_namespace_with_an_account_is_refused() {
        for bad in ["", "default", "=000000000000", "default=1", "default=**", "default=00000000000a"] {
            assert!(bad.parse::<Grant>().is_err(), "{bad}");
        }
    }
}
