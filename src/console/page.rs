//! The page itself: one document without requests to anywhere else.

use std::sync::{Arc, LazyLock};

use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse, Redirect};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::eks::beside::Beside;
use crate::eks::sigv4::Mode;

const FRAME: &str = include_str!("page/page.html");
/// Where the page says how the API was started.
const MODE: &str = "<!--MODE-->";
const PERMISSIVE: &str = r#"<p id="mode" role="note">Permissive: no credentials are checked. Whoever reaches this port sees and rules the clusters of all accounts.</p>"#;
const STYLE: &str = include_str!("page/page.css");
const FIRST: &str = include_str!("page/first.js");
/// In the order in which they are read.
const SCRIPTS: &[&str] = &[
    include_str!("page/base.js"),
    include_str!("page/vendor/preact.js"),
    include_str!("page/request.js"),
    include_str!("page/refusal.js"),
    include_str!("page/ask.js"),
    include_str!("page/route.js"),
    include_str!("page/table.js"),
    include_str!("page/recipe.js"),
    include_str!("page/create.js"),
    include_str!("page/cluster/parts.js"),
    include_str!("page/cluster/forms.js"),
    include_str!("page/cluster/settings.js"),
    include_str!("page/cluster/actions.js"),
    include_str!("page/cluster/child.js"),
    include_str!("page/cluster/overview.js"),
    include_str!("page/cluster/groupforms.js"),
    include_str!("page/cluster/nodegroups.js"),
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

/// The document, and the policy that lets nothing run in it but its own script.
static PAGE: LazyLock<(String, String)> = LazyLock::new(|| {
    let script = SCRIPTS.concat();
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let policy = format!(
        "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src {}; script-src {} {}",
        hash(STYLE),
        hash(FIRST),
        hash(&script)
    );
    let page = FRAME.replace("/*FIRST*/", FIRST).replace("/*STYLE*/", STYLE).replace("/*SCRIPT*/", &script);
    (page, policy)
});

/// The document.
pub async fn page(State(beside): State<Arc<Beside>>) -> impl IntoResponse {
    let (page, policy) = &*PAGE;
    let page = page.replace(MODE, if beside.authenticator.mode() == Mode::Permissive { PERMISSIVE } else { "" });
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, Html(page))
}

/// Without its slash.
pub async fn elsewhere() -> Redirect {
    Redirect::permanent("/_k3eks/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_whole_small_and_asks_nobody_else() {
        let page = &PAGE.0;
        assert!(!page.contains("/*FIRST*/") && !page.contains("/*STYLE*/") && !page.contains("/*SCRIPT*/"));
        assert_eq!(page.matches(MODE).count(), 1);
        assert!(page.len() < 250_000, "{} bytes", page.len());
        // The name of a namespace of XML, what tokens are made of, and an example: none of them is asked.
        let named = ["http://www.w3.org/2000/svg", "https://${host}/?", "https://id.example.com"];
        let asked = named.iter().fold(page.clone(), |page, name| page.replace(name, ""));
        for outside in ["http://", "https://", "//cdn", "@import", "url("] {
            assert!(!asked.contains(outside), "{outside}");
        }
    }
}
