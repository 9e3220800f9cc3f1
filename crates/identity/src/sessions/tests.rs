use super::*;

fn sessions(key: &[u8], mode: Mode) -> Sessions {
    Sessions::new(Keyring { key: key.to_vec(), ..Keyring::default() }, mode)
}

fn begun(sessions: &Sessions) -> Credentials {
    let session = Session { principal: "arn:aws:sts::1:assumed-role/a/b".into(), ..Session::default() };
    sessions.begin(session, Duration::from_secs(900), SystemTime::now()).unwrap()
}

#[test]
fn a_session_is_known_by_its_token_and_key_and_by_nothing_else() {
    let sessions = sessions(b"one", Mode::Strict);
    let made = begun(&sessions);
    let found = sessions.find(&made.access_key_id, &made.session_token).unwrap();
    assert_eq!(found.principal, "arn:aws:sts::1:assumed-role/a/b");
    assert!(sessions.find("ASIAOTHER", &made.session_token).is_none());
    for other in [self::sessions(b"two", Mode::Strict), self::sessions(b"one", Mode::Permissive)] {
        assert!(other.find(&made.access_key_id, &made.session_token).is_none());
    }
    let (head, rest) = made.session_token.split_once('.').unwrap();
    let none = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    assert_ne!(head, none);
    assert!(sessions.find(&made.access_key_id, &format!("{none}.{rest}")).is_none());
}

#[test]
fn two_sessions_have_two_secrets() {
    let sessions = sessions(b"one", Mode::Strict);
    let (a, b) = (begun(&sessions), begun(&sessions));
    assert_ne!(a.secret_access_key, b.secret_access_key);
    assert_eq!((a.access_key_id.len(), a.secret_access_key.len()), (20, 40));
}

#[test]
fn a_new_key_ends_all_sessions_and_a_revocation_those_of_one_identity() {
    let sessions = sessions(b"one", Mode::Strict);
    let key = Key::new("AKIA1", "s", "1", "arn:aws:iam::1:user/ann");
    let role = "arn:aws:iam::1:role/team/a";
    let begin = |origin: Origin| {
        let session = Session { principal: "arn:aws:sts::1:assumed-role/a/b".into(), origin, ..Session::default() };
        sessions.begin(session, Duration::from_secs(900), SystemTime::now()).unwrap()
    };
    let hers = begin(sessions.origin(&key).then(role));
    let other = begin(Origin::default());
    let known = |made: &Credentials| sessions.find(&made.access_key_id, &made.session_token).is_some();
    let end = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    for identity in ["AKIA1", "arn:aws:iam::1:user/ann", role] {
        sessions.renew(Keyring { key: b"one".to_vec(), revoked: [(identity.to_owned(), end + 1)].into() });
        assert!(!known(&hers) && known(&other), "{identity}");
    }
    sessions.renew(Keyring { key: b"one".to_vec(), revoked: [("AKIA1".to_owned(), end - 60)].into() });
    assert!(known(&hers), "it began later");
    sessions.renew(Keyring { key: b"two".to_vec(), ..Keyring::default() });
    assert!(!known(&hers) && !known(&other));
}
