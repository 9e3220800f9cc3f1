//! Whether requests have to be signed, as every server of this program is told.

use clap::ValueEnum;

/// Check of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Auth {
    /// Accept any credentials, or none. An access key id of 12 digits is the account.
    Permissive,
    /// Accept only requests signed with a known key.
    Strict,
}
