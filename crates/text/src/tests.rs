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
