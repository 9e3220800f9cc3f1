//! Service accounts of the management cluster, as settings name them.

use std::fmt;
use std::str::FromStr;

/// A service account of the management cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl FromStr for ServiceAccount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err("give the namespace and the name of a service account, such as k3eks-system/k3eks-api".into()),
        }
    }
}

impl fmt::Display for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_named_by_namespace_and_name() {
        let reader: ServiceAccount = "k3eks-system/k3eks-api".parse().unwrap();
        assert_eq!(reader.to_string(), "k3eks-system/k3eks-api");
        for wrong in ["", "k3eks-api", "/a", "a/", "a/b/c"] {
            assert!(wrong.parse::<ServiceAccount>().is_err(), "{wrong}");
        }
    }
}
