//! A client of the registry behind, by the distribution API.

use std::time::Duration;

use aws::base_url::base_url;
use axum::body::{Body, Bytes};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use registry_credentials::{Holder, Key};
use serde::Deserialize;

use super::storage::Inventory;

/// The longest answer that is read.
const LARGEST: usize = 4 * 1024 * 1024;
/// The longest wait for one.
const ANSWER: Duration = Duration::from_secs(20);
/// Seconds that the credentials of one request are good for.
const SIGNED: i64 = 300;
/// Names or tags of one answer.
const PAGE: usize = 1000;
/// The path, before a repository's name, of what is known where the images are.
pub const INVENTORY: &str = "/_k3eks/inventory/";
/// Manifests that are asked for at once.
pub const AT_ONCE: usize = 8;
/// The header with a manifest's digest.
pub const DIGEST: &str = "docker-content-digest";
/// Kinds of manifests that clients push.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// The registry can't be asked, or can't do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It doesn't answer.
    #[error("the container registry at {url} can't be asked: {why}; kubectl get pods shows whether its pod runs")]
    Away {
        /// Its address.
        url: String,
        /// What went wrong.
        why: String,
    },
    /// It refused.
    #[error("the container registry refused {what} with {status}: {why}")]
    Refused {
        /// The method and path.
        what: String,
        /// Its status.
        status: StatusCode,
        /// What it said.
        why: String,
    },
}

/// A manifest as it is kept.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Its digest.
    pub digest: String,
    /// Its media type.
    pub media_type: String,
    /// Its text.
    pub bytes: Bytes,
    /// When it was pushed, as HTTP writes times.
    pub pushed: Option<String>,
}

/// The registry.
#[derive(Clone)]
pub struct Engine {
    url: String,
    client: Client<HttpConnector, Body>,
    /// Signs what it is asked for here.
    key: Option<Key>,
}

