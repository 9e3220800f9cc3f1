//! The page itself: one document without requests to anywhere else.

use std::io::Write;
use std::sync::{Arc, LazyLock};

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use aws::sigv4::Mode;
use eks::extra_routes::AppState;

const FRAME: &str = include_str!("page/page.html");
/// Where the page says how the API was started.
const MODE: &str = "<!--MODE-->";
const PERMISSIVE: &str = r#"<p id="mode" role="note">Permissive: no credentials are checked. Whoever reaches this port sees and rules the clusters of all accounts.</p>"#;
const STYLE: &str = include_str!("page/page.css");
const FIRST: &str = include_str!("page/preload.js");
/// In the order in which they are read.
const SCRIPTS: &[&str] = &[
    include_str!("page/base.js"),
    include_str!("page/vendor/preact.js"),
    include_str!("page/vendor/sha256.js"),
    include_str!("page/request.js"),
    include_str!("page/refusal.js"),
    include_str!("page/checks.js"),
    include_str!("page/ask.js"),
    include_str!("page/route.js"),
    include_str!("page/table.js"),
    include_str!("page/names.js"),
    include_str!("page/recipe.js"),
    include_str!("page/create.js"),
    include_str!("page/cluster/parts.js"),
    include_str!("page/cluster/forms.js"),
    include_str!("page/cluster/settings.js"),
    include_str!("page/cluster/actions.js"),
    include_str!("page/cluster/child.js"),
    include_str!("page/cluster/insights.js"),
    include_str!("page/cluster/overview.js"),
    include_str!("page/cluster/groupforms.js"),
    include_str!("page/cluster/groupdetails.js"),
    include_str!("page/cluster/nodegroups.js"),
    include_str!("page/cluster/nodedetails.js"),
    include_str!("page/cluster/nodes.js"),
    include_str!("page/cluster/workloads.js"),
    include_str!("page/cluster/log.js"),
    include_str!("page/cluster/addons.js"),
    include_str!("page/cluster/access.js"),
    include_str!("page/cluster/podidentity.js"),
    include_str!("page/cluster/identityproviders.js"),
    include_str!("page/cluster/fargate.js"),
    include_str!("page/cluster/updates.js"),
    include_str!("page/cluster/events.js"),
    include_str!("page/cluster/logs.js"),
    include_str!("page/cluster/calls.js"),
    include_str!("page/cluster/operations.js"),
    include_str!("page/cluster/yaml.js"),
    include_str!("page/cluster/view.js"),
    include_str!("page/main.js"),
];

/// The policy that lets nothing run in the document but its own script.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src {}; script-src {} {}",
        hash(STYLE),
        hash(FIRST),
        hash(&SCRIPTS.concat())
    )
});

/// The document, where keys are checked and where none are.
static PAGES: LazyLock<[Document; 2]> = LazyLock::new(|| ["", PERMISSIVE].map(Document::new));

/// The document, plain and compressed.
struct Document {
    text: String,
    gzip: Vec<u8>,
}

impl Document {
    fn new(mode: &str) -> Self {
        let page = FRAME.replace("/*FIRST*/", FIRST).replace("/*STYLE*/", STYLE);
        let text = page.replace("/*SCRIPT*/", &SCRIPTS.concat()).replace(MODE, mode);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        // Nothing fails in memory; if it did, the text would be sent.
        let gzip = gzip.write_all(text.as_bytes()).and_then(|()| gzip.finish()).unwrap_or_default();
        Self { text, gzip }
    }
}

/// Whether a client takes gzip, as browsers say it.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|one| one.trim() == "gzip")
}

/// The document.
pub async fn page(State(app): State<Arc<AppState>>, asked: HeaderMap) -> impl IntoResponse {
    let document = &PAGES[usize::from(app.authenticator.mode() == Mode::Permissive)];
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (header::CACHE_CONTROL, "no-cache"),
        (header::VARY, "accept-encoding"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    if takes_gzip(&asked) && !document.gzip.is_empty() {
        (headers, [(header::CONTENT_ENCODING, "gzip")], document.gzip.as_slice()).into_response()
    } else {
        (headers, document.text.as_str()).into_response()
    }
}

/// Without its slash.
pub async fn elsewhere() -> Redirect {
    Redirect::permanent("/_k3eks/")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Read;

    use super::*;
    use crd::access_entry::POLICIES;
    use crd::{access_policies, addon_catalogue};

    #[test]
    fn the_page_is_whole_small_and_asks_nobody_else() {
        let [strict, permissive] = &*PAGES;
        let page = &strict.text;
        assert!(!page.contains("/*FIRST*/") && !page.contains("/*STYLE*/") && !page.contains("/*SCRIPT*/"));
        assert!(FRAME.contains(MODE) && !page.contains(MODE) && !page.contains(PERMISSIVE));
        assert!(permissive.text.contains(PERMISSIVE));
        assert!((1..100_000).contains(&strict.gzip.len()), "{} bytes", strict.gzip.len());
        let mut unzipped = String::new();
        flate2::read::GzDecoder::new(strict.gzip.as_slice()).read_to_string(&mut unzipped).unwrap();
        assert_eq!(&unzipped, page);
        // The name of a namespace of XML, what tokens are made of, and an example: none of them is asked.
        let named = ["http://www.w3.org/2000/svg", "https://${host}/?", "https://id.example.com"];
        let asked = named.iter().fold(page.clone(), |page, name| page.replace(name, ""));
        for outside in ["http://", "https://", "//cdn", "@import", "url("] {
            assert!(!asked.contains(outside), "{outside}");
        }
    }

    /// The texts in a list of the page's scripts.
    fn listed(name: &str) -> BTreeSet<String> {
        let script = SCRIPTS.concat();
        let (_, rest) = script.split_once(&format!("const {name} = [")).unwrap();
        let (list, _) = rest.split_once(']').unwrap();
        list.split(',').map(|one| one.trim().trim_matches('\'').to_owned()).collect()
    }

    #[test]
    fn what_has_no_effect_is_marked_so() {
        let installed =
            addon_catalogue::all().iter().filter(|offer| offer.chart.is_some() || offer.stands_in.is_some());
        assert_eq!(listed("INSTALLED"), installed.map(|offer| offer.name.clone()).collect());
        let ruled = POLICIES.iter().filter(|name| !access_policies::rules(name).is_empty());
        assert_eq!(listed("RULED"), ruled.map(|name| (*name).to_owned()).collect());
    }

    #[test]
    fn it_is_compressed_for_whom_says_so() {
        let says = |text: &'static str| HeaderMap::from_iter([(header::ACCEPT_ENCODING, text.parse().unwrap())]);
        assert!(takes_gzip(&says("gzip, deflate, br")) && takes_gzip(&says("br, gzip")));
        assert!(!takes_gzip(&says("gzip;q=0")) && !takes_gzip(&says("br")) && !takes_gzip(&HeaderMap::new()));
    }
}
