//! YAML, read and written in one way: with the reader that kube has for kubeconfigs, and settings for texts of strangers.
//!
//! Scalars mean what YAML 1.2 says: `yes`, `012` and `1_000` are strings. Written, a string that YAML 1.1 takes for something else
//! is quoted, and long ones aren't folded. The reader bounds depth, nodes and aliases. Its errors are one line and show nothing of
//! the text around them; they may quote the value that is wrong.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_saphyr::options::MergeKeyPolicy;
use serde_saphyr::{Options, SerializerOptions};

/// Why a text isn't read.
pub type Error = serde_saphyr::Error;
/// Why a value isn't written.
pub type WriteError = serde_saphyr::SerializeError;

/// The value that a text of one document says.
///
/// # Errors
/// It isn't YAML, takes too much to read, has several documents, or says something other than a `T`.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_saphyr::from_str_with_options(text, reading())
}

/// The values of all documents in a text; empty documents are left out.
///
/// # Errors
/// As those of [`read`], for any of the documents.
pub fn read_all<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, Error> {
    serde_saphyr::from_multiple_with_options(text, reading())
}

/// The value as a document.
///
/// # Errors
/// It has something that YAML can't say.
pub fn write<T: Serialize>(value: &T) -> Result<String, WriteError> {
    serde_saphyr::to_string_with_options(value, writing())
}

/// The values as documents, with `---` between them.
///
/// # Errors
/// As those of [`write`].
pub fn write_all<T: Serialize>(values: &[T]) -> Result<String, WriteError> {
    serde_saphyr::to_string_multiple_with_options(values, writing())
}

fn reading() -> Options {
    serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        // Keys and tokens would be in it.
        with_snippet: false,
    }
}

fn writing() -> SerializerOptions {
    serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn scalars_mean_what_yaml_1_2_says() {
        let read: Value = read("[yes, 012, 1_000, 12, true, ~, 1.5, '12', 2026-01-02, <<]").unwrap();
        assert_eq!(read, json!(["yes", "012", "1_000", 12, true, null, 1.5, "12", "2026-01-02", "<<"]));
    }

    #[test]
    fn what_yaml_1_1_takes_for_something_else_is_quoted_and_long_lines_stay_lines() {
        for text in
            ["yes", "012345678901", "1_000", "0x1f", "1:30", "null", "~", "", "2026-01-02", "1.30", "- a", "a: b"]
        {
            let written = write(&json!({ "a": text })).unwrap();
            assert!(matches!(&written[3..4], "'" | "\""), "{written}");
        }
        let long = "word ".repeat(100) + "end";
        assert_eq!(write(&json!([long])).unwrap(), format!("- {long}\n"));
        assert_eq!(write(&json!({"a": "one\ntwo\n", "b": {}, "c": []})).unwrap(), "a: |\n  one\n  two\nb: {}\nc: []\n");
    }

    #[test]
    fn documents_are_told_apart_and_empty_ones_left_out() {
        let all: Vec<Value> = read_all("---\na: 1\n---\n---\nb: 2\n").unwrap();
        assert_eq!(all, [json!({"a": 1}), json!({"b": 2})]);
        assert_eq!(write_all(&all).unwrap(), "a: 1\n---\nb: 2\n");
        assert_eq!(read::<Option<Value>>("# nothing\n").unwrap(), None);
        read::<Value>("a: 1\n---\nb: 2\n").unwrap_err();
    }

    #[test]
    fn errors_are_one_line_without_the_text_around_them() {
        for text in ["token: hunter2\na: [", "token: hunter2\na: b: c", "a: 1\ntoken: hunter2\na: 2"] {
            let why = read::<Value>(text).unwrap_err().to_string();
            assert!(!why.contains('\n') && !why.contains("hunter2"), "{why}");
        }
    }

    #[test]
    fn a_few_bytes_that_stand_for_millions_are_refused() {
        let level =
            |level: usize| format!("a{}: &a{} [{}]", level + 1, level + 1, vec![format!("*a{level}"); 10].join(", "));
        let bomb: Vec<String> = std::iter::once("a0: &a0 [x, x, x, x]".to_owned()).chain((0..9).map(level)).collect();
        for text in [bomb.join("\n"), "[".repeat(100_000), "? ".repeat(100_000)] {
            read::<Value>(&text).unwrap_err();
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let text = prop_oneof!["\\PC{0,12}", "[-+.:_#&*!|>'\"%@`{}\\[\\],?~ \n\ta-f0-9]{0,12}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            text.prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let key = "[-+.:_#&*!|>'\"%@`{}\\[\\],?~ \n\ta-f0-9]{0,8}";
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(key, inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_read_again(value in value()) {
            let text = write(&value).unwrap();
            prop_assert_eq!(read::<Value>(&text).unwrap(), value, "{}", text);
        }
    }
}
