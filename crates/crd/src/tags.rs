//! Tags of everything that has an ARN: how many there may be, and of what form.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrBool, ValidationRule,
};

use super::{most, nested};

/// Most characters of a key.
const KEY: usize = 128;
/// Most characters of a value.
const VALUE: usize = 256;
/// What AWS keeps for itself, in upper and lower case alike.
const RESERVED: &str = "aws:";
/// Fields that hold tags.
const FIELDS: [&str; 2] = ["tags", "resourceTags"];

/// Whether only AWS may set tags with this key.
pub fn is_reserved(key: &str) -> bool {
    key.get(..RESERVED.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(RESERVED))
}

/// Holds all tags under `schema` to what EKS takes.
pub(crate) fn bound(schema: &mut JSONSchemaProps) {
    for (name, property) in schema.properties.iter_mut().flatten() {
        if FIELDS.contains(&name.as_str()) && property.additional_properties.is_some() {
            bound_tags(property);
        }
    }
    nested::each(schema, bound);
}

fn bound_tags(tags: &mut JSONSchemaProps) {
    tags.max_properties = i64::try_from(most::TAGS).ok();
    if let Some(JSONSchemaPropsOrBool::Schema(value)) = &mut tags.additional_properties {
        value.max_length = i64::try_from(VALUE).ok();
    }
    let rule =
        |rule: String, message: String| ValidationRule { rule, message: Some(message), ..ValidationRule::default() };
    tags.x_kubernetes_validations.get_or_insert_default().extend([
        rule(
            format!("self.all(key, size(key) >= 1 && size(key) <= {KEY})"),
            format!("the key of a tag must have 1 to {KEY} characters"),
        ),
        rule(
            // Lower case of a text whose length nobody knows would cost more than a definition may.
            format!("self.all(key, {})", spellings().map(|word| format!("!key.startsWith('{word}')")).join(" && ")),
            format!("the prefix {RESERVED} is reserved for AWS: give tags a prefix of your own, or none"),
        ),
    ]);
}

/// The reserved prefix in all ways to write it.
fn spellings() -> [String; 8] {
    std::array::from_fn(|bits| {
        let letter =
            |(at, letter): (usize, char)| if bits >> at & 1 == 1 { letter.to_ascii_uppercase() } else { letter };
        RESERVED.chars().enumerate().map(letter).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_keeps_for_itself_is_known_however_it_is_written() {
        for key in ["aws:", "aws:x", "AWS:cloudformation:stack-name", "aWs:a"] {
            assert!(is_reserved(key), "{key}");
        }
        for key in ["", "aws", "awsx:", "my:aws:", "äws:", "a"] {
            assert!(!is_reserved(key), "{key}");
        }
    }

    #[test]
    fn all_spellings_are_there_once() {
        let all = std::collections::BTreeSet::from(spellings());
        assert!(all.len() == 8 && all.iter().all(|word| is_reserved(word)), "{all:?}");
        assert!(all.contains("aws:") && all.contains("AWS:"));
    }
}
