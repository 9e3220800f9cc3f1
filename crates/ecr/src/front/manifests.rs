//! What the registry behind doesn't do with manifests by itself: the list of an image's referrers, and tags that are the
//! registry's own.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, header};
use serde_json::Value;

use super::asked::Asked;
use super::{Front, reads};
use crate::engine::DIGEST;
use crate::front::refusal::Refusal;
use crate::manifest::{self, Contents};
use crate::record;
use crate::referrers::{self, Referrer};

/// The largest manifest that is taken, in bytes. The registry behind takes no larger one either.
const LARGEST: usize = 4 * 1024 * 1024;
/// Says that the list of referrers has an image's new referrer.
const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
/// Says that the list of referrers was filtered.
const FILTERS: HeaderName = HeaderName::from_static("oci-filters-applied");

impl Front {
    /// Answers for a repository or a copy; `inside` is the path and query in the registry behind.
    pub(super) async fn answer(&self, request: Request, asked: &Asked<'_>, inside: &str) -> Result<Response, Refusal> {
        match (request.method(), asked.kind) {
            (&Method::PUT, "manifests") => self.push(request, asked, inside).await,
            (method, "referrers") if reads(method) => self.referrers(asked, request.uri().query()).await,
            (&Method::GET, "tags") => self.tags(request, asked, inside).await,
            _ => self.pass(request, inside, asked.name).await,
        }
    }

    async fn push(&self, request: Request, asked: &Asked<'_>, inside: &str) -> Result<Response, Refusal> {
        if record::is_own(asked.reference) && asked.reference != record::TAG {
            return Err(Refusal::own_tag(asked.reference));
        }
        let (head, body) = request.into_parts();
        // Held until the registry has the manifest.
        let kept = self.bodies.read(body, LARGEST).await.map_err(|why| Refusal::unread(why, LARGEST))?;
        let contents = Contents::pushed(&kept.bytes).ok_or_else(Refusal::unreadable)?;
        let body = kept.bytes.clone();
        if asked.reference != record::TAG && contents.is_own() {
            return Err(Refusal::own_annotation());
        }
        let Some(subject) = referrers::subject(&contents).map(str::to_owned) else {
            return self.pass(Request::from_parts(head, body.into()), inside, asked.name).await;
        };
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let (kind, size) = (kind.unwrap_or_default().to_owned(), body.len());
        let mut answer = self.pass(Request::from_parts(head, body.into()), inside, asked.name).await?;
        let digest = answer.headers().get(DIGEST).and_then(|value| value.to_str().ok()).map(str::to_owned);
        if let Some(digest) = digest.filter(|_| answer.status().is_success()) {
            // The new list is written over the one that was read.
            let _one = self.referrers.lock().await;
            referrers::add(&self.engine, asked.name, &subject, Referrer::new(contents, size, &digest, &kind)).await?;
            answer.headers_mut().extend(HeaderValue::from_str(&subject).ok().map(|subject| (SUBJECT, subject)));
        }
        Ok(answer)
    }

    async fn referrers(&self, asked: &Asked<'_>, query: Option<&str>) -> Result<Response, Refusal> {
        let wanted = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .find(|(name, value)| name == "artifactType" && !value.is_empty())
            .map(|(_, value)| value.into_owned());
        let mut all = referrers::list(&self.engine, asked.name, asked.reference).await?;
        if let Some(wanted) = &wanted {
            all = referrers::of_type(all, wanted);
        }
        let mut answer = referrers::index(&all).to_string().into_response();
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(manifest::INDEX));
        if wanted.is_some() {
            answer.headers_mut().insert(FILTERS, HeaderValue::from_static("artifactType"));
        }
        Ok(answer)
    }

    async fn tags(&self, request: Request, asked: &Asked<'_>, inside: &str) -> Result<Response, Refusal> {
        let answer = self.pass(request, inside, asked.name).await?;
        if !answer.status().is_success() {
            return Ok(answer);
        }
        let (mut head, body) = answer.into_parts();
        let kept = self.bodies.read(body, LARGEST).await.map_err(|_| Refusal::no_tags())?;
        let body = without_own(kept.bytes.clone());
        head.headers.insert(header::CONTENT_LENGTH, body.len().into());
        Ok(Response::from_parts(head, Body::from(body)))
    }
}

/// A list of tags without the registry's own.
fn without_own(body: Bytes) -> Bytes {
    let Ok(mut list) = serde_json::from_slice::<Value>(&body) else { return body };
    if let Some(tags) = list["tags"].as_array_mut() {
        tags.retain(|tag| !tag.as_str().is_some_and(record::is_own));
    }
    list.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_the_registry_are_not_listed() {
        let listed = |body: &'static str| without_own(Bytes::from_static(body.as_bytes()));
        let list = r#"{"name":"a","tags":["k3eks.referrers.0","k3eks.repository","v1"]}"#;
        assert_eq!(listed(list), r#"{"name":"a","tags":["v1"]}"#);
        assert_eq!(listed(r#"{"name":"a","tags":null}"#), r#"{"name":"a","tags":null}"#);
    }
}
