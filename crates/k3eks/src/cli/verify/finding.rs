//! Results of checks, as lines and as JSON.

use serde::Serialize;
use std::fmt::Write;

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum Outcome {
    /// It is as it should be.
    Ok {
        /// What was found.
        found: String,
    },
    /// It isn't.
    Failed {
        /// What was found.
        found: String,
        /// What should have been.
        expected: String,
        /// The command or setting that mends it, or shows more.
        mend: String,
    },
    /// The cluster lacks what is to be checked.
    Skipped {
        /// What it lacks.
        found: String,
    },
}

impl Outcome {
    /// It is as it should be.
    pub fn ok(found: impl Into<String>) -> Self {
        Self::Ok { found: found.into() }
    }

    /// It isn't as it should be.
    pub fn fails(found: impl Into<String>, expected: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::Failed { found: found.into(), expected: expected.into(), mend: mend.into() }
    }

    /// There is nothing to check.
    pub fn skipped(why: impl Into<String>) -> Self {
        Self::Skipped { found: why.into() }
    }
}

/// A check that was run.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    check: &'static str,
    #[serde(flatten)]
    outcome: Outcome,
}

impl Finding {
    /// Of the check with this name.
    pub fn new(check: &'static str, outcome: Outcome) -> Self {
        Self { check, outcome }
    }

    /// Whether something doesn't hold.
    pub fn fails(&self) -> bool {
        matches!(self.outcome, Outcome::Failed { .. })
    }
}

/// The finding in lines.
pub fn report(finding: &Finding) -> String {
    let mut text = String::new();
    let mut line = |state: &str, what: &str, says: &str| {
        let says = text::fit(says, text::MESSAGE);
        // Writing to a String doesn't fail.
        let _ = writeln!(text, "{state:8} {what:18} {says}");
    };
    match &finding.outcome {
        Outcome::Ok { found } => line("ok", finding.check, found),
        Outcome::Skipped { found } => line("skipped:", finding.check, found),
        Outcome::Failed { found, expected, mend } => {
            line("FAILED", finding.check, &format!("found: {found}"));
            line("", "", &format!("expected: {expected}"));
            line("", "", &format!("what to do: {mend}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_found_what_was_expected_and_what_to_do() {
        assert_eq!(report(&Finding::new("DNS", Outcome::ok("answers"))), "ok       DNS                answers\n");
        assert_eq!(
            report(&Finding::new("DNS", Outcome::skipped("no\nnodes\u{1b}[2J"))),
            "skipped: DNS                no nodes\\u{1b}[2J\n"
        );
        let failed = Finding::new("DNS", Outcome::fails("nothing", "an answer", "kubectl logs"));
        assert_eq!(
            report(&failed),
            "FAILED   DNS                found: nothing\n                            expected: an answer\n                            what to do: kubectl logs\n"
        );
        assert!(failed.fails() && !Finding::new("DNS", Outcome::skipped("")).fails());
    }

    #[test]
    fn json_has_the_state_and_all_parts() {
        let failed = Finding::new("DNS", Outcome::fails("nothing", "an answer", "kubectl logs"));
        let expected = serde_json::json!({"check": "DNS", "state": "failed", "found": "nothing", "expected": "an answer", "mend": "kubectl logs"});
        assert_eq!(serde_json::to_value(failed).unwrap(), expected);
        let ok = serde_json::to_value(Finding::new("DNS", Outcome::ok("answers"))).unwrap();
        assert_eq!(ok, serde_json::json!({"check": "DNS", "state": "ok", "found": "answers"}));
    }
}
