//! What one check of `k3eks doctor` found.

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As it should.
    Well,
    /// A warning; clusters can still be made.
    Note,
    /// Clusters can't be made, or soon won't.
    Problem,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub state: State,
    pub what: &'static str,
    pub says: String,
    /// The command or setting that mends it.
    pub mend: Option<String>,
}

impl Finding {
    pub fn well(what: &'static str, says: impl Into<String>) -> Self {
        Self { state: State::Well, what, says: says.into(), mend: None }
    }

    pub fn note(what: &'static str, says: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { state: State::Note, what, says: says.into(), mend: Some(mend.into()) }
    }

    pub fn problem(what: &'static str, says: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { state: State::Problem, what, says: says.into(), mend: Some(mend.into()) }
    }
}
