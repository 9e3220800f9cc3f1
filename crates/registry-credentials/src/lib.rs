//! Credentials of the container registry, signed with the installation's key: the EKS API's process signs tokens for
//! clients, the operator signs credentials for the nodes of clusters, and what stands before the registry verifies both.
//!
//! A password is claims and their signature, so that nobody has to remember it. Nothing here reads a clock, a file or the
//! network.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Seconds that a token of ECR is good for.
pub const TOKEN: i64 = 12 * 60 * 60;
/// Fewest bytes of a key.
pub const SHORTEST: usize = 32;
/// Longest `Authorization` header that is read.
const LONGEST: usize = 4096;
/// What is signed begins with this, so that a signature is of no use elsewhere.
const PURPOSE: &[u8] = b"k3eks registry credentials 1\n";

/// Whom credentials are for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", deny_unknown_fields)]
pub enum Holder {
    /// Who asked ECR for a token.
    Principal {
        /// Twelve digits.
        account: String,
        /// ARN of the IAM principal.
        arn: String,
    },
    /// The nodes of a cluster.
    Cluster {
        /// The cluster's account, twelve digits.
        account: String,
        /// Namespace of the cluster resource.
        namespace: String,
        /// Name of the cluster resource.
        name: String,
    },
    /// The ECR API itself.
    Api,
}

impl Holder {
    /// The user that goes with the password.
    pub fn user(&self) -> &'static str {
        match self {
            Self::Principal { .. } => "AWS",
            Self::Cluster { .. } => "node",
            Self::Api => "k3eks",
        }
    }
}

/// What is signed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    holder: Holder,
    /// Seconds since 1970; never without.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<i64>,
}

/// Why credentials are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There are none.
    Missing,
    /// They weren't signed with this key, or aren't credentials.
    Wrong,
    /// They were good.
    Expired,
}

/// The key is too short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the key of the registry's credentials has {0} bytes; give at least {SHORTEST}, such as head -c 32 /dev/urandom"
)]
pub struct TooShort(usize);

/// The installation's key.
#[derive(Clone)]
pub struct Key(Vec<u8>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Key {}

impl Key {
    /// A key of these bytes.
    ///
    /// # Errors
    /// There are too few.
    pub fn new(bytes: Vec<u8>) -> Result<Self, TooShort> {
        if bytes.len() < SHORTEST { Err(TooShort(bytes.len())) } else { Ok(Self(bytes)) }
    }

    /// The password of `holder`, good until `expires` in seconds since 1970, or for as long as the key.
    pub fn password(&self, holder: Holder, expires: Option<i64>) -> String {
        let claims = serde_json::to_vec(&Claims { holder, expires }).unwrap_or_default();
        let claims = URL_SAFE_NO_PAD.encode(claims);
        let signature = URL_SAFE_NO_PAD.encode(self.mac(&claims).finalize().into_bytes());
        format!("{claims}.{signature}")
    }

    /// The `Authorization` header of `holder`, with a password as [`Key::password`] makes it.
    pub fn authorization(&self, holder: Holder, expires: Option<i64>) -> String {
        let user = holder.user();
        basic(user, &self.password(holder, expires))
    }

    /// Whose credentials an `Authorization` header has, at `now` in seconds since 1970.
    ///
    /// # Errors
    /// [`Refused`]
    pub fn verify(&self, authorization: Option<&str>, now: i64) -> Result<Holder, Refused> {
        let text = authorization.ok_or(Refused::Missing)?;
        let (scheme, encoded) = text.split_once(' ').ok_or(Refused::Wrong)?;
        if !scheme.eq_ignore_ascii_case("basic") || text.len() > LONGEST {
            return Err(Refused::Wrong);
        }
        let decoded = STANDARD.decode(encoded.trim()).map_err(|_| Refused::Wrong)?;
        let decoded = String::from_utf8(decoded).map_err(|_| Refused::Wrong)?;
        let (user, password) = decoded.split_once(':').ok_or(Refused::Wrong)?;
        let (claims, signature) = password.split_once('.').ok_or(Refused::Wrong)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Refused::Wrong)?;
        // This takes the same time whatever is wrong with the signature.
        self.mac(claims).verify_slice(&signature).map_err(|_| Refused::Wrong)?;
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| Refused::Wrong)?;
        let Claims { holder, expires } = serde_json::from_slice(&claims).map_err(|_| Refused::Wrong)?;
        if user != holder.user() {
            return Err(Refused::Wrong);
        }
        if expires.is_some_and(|expires| expires <= now) { Err(Refused::Expired) } else { Ok(holder) }
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn mac(&self, claims: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length");
        mac.update(PURPOSE);
        mac.update(claims.as_bytes());
        mac
    }
}

/// The `Authorization` header of a user and a password.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

#[cfg(test)]
mod tests;
