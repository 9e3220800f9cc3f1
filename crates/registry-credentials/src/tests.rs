use super::*;

const NOW: i64 = 1_800_000_000;

fn key() -> Key {
    Key::new(vec![7; SHORTEST]).unwrap()
}

fn ann(account: &str) -> Holder {
    Holder::Principal { account: account.into(), arn: format!("arn:aws:iam::{account}:user/ann") }
}

fn nodes(account: &str) -> Holder {
    Holder::Cluster { account: account.into(), namespace: "default".into(), name: "demo".into() }
}

#[test]
fn credentials_name_their_holder_until_they_expire() {
    let token = key().authorization(ann("000000000000"), Some(NOW + TOKEN));
    assert_eq!(key().verify(Some(&token), NOW), Ok(ann("000000000000")));
    assert_eq!(key().verify(Some(&token.replace("Basic", "basic")), NOW + TOKEN - 1), Ok(ann("000000000000")));
    assert_eq!(key().verify(Some(&token), NOW + TOKEN), Err(Refused::Expired));
    for holder in [nodes("000000000000"), Holder::Api] {
        assert_eq!(key().verify(Some(&key().authorization(holder.clone(), None)), i64::MAX), Ok(holder));
    }
}

#[test]
fn the_credentials_of_a_cluster_are_always_the_same_and_no_other_s() {
    let of = |holder| key().password(holder, None);
    assert_eq!(of(nodes("000000000000")), of(nodes("000000000000")));
    assert_ne!(of(nodes("000000000000")), of(nodes("111122223333")));
    let other = Key::new(vec![8; SHORTEST]).unwrap();
    assert_ne!(of(nodes("000000000000")), other.password(nodes("000000000000"), None));
}

/// The password with what is written in it instead of what was signed.
fn forged(password: &str, from: &str, to: &str) -> String {
    let (claims, signature) = password.split_once('.').unwrap();
    let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert!(claims.contains(from), "{claims}");
    format!("{}.{signature}", URL_SAFE_NO_PAD.encode(claims.replace(from, to)))
}

#[test]
fn changed_credentials_are_worth_nothing() {
    let token = key().password(ann("000000000000"), Some(NOW));
    let node = key().password(nodes("000000000000"), None);
    for password in [
        forged(&token, "000000000000", "111122223333"),
        forged(&token, &NOW.to_string(), &(NOW + 1000).to_string()),
        forged(&node, "000000000000", "111122223333"),
        forged(&node, "demo", "other"),
        Key::new(vec![8; SHORTEST]).unwrap().password(ann("000000000000"), None),
        format!("{token}A"),
        token.split_once('.').unwrap().0.to_owned(),
        format!("{}.", token.split_once('.').unwrap().0),
        "any".to_owned(),
        String::new(),
    ] {
        for user in ["AWS", "node", "k3eks"] {
            assert_eq!(key().verify(Some(&basic(user, &password)), 0), Err(Refused::Wrong), "{user}:{password}");
        }
    }
}

#[test]
fn the_user_belongs_to_the_password() {
    let node = key().password(nodes("000000000000"), None);
    assert_eq!(key().verify(Some(&basic("node", &node)), NOW), Ok(nodes("000000000000")));
    for user in ["AWS", "k3eks", ""] {
        assert_eq!(key().verify(Some(&basic(user, &node)), NOW), Err(Refused::Wrong), "{user}");
    }
}

#[test]
fn what_is_no_header_of_ours_is_refused() {
    assert_eq!(key().verify(None, NOW), Err(Refused::Missing));
    let long = basic("AWS", &"a".repeat(LONGEST));
    for other in ["", "Basic", "Basic !", "Bearer abc", "Basic QVdT", "Basic /w==", long.as_str()] {
        assert_eq!(key().verify(Some(other), NOW), Err(Refused::Wrong), "{other}");
    }
}

#[test]
fn a_key_is_long_and_never_shown() {
    assert_eq!(Key::new(vec![1; SHORTEST - 1]).unwrap_err(), TooShort(31));
    assert_eq!(format!("{:?}", key()), "Key(..)");
    assert!(key() == key() && key() != Key::new(vec![8; SHORTEST]).unwrap());
}
