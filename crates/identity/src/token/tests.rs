use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use aws::sigv4::Key;

const ANN: &str = "arn:aws:iam::111122223333:user/ann";

/// What goes into a token.
struct Recipe<'a> {
    host: &'a str,
    scheme: &'a str,
    action: &'a str,
    cluster: &'a str,
    secret: &'a str,
    time: SystemTime,
    /// A header beside those that belong there.
    more: Option<(&'a str, &'a str)>,
    /// What is put behind the signed URL.
    behind: &'a str,
    expires: u64,
}

impl Default for Recipe<'_> {
    fn default() -> Self {
        Self {
            host: "sts.eu-west-1.amazonaws.com",
            scheme: "https",
            action: "GetCallerIdentity",
            cluster: "demo",
            secret: "secret",
            time: SystemTime::now(),
            more: None,
            behind: "",
            expires: 60,
        }
    }
}

impl Recipe<'_> {
    fn url(&self) -> String {
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(self.expires));
        let identity = Credentials::new("AKIA1", self.secret, None, None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("eu-west-1")
            .name("sts")
            .time(self.time)
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let url = format!("{}://{}/?Action={}&Version=2011-06-15", self.scheme, self.host, self.action);
        let mut headers = vec![(CLUSTER, self.cluster)];
        headers.extend(self.more);
        let request = SignableRequest::new("GET", &url, headers.into_iter(), SignableBody::Bytes(b"")).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let mut url = url;
        for (name, value) in instructions.params() {
            let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            write!(url, "&{name}={value}").unwrap();
        }
        url + self.behind
    }

    fn check(&self) -> Result<Principal, AuthError> {
        check_url(&self.url())
    }
}

fn check_url(url: &str) -> Result<Principal, AuthError> {
    let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(url));
    let key = Arc::new(Key::new("AKIA1", "secret", "111122223333", ANN));
    let keys: HashMap<String, Arc<Key>> = [("AKIA1".to_owned(), key)].into();
    check(&token, "demo", &keys, &["sts.local:4566".into()], SystemTime::now())
}

fn refused(recipe: &Recipe<'_>) -> String {
    recipe.check().unwrap_err().0
}

#[test]
fn a_good_token_tells_its_signer() {
    assert_eq!(Recipe::default().check().unwrap().arn, ANN);
    for host in ["sts.amazonaws.com", "sts.cn-north-1.amazonaws.com.cn", "sts-fips.us-east-1.amazonaws.com"] {
        Recipe { host, ..Recipe::default() }.check().unwrap();
    }
    // As aws-iam-authenticator's own client has it.
    Recipe { expires: 0, ..Recipe::default() }.check().unwrap();
    for host in ["127.0.0.1:4566", "localhost:4566", "sts.local:4566"] {
        Recipe { host, scheme: "http", ..Recipe::default() }.check().unwrap();
    }
}

#[test]
fn a_token_is_good_for_15_minutes_whatever_its_url_says() {
    let ago = |seconds| SystemTime::now() - Duration::from_secs(seconds);
    Recipe { time: ago(14 * 60), ..Recipe::default() }.check().unwrap();
    assert!(refused(&Recipe { time: ago(15 * 60 + 5), ..Recipe::default() }).contains("expired"));
    let tomorrow = SystemTime::now() + Duration::from_secs(24 * 3600);
    assert!(refused(&Recipe { time: tomorrow, ..Recipe::default() }).contains("not yet current"));
    assert!(refused(&Recipe { expires: 3600, ..Recipe::default() }).contains("15 minutes"));
}

#[test]
fn a_token_for_another_cluster_or_by_another_key_is_refused() {
    assert!(refused(&Recipe { cluster: "other", ..Recipe::default() }).contains("signature"));
    assert!(refused(&Recipe { secret: "guess", ..Recipe::default() }).contains("signature"));
    let url = Recipe::default().url().replace("AKIA1", "AKIA2");
    assert!(check_url(&url).unwrap_err().0.contains("security token"));
}

