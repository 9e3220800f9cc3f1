//! YAML that somebody else wrote, who may want it to take the memory of whoever reads it.

use serde::de::DeserializeOwned;

/// The longest text that is read, in bytes; what is made of it may take two hundred times as much.
pub const LONGEST: usize = 64 * 1024;

/// Why a text isn't read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It is longer than [`LONGEST`].
    #[error("it is longer than {} KiB", LONGEST / 1024)]
    TooLong,
    /// A few bytes that stand for many others, over and over.
    #[error("it has an anchor or an alias (& or *), which aren't followed here: write what they stand for")]
    Alias,
    /// It isn't YAML, or not of what was asked for.
    #[error("{0}")]
    Broken(String),
}

/// What the text says.
///
/// # Errors
/// [`Unread`]
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, Unread> {
    check(text)?;
    yaml::read(text).map_err(|why| Unread::Broken(why.to_string()))
}

/// Whether the text may be given to a reader of YAML, which keeps all of it in memory and follows every alias.
///
/// # Errors
/// [`Unread`]
pub fn check(text: &str) -> Result<(), Unread> {
    if text.len() > LONGEST {
        return Err(Unread::TooLong);
    }
    let mut before = '\n';
    for c in text.chars() {
        // Where a value may begin.
        if matches!(c, '&' | '*')
            && (before.is_whitespace() || matches!(before, '[' | '{' | ',' | ':' | '-' | '?' | '\u{feff}'))
        {
            return Err(Unread::Alias);
        }
        before = c;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stands_for_more_than_it_is() {
        for text in
            ["a: &x [1]", "- *x", "[*x,*x]", "{a:*x}", "&x a", "a: !!str &x b", "- &x\n  a: b", "? *x", "a:\t*x"]
        {
            assert_eq!(check(text), Err(Unread::Alias), "{text}");
        }
        for text in ["a: b*", "arn: 'a&b'", "- rolearn: arn:aws:iam::1:role/a\n  groups: [\"a\", b]", ""] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        assert_eq!(check(&"x".repeat(LONGEST + 1)), Err(Unread::TooLong));
    }
}
