//! Text that comes from elsewhere, made fit for people: what a child cluster, a user or a library says before it reaches a terminal,
//! a condition, an Event or a log.

use std::error::Error;

use kube::config::KubeconfigError;
use kube::core::Status;

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

/// `text` as one word of a command that somebody may paste into a shell.
pub fn shell(text: &str) -> String {
    format!("'{}'", fit(text, MESSAGE).replace('\'', r"'\''"))
}

/// Whether a character does something instead of being seen: moves the cursor, turns the direction of text, or has no width.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
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
mod tests {
    use kube::core::response::StatusDetails;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("failed to list: {0}")]
    struct Outer(#[source] kube::Error);

    fn api(code: u16, message: &str, name: &str) -> kube::Error {
        let details = StatusDetails { name: name.into(), ..details() };
        let status = Status { code, message: message.into(), details: Some(details), ..Status::default() };
        kube::Error::Api(Box::new(status))
    }

    fn details() -> StatusDetails {
        StatusDetails {
            name: String::new(),
            group: String::new(),
            kind: String::new(),
            uid: String::new(),
            causes: Vec::new(),
            retry_after_seconds: 0,
        }
    }

    #[test]
    fn what_a_terminal_would_act_on_is_seen_instead() {
        let text = "a\u{1b}[2J\u{1b}]0;title\u{7}b\r\nc\td\u{9b}31m\u{202e}e\u{200b}";
        assert_eq!(fit(text, 99), "a\\u{1b}[2J\\u{1b}]0;title\\u{7}b c d\\u{9b}31m\\u{202e}e\\u{200b}");
        assert_eq!(fit("Grüße, 世界 … █", 99), "Grüße, 世界 … █");
        assert_eq!(fit("abcdef\n", 3), "abc…");
        assert_eq!(fit("abc\n", 3), "abc");
        assert_eq!(fit_lines("a\tb\r\n\u{1b}[1mc\n"), "a\tb\n\\u{1b}[1mc\n");
    }

    #[test]
    fn a_word_for_a_shell_is_one_word() {
        assert_eq!(shell("a'; touch b #"), r"'a'\''; touch b #'");
        assert_eq!(shell("a\nb\u{1b}"), r"'a b\u{1b}'");
    }

    #[test]
    fn what_the_client_says_becomes_a_sentence_wherever_it_stands() {
        let forbidden = "secrets is forbidden: User \"x\" cannot list resource \"secrets\"";
        assert_eq!(sentence(&api(403, forbidden, "")), forbidden);
        assert_eq!(sentence(&Outer(api(403, forbidden, ""))), format!("failed to list: {forbidden}"));
        assert!(sentence(&api(404, "404 page not found", "")).contains("isn't the management cluster's"));
        assert_eq!(sentence(&api(404, "secrets \"a\" not found", "a")), "secrets \"a\" not found");
        assert!(sentence(&api(401, "Unauthorized", "")).contains("credentials"));
        assert_eq!(sentence(&api(500, " ", "")), "the API server answered 500");
        let missing = KubeconfigError::ReadConfig(std::io::Error::other("not there"), "/a/config".into());
        assert_eq!(sentence(&missing), "/a/config can't be read: not there");
        let io = std::io::Error::other("connection refused");
        let away = Outer(kube::Error::Service(Box::new(io)));
        assert_eq!(sentence(&away), "failed to list: there is no answer: connection refused");
        for error in [api(403, "m", ""), api(404, "m", ""), api(409, "m", "n"), api(500, "", "")] {
            let said = sentence(&error);
            assert!(!said.contains("ApiError") && !said.contains("Status {") && !said.contains("Some("), "{said}");
        }
    }
}