#[test]
fn a_token_that_leads_elsewhere_is_refused() {
    for host in ["evil.example", "sts.amazonaws.com.evil.example", "s3.amazonaws.com", "stsx.amazonaws.com"] {
        assert!(refused(&Recipe { host, ..Recipe::default() }).contains("isn't STS"), "{host}");
    }
    for host in ["evil.example@127.0.0.1", "me:secret@localhost:4566", "x@sts.eu-west-1.amazonaws.com"] {
        // Signed for the host as it stands there, and for what is behind the @.
        let bare = host.rsplit('@').next().unwrap();
        let url = Recipe { host: bare, ..Recipe::default() }.url().replace(bare, host);
        for url in [Recipe { host, ..Recipe::default() }.url(), url] {
            assert!(check_url(&url).unwrap_err().0.contains("names a user"), "{host}");
        }
    }
    assert!(refused(&Recipe { scheme: "http", ..Recipe::default() }).contains("HTTPS"));
    let moved = Recipe::default().url().replace("eu-west-1.amazonaws.com", "us-east-1.amazonaws.com");
    assert!(check_url(&moved).unwrap_err().0.contains("signature"));
    for other in ["%2B60", "060"] {
        let url = Recipe::default().url().replace("X-Amz-Expires=60", &format!("X-Amz-Expires={other}"));
        assert!(check_url(&url).unwrap_err().0.contains("15 minutes"), "{other}");
    }
    assert!(Recipe { behind: "#x", ..Recipe::default() }.check().unwrap_err().0.contains("fragment"));
    let path = Recipe::default().url().replace("/?Action", "/path?Action");
    assert!(check_url(&path).unwrap_err().0.contains("path"));
}

#[test]
fn a_token_that_asks_for_something_else_is_refused() {
    assert!(refused(&Recipe { action: "AssumeRole", ..Recipe::default() }).contains("another action"));
    assert!(refused(&Recipe { behind: "&Action=AssumeRole", ..Recipe::default() }).contains("another action"));
    assert!(refused(&Recipe { behind: "&Action=GetCallerIdentity", ..Recipe::default() }).contains("twice"));
    assert!(refused(&Recipe { behind: "&Policy=x", ..Recipe::default() }).contains("policy"));
    assert!(refused(&Recipe { behind: "&x-amz-date=x", ..Recipe::default() }).contains("twice"));
    assert!(refused(&Recipe { more: Some(("x-more", "1")), ..Recipe::default() }).contains("no others"));
}

#[test]
fn what_is_no_token_is_refused() {
    let keys: HashMap<String, Arc<Key>> = HashMap::new();
    for text in ["", "k8s-aws-v1.", "k8s-aws-v1.***", "k8s-aws-v1.aGVsbG8", "Bearer x", &"x".repeat(LONGEST + 1)] {
        assert!(check(text, "demo", &keys, &[], SystemTime::now()).is_err(), "{text}");
    }
}

/// What a URL says, however it is written.
fn meaning(url: &str) -> (String, String, Vec<(String, String)>) {
    let uri: Uri = url.parse().unwrap();
    (uri.authority().unwrap().to_string(), uri.path().to_owned(), form(uri.query().unwrap_or_default()))
}

proptest! {
    // With PROPTEST_CASES there are more of them.
    #![proptest_config(ProptestConfig { cases: 4 * ProptestConfig::default().cases, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_url_that_was_changed_is_refused_unless_it_says_the_same(at in any::<Index>(), cut in 0..3_usize, text in "[ -~]{0,2}") {
        let url = Recipe::default().url();
        let at = at.index(url.len());
        let mut changed = url.clone();
        changed.replace_range(at..(at + cut).min(url.len()), &text);
        if check_url(&changed).is_ok() {
            prop_assert_eq!(meaning(&changed), meaning(&url), "{}", changed);
        }
    }

    #[test]
    fn no_url_is_good_that_nobody_signed(
        scheme in "https?|ftp|", host in "(a@)?(sts|sts\\.eu-west-1|x)\\.(amazonaws\\.com|evil\\.example)|127\\.0\\.0\\.1(:[0-9]{1,6})?|\\[::1\\]|[ -~]{0,12}",
        query in "((Action|action|X-Amz-(Credential|Date|Expires|SignedHeaders|Signature|Algorithm|Security-Token))=[!-~]{0,20}&?){0,9}",
    ) {
        let url = format!("{scheme}://{host}/?{query}");
        prop_assert!(check_url(&url).is_err());
    }
}
