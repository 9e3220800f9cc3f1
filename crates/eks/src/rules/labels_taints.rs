//! Labels and taints of nodes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Verdict, invalid};
use crd::most::TAINTS;
use crd::names::{RESERVED_LABEL_PREFIXES, is_label_value, is_reserved_label_key};
use crd::nodegroup::Taint;

/// Longest DNS label.
const NAME: usize = 63;
/// Longest prefix of a key.
const PREFIX: usize = 253;
/// Kubernetes' words for a name or a value that has other characters, as EKS gives them.
const MALFORMED: &str = "field must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/// Labels have keys and values as Kubernetes takes them, and no reserved prefix.
///
/// # Errors
/// `InvalidParameterException`.
pub fn labels(labels: &BTreeMap<String, String>) -> Verdict {
    labels.iter().try_for_each(|(key, value)| {
        key_of("Label", key)?;
        value_of(value)
    })
}

/// Taints have keys and values as Kubernetes takes them and no reserved prefix, and differ in key or effect.
///
/// # Errors
/// `InvalidParameterException`.
pub fn taints(taints: &[Taint]) -> Verdict {
    taint_count(taints)?;
    let mut seen = BTreeSet::new();
    taints.iter().try_for_each(|taint| {
        key_of("Taint", &taint.key)?;
        value_of(taint.value.as_deref().unwrap_or_default())?;
        let effect = taint.effect.kubernetes();
        if !seen.insert((&taint.key, effect)) {
            return invalid(format!("Duplicate taint {}:{effect}: taints must be unique by key and effect", taint.key));
        }
        Ok(())
    })
}

/// There are at most 50 of them.
///
/// # Errors
/// `InvalidParameterException`.
pub fn taint_count(taints: &[Taint]) -> Verdict {
    if taints.len() > TAINTS {
        return invalid(format!("A node group can have at most {TAINTS} taints"));
    }
    Ok(())
}

fn key_of(what: &str, key: &str) -> Verdict {
    if is_reserved_label_key(key) {
        let reserved = RESERVED_LABEL_PREFIXES.map(|prefix| format!("{prefix}/")).join(", ");
        return invalid(format!("{what} cannot contain reserved prefixes [{reserved}]"));
    }
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let prefix_ok = prefix.is_none_or(is_domain);
    if !prefix_ok || name.is_empty() || !is_label_value(name) {
        return invalid(format!("Invalid key: {key} : {MALFORMED}, with an optional DNS subdomain prefix and '/'"));
    }
    Ok(())
}

fn value_of(value: &str) -> Verdict {
    if is_label_value(value) { Ok(()) } else { invalid(format!("Invalid value: {value} : {MALFORMED}")) }
}

/// Whether text is a DNS label.
pub fn is_dns_label(text: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    bytes.len() <= NAME
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

/// Whether text is a DNS subdomain.
pub fn is_domain(text: &str) -> bool {
    text.len() <= PREFIX && text.split('.').all(is_dns_label)
}

#[cfg(test)]
mod tests;
