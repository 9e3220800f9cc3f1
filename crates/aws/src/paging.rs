//! Pages of a list and the tokens between them.
//!
//! A token says which key the last page ended with, and for which operation, caller and filters it was made. The next
//! page begins after that key, so that items which come or go between two calls are neither lost nor doubled. Tokens
//! carry a digest: one that was mangled, or is used with other parameters, is refused. They need no state and no
//! secret, since all they can do is name a key to begin after.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::error::ApiError;

/// How many items a page has if the request doesn't say.
pub const DEFAULT_PAGE: usize = 100;

const VERSION: u8 = 1;
const DIGEST: usize = 8;

/// Which page of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    size: usize,
    scope: [u8; DIGEST],
    after: Option<String>,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items in the order of their keys.
    pub items: Vec<T>,
    /// The token for what follows; none on the last page.
    pub next_token: Option<String>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { size: DEFAULT_PAGE, scope: [0; DIGEST], after: None }
    }
}

impl PageRequest {
    /// Reads `maxResults` and `nextToken` from a checked input. `world` names what else a token is bound to: the
    /// operation, the account and the region.
    pub fn new(world: &[&str], input: &Map<String, Value>) -> Result<Self, ApiError> {
        let size = input.get("maxResults").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
        let scope = scope(world, input);
        let after = match input.get("nextToken").and_then(Value::as_str) {
            Some(token) => Some(open(token, scope).ok_or_else(refused)?),
            None => None,
        };
        Ok(Self { size: size.unwrap_or(DEFAULT_PAGE).clamp(1, DEFAULT_PAGE), scope, after })
    }

    /// Cuts the page out of all items. `key` must be unique among them; they are sorted by it.
    pub fn page<T, K: AsRef<str>>(&self, mut items: Vec<T>, key: impl Fn(&T) -> K) -> Page<T> {
        items.sort_by(|a, b| key(a).as_ref().cmp(key(b).as_ref()));
        if let Some(after) = &self.after {
            let start = items.partition_point(|item| key(item).as_ref() <= after.as_str());
            items.drain(..start);
        }
        let more = items.len() > self.size;
        items.truncate(self.size);
        let last = items.last().filter(|_| more);
        let next_token = last.map(|item| seal(key(item).as_ref(), self.scope));
        Page { items, next_token }
    }
}

fn refused() -> ApiError {
    ApiError::invalid_parameter("The nextToken parameter is not valid for this request.")
}

fn scope(world: &[&str], input: &Map<String, Value>) -> [u8; DIGEST] {
    let mut hash = Sha256::new();
    for part in world {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut filters: Vec<_> = input.iter().filter(|(name, _)| *name != "nextToken" && *name != "maxResults").collect();
    filters.sort_by_key(|(name, _)| *name);
    for (name, value) in filters {
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update(value.to_string().as_bytes());
        hash.update([0]);
    }
    head(hash)
}

fn head(hash: Sha256) -> [u8; DIGEST] {
    let mut out = [0; DIGEST];
    out.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
    out
}

fn digest(content: &[u8]) -> [u8; DIGEST] {
    head(Sha256::new().chain_update(b"k3eks page token").chain_update(content))
}

fn seal(key: &str, scope: [u8; DIGEST]) -> String {
    let mut bytes = Vec::with_capacity(1 + 2 * DIGEST + key.len());
    bytes.push(VERSION);
    bytes.extend_from_slice(&scope);
    bytes.extend_from_slice(key.as_bytes());
    bytes.extend_from_slice(&digest(&bytes));
    URL_SAFE_NO_PAD.encode(bytes)
}

fn open(token: &str, scope: [u8; DIGEST]) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (content, seal) = bytes.split_last_chunk::<DIGEST>()?;
    let rest = content.strip_prefix(&[VERSION])?;
    let key = rest.strip_prefix(&scope)?;
    if *seal != digest(content) {
        return None;
    }
    String::from_utf8(key.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(operation: &str, input: Value) -> Result<PageRequest, ApiError> {
        let Value::Object(map) = input else { panic!("an object") };
        PageRequest::new(&[operation], &map)
    }

    fn names(range: std::ops::Range<u32>) -> Vec<String> {
        range.map(|number| format!("n{number:03}")).collect()
    }

    #[test]
    fn pages_cover_the_list_once_while_it_changes() {
        let first = request("List", json!({"maxResults": 4})).unwrap().page(names(0..10), String::clone);
        assert_eq!(first.items, names(0..4));
        let token = first.next_token.unwrap();
        let mut changed = names(2..10);
        changed.retain(|name| name != "n003");
        changed.push("n0035".to_owned());
        changed.push("a".to_owned());
        let next = request("List", json!({"maxResults": 4, "nextToken": token})).unwrap();
        let second = next.page(changed.clone(), String::clone);
        assert_eq!(second.items, ["n0035", "n004", "n005", "n006"]);
        let last = request("List", json!({"nextToken": second.next_token.unwrap()})).unwrap();
        let last = last.page(changed, String::clone);
        assert_eq!((last.items, last.next_token), (names(7..10), None));
    }

    #[test]
    fn an_exact_page_has_no_token() {
        let page = request("List", json!({"maxResults": 3})).unwrap().page(names(0..3), String::clone);
        assert_eq!(page.next_token, None);
        let all = request("List", json!({})).unwrap().page(names(0..101), String::clone);
        assert_eq!((all.items.len(), all.next_token.is_some()), (100, true));
    }

    #[test]
    fn foreign_and_mangled_tokens_are_refused() {
        let input = json!({"maxResults": 1, "clusterName": "c"});
        let token = request("List", input).unwrap().page(names(0..2), String::clone).next_token.unwrap();
        assert!(request("List", json!({"clusterName": "c", "nextToken": token})).is_ok());
        assert!(request("List", json!({"clusterName": "d", "nextToken": token})).is_err());
        assert!(request("Other", json!({"clusterName": "c", "nextToken": token})).is_err());
        for index in 0..token.len() {
            let mut mangled = token.clone().into_bytes();
            mangled[index] = if mangled[index] == b'A' { b'B' } else { b'A' };
            let mangled = String::from_utf8(mangled).unwrap();
            assert!(request("List", json!({"clusterName": "c", "nextToken": mangled})).is_err(), "{index}");
        }
        for token in ["", "x", "null", "AQ"] {
            assert!(request("List", json!({"clusterName": "c", "nextToken": token})).is_err());
        }
    }
}
