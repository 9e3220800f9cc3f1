//! Text that comes from elsewhere, made fit for people.
//!
//! In goes what a child cluster, a user or a library says; out comes text without escapes, debug forms and endless
//! lines, for a terminal, a condition, an Event or a log.

use std::error::Error;

use kube::config::KubeconfigError;
use kube::core::Status;
use serde_json::Value;

/// Most characters of a message.
pub const MESSAGE: usize = 1000;

/// `text` on one line of at most `most` characters: line breaks and tabs become spaces, all else that a terminal or an editor would
/// act on instead of showing it is escaped.
pub fn fit(text: &str, most: usize) -> String {
    let mut fit = String::with_capacity(text.len().min(most));
    for (length, c) in text.trim_end().chars().enumerate() {
        if length >= most {
            fit.push('…');
            break;
        }
        match c {
            '\n' | '\t' => fit.push(' '),
            '\r' => {}
            c => push(&mut fit, c),
        }
    }
    fit
}

/// A number of things, such as `1 node` and `2 nodes`.
pub fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// `text` with its lines and tabs as they are, and everything else as [`fit`] has it.
pub fn fit_lines(text: &str) -> String {
    let mut fit = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => fit.push(c),
            '\r' => {}
            c => push(&mut fit, c),
        }
    }
    fit
}

fn push(text: &mut String, c: char) {
    if acts(c) { text.extend(c.escape_unicode()) } else { text.push(c) }
}

/// `text` as one word of a command that a user may paste into a shell.
pub fn shell(text: &str) -> String {
    format!("'{}'", fit(text, MESSAGE).replace('\'', r"'\''"))
}

/// Whether a character does something instead of being seen: moves the cursor, turns the direction of text, or has no width.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// JSON Schema's word for the type of a value.
pub fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What an error and what led to it say, each thing once. What the Kubernetes client says is put in the words of people, wherever in
/// the chain it stands.
pub fn sentence(error: &(dyn Error + 'static)) -> String {
    fit(&chain(error), MESSAGE)
}

fn chain(error: &(dyn Error + 'static)) -> String {
    if let Some(kube::Error::Api(status)) = error.downcast_ref() {
        return answer(status);
    }
    if let Some(status) = error.downcast_ref::<Status>() {
        return answer(status);
    }
    if let Some(KubeconfigError::ReadConfig(why, path)) = error.downcast_ref() {
        return format!("{} can't be read: {why}", path.display());
    }
    let own = match error.downcast_ref() {
        Some(kube::Error::Service(_) | kube::Error::HyperError(_)) => "there is no answer".to_owned(),
        _ => error.to_string(),
    };
    let Some(source) = error.source() else { return own };
    let (raw, inner) = (source.to_string(), chain(source));
    if own.contains(&raw) {
        own.replace(&raw, &inner)
    } else if own.contains(&inner) {
        own
    } else {
        format!("{own}: {inner}")
    }
}

/// What an API server's refusal says.
fn answer(status: &Status) -> String {
    let nameless = status.details.as_ref().is_none_or(|details| details.name.is_empty());
    match status.code {
        // No object is missing, but everything of the kind.
        404 if nameless => {
            "the cluster that was asked doesn't know this kind of resource: this kubeconfig isn't the management \
            cluster's, or the definitions aren't installed in it (helm list -A)"
                .into()
        }
        401 => "the API server doesn't accept these credentials (401)".into(),
        code if status.message.trim().is_empty() => format!("the API server answered {code} {}", status.reason),
        _ => status.message.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests;