impl Engine {
    /// The registry at `url`, such as `http://127.0.0.1:5000`.
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub fn new(url: &str) -> Result<Self, String> {
        Ok(Self {
            url: base_url(url)?.to_owned(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            key: None,
        })
    }

    /// The same, with credentials of the ECR API where there is a key that signs them.
    #[must_use]
    pub fn signed_with(self, key: Option<Key>) -> Self {
        Self { key, ..self }
    }

    /// Passes a request on to `path_and_query`; its body and the answer's go through as they come.
    ///
    /// # Errors
    /// [`Error::Away`]
    pub async fn pass(&self, mut request: Request<Body>, path_and_query: &str) -> Result<Response<Body>, Error> {
        let uri = format!("{}{path_and_query}", self.url).parse().map_err(|e: http::uri::InvalidUri| self.away(&e))?;
        *request.uri_mut() = uri;
        request.headers_mut().remove(header::HOST);
        let answer = self.client.request(request).await.map_err(|e| self.away(&e))?;
        Ok(answer.map(Body::new))
    }

    /// Names of all repositories that begin with `prefix`, with or without a record.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn repositories(&self, prefix: &str) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct Catalog {
            repositories: Vec<String>,
        }
        let mut all = Vec::new();
        // Names are in order, so those before the prefix can be left out.
        let mut last = prefix.trim_end_matches('/').to_owned();
        loop {
            let path = format!("/v2/_catalog?n={PAGE}&last={last}");
            let Some((headers, body)) = self.ask(Method::GET, &path, Body::empty(), &[]).await? else { break };
            let found = serde_json::from_slice::<Catalog>(&body).map_err(|e| self.away(&e))?.repositories;
            let beyond = found.last().is_none_or(|name| !name.starts_with(prefix) && name.as_str() > prefix);
            last = found.last().cloned().unwrap_or_default();
            all.extend(found.into_iter().filter(|name| name.starts_with(prefix)));
            if beyond || !headers.contains_key(header::LINK) {
                break;
            }
        }
        Ok(all)
    }

    /// Tags of a repository.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn tags(&self, repository: &str) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct Tags {
            tags: Option<Vec<String>>,
        }
        let mut all: Vec<String> = Vec::new();
        loop {
            let last = all.last().map(|last| format!("&last={last}")).unwrap_or_default();
            let path = format!("/v2/{repository}/tags/list?n={PAGE}{last}");
            let Some((headers, body)) = self.ask(Method::GET, &path, Body::empty(), &[]).await? else { break };
            let found = serde_json::from_slice::<Tags>(&body).map_err(|e| self.away(&e))?.tags.unwrap_or_default();
            let done = found.is_empty() || !headers.contains_key(header::LINK);
            all.extend(found);
            if done {
                break;
            }
        }
        Ok(all)
    }

    /// A manifest by tag or digest.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn manifest(&self, repository: &str, reference: &str) -> Result<Option<Manifest>, Error> {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let found = self.ask(Method::GET, &path, Body::empty(), &[(header::ACCEPT.as_str(), MANIFESTS)]).await?;
        Ok(found.map(|(headers, bytes)| Manifest {
            digest: text(&headers, DIGEST).unwrap_or_default(),
            media_type: text(&headers, "content-type").unwrap_or_default(),
            bytes,
            pushed: text(&headers, "last-modified"),
        }))
    }

    /// Puts a manifest under a tag, or under its own digest alone. Says its digest.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn put(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        manifest: String,
    ) -> Result<Option<String>, Error> {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let sent = self.ask(Method::PUT, &path, Body::from(manifest), &[("content-type", media_type)]).await?;
        let (headers, _) = sent.ok_or_else(|| self.away(&"it doesn't know the path of manifests"))?;
        Ok(text(&headers, DIGEST))
    }

    /// Puts a manifest under a tag in the place of `former`, which is removed.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn replace(
        &self,
        repository: &str,
        tag: &str,
        media_type: &str,
        manifest: String,
        former: Option<Manifest>,
    ) -> Result<(), Error> {
        let now = self.put(repository, tag, media_type, manifest).await?;
        match former.filter(|former| now.is_some_and(|now| now != former.digest)) {
            Some(former) => self.delete(repository, &former.digest).await,
            None => Ok(()),
        }
    }

    /// The size in bytes of a layer or a configuration; none where the repository doesn't have it.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn blob(&self, repository: &str, digest: &str) -> Result<Option<u64>, Error> {
        let path = format!("/v2/{repository}/blobs/{digest}");
        let found = self.ask(Method::HEAD, &path, Body::empty(), &[]).await?;
        Ok(found.map(|(headers, _)| text(&headers, "content-length").and_then(|n| n.parse().ok()).unwrap_or_default()))
    }

    /// Removes a tag, or a manifest with all its tags by its digest. Nothing is done where it isn't there.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn delete(&self, repository: &str, reference: &str) -> Result<(), Error> {
        let path = format!("/v2/{repository}/manifests/{reference}");
        self.ask(Method::DELETE, &path, Body::empty(), &[]).await.map(drop)
    }

    /// What is known of a repository where its images are; none where that can't be seen. Only the registry's port for
    /// clients tells.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn inventory(&self, repository: &str) -> Result<Option<Inventory>, Error> {
        let path = format!("{INVENTORY}{repository}");
        let Some((_, body)) = self.ask(Method::GET, &path, Body::empty(), &[]).await? else { return Ok(None) };
        serde_json::from_slice(&body).map(Some).map_err(|e| self.away(&e))
    }

    /// Whether the registry answers.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn ready(&self) -> Result<(), Error> {
        self.ask(Method::GET, "/v2/", Body::empty(), &[]).await.map(drop)
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Body,
        headers: &[(&str, &str)],
    ) -> Result<Option<(HeaderMap, Bytes)>, Error> {
        let what = format!("{method} {path}");
        let mut request = Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(key) = &self.key {
            let expires = Timestamp::now().as_second() + SIGNED;
            request = request.header(header::AUTHORIZATION, key.authorization(Holder::Api, Some(expires)));
        }
        let request = request.body(body).map_err(|e| self.away(&e))?;
        let asked = async {
            let answer = self.pass(request, path).await?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, LARGEST).collect().await.map_err(|e| self.away(&e))?.to_bytes();
            Ok::<_, Error>((head, body))
        };
        let asked = tokio::time::timeout(ANSWER, asked).await;
        let (head, body) = asked.map_err(|_| self.away(&"it takes too long to answer"))??;
        match head.status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some((head.headers, body))),
            status => Err(Error::Refused { what, status, why: String::from_utf8_lossy(&body).trim().to_owned() }),
        }
    }

    fn away(&self, why: &dyn std::fmt::Display) -> Error {
        Error::Away { url: self.url.clone(), why: why.to_string() }
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_registry_that_is_away_is_named() {
        assert!(Engine::new("https://a").is_err() && Engine::new("127.0.0.1:5000").is_err());
        let error = Engine::new("http://127.0.0.1:1/").unwrap().ready().await.unwrap_err();
        assert!(
            error.to_string().starts_with("the container registry at http://127.0.0.1:1 can't be asked"),
            "{error}"
        );
    }
}
