//! A remote STS that answers instead of k3eks: that of an emulator which runs already. k3eks trusts its answers.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

use super::principal::Principal;
use super::token::AuthError;
use aws::base_url::base_url;

/// The longest answer that is read.
const LARGEST: usize = 256 * 1024;
/// The longest wait for one.
const ANSWER: std::time::Duration = std::time::Duration::from_secs(10);

/// A client of the remote STS.
pub struct RemoteSts {
    url: String,
    client: Client<HttpConnector, Body>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    get_caller_identity_result: Identity,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Identity {
    arn: String,
    account: String,
    user_id: String,
}

impl RemoteSts {
    /// The STS at `url`, such as `http://127.0.0.1:5000`.
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub fn new(url: &str) -> Result<Self, String> {
        Ok(Self { url: base_url(url)?.to_owned(), client: Client::builder(TokioExecutor::new()).build_http() })
    }

    /// The caller identity of a presigned GetCallerIdentity request with this query.
    ///
    /// # Errors
    /// STS can't be reached, or it refuses the request.
    pub async fn caller_identity(&self, query: &str, cluster: &str) -> Result<Principal, AuthError> {
        let unreachable = |why: String| AuthError::new(format!("STS at {} can't be reached: {why}", self.url));
        let request =
            Request::get(format!("{}/?{query}", self.url)).header("x-k8s-aws-id", cluster).body(Body::empty());
        let (status, _, body) =
            self.send(request.map_err(|e| unreachable(e.to_string()))?).await.map_err(&unreachable)?;
        if !status.is_success() {
            return Err(AuthError::new(format!("STS at {} refused the token with {status}", self.url)));
        }
        principal(&String::from_utf8_lossy(&body)).ok_or_else(|| unreachable("its answer can't be read".into()))
    }

    /// Forwards a request, and returns its answer.
    pub async fn forward(&self, head: &Parts, query: &str, body: axum::body::Bytes) -> Response {
        let separator = if query.is_empty() { "" } else { "?" };
        let mut request =
            Request::builder().method(head.method.clone()).uri(format!("{}/{separator}{query}", self.url));
        for (name, value) in &head.headers {
            if name != header::HOST && name != header::CONTENT_LENGTH {
                request = request.header(name, value);
            }
        }
        let answer = match request.body(Body::from(body)) {
            Ok(request) => self.send(request).await,
            Err(error) => Err(error.to_string()),
        };
        match answer {
            Ok((status, kind, body)) => (status, [(header::CONTENT_TYPE, kind)], body).into_response(),
            Err(why) => {
                tracing::warn!(url = self.url, why, "the remote STS can't be reached");
                (StatusCode::BAD_GATEWAY, format!("STS at {} can't be reached: {why}", self.url)).into_response()
            }
        }
    }

    async fn send(&self, request: Request<Body>) -> Result<(StatusCode, String, Vec<u8>), String> {
        let answer = tokio::time::timeout(ANSWER, self.client.request(request)).await;
        let answer = answer.map_err(|_| "it takes too long".to_owned())?.map_err(|e| e.to_string())?;
        let status = answer.status();
        let kind =
            answer.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("text/xml").to_owned();
        let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(|e| e.to_string())?;
        Ok((status, kind, body.to_bytes().to_vec()))
    }
}

fn principal(xml: &str) -> Option<Principal> {
    let Identity { arn, account, user_id } = quick_xml::de::from_str::<Answer>(xml).ok()?.get_caller_identity_result;
    Some(Principal { id: user_id, ..Principal::new(&arn, &account, "") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_who_it_is() {
        let xml = r#"<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
            <GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:assumed-role/dev/me</Arn><UserId>AROA1:me</UserId>
            <Account>123456789012</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
            </GetCallerIdentityResponse>"#;
        let who = principal(xml).unwrap();
        assert_eq!((who.identity.as_str(), who.session.as_str()), ("arn:aws:iam::123456789012:role/dev", "me"));
        assert!(principal("<ErrorResponse/>").is_none());
    }

    #[test]
    fn only_a_plain_url_is_taken() {
        assert!(RemoteSts::new("http://127.0.0.1:5000/").is_ok());
        for wrong in ["https://sts.amazonaws.com", "127.0.0.1:5000", "http://"] {
            assert!(RemoteSts::new(wrong).is_err(), "{wrong}");
        }
    }
}
