//! Another STS that is asked instead of the one here: an emulator that runs already. What it says is believed.

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

/// Another STS.
pub struct Remote {
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

impl Remote {
    /// The STS at `url`, such as `http://127.0.0.1:5000`.
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub fn new(url: &str) -> Result<Self, String> {
        Ok(Self { url: base_url(url)?.to_owned(), client: Client::builder(TokioExecutor::new()).build_http() })
    }

    /// Whose question this is, in the words of a presigned URL's query.
    ///
    /// # Errors
    /// Where it isn't answered, or with a refusal.
    pub async fn caller_identity(&self, query: &str, cluster: &str) -> Result<Principal, AuthError> {
        let away = |why: String| AuthError::new(format!("STS at {} can't be asked: {why}", self.url));
        let request =
            Request::get(format!("{}/?{query}", self.url)).header("x-k8s-aws-id", cluster).body(Body::empty());
        let (status, _, body) = self.ask(request.map_err(|e| away(e.to_string()))?).await.map_err(&away)?;
        if !status.is_success() {
            return Err(AuthError::new(format!("STS at {} refused the token with {status}", self.url)));
        }
        principal(&String::from_utf8_lossy(&body)).ok_or_else(|| away("its answer can't be read".into()))
    }

    /// Passes a request on, and its answer back.
    pub async fn pass(&self, head: &Parts, query: &str, body: axum::body::Bytes) -> Response {
        let separator = if query.is_empty() { "" } else { "?" };
        let mut request =
            Request::builder().method(head.method.clone()).uri(format!("{}/{separator}{query}", self.url));
        for (name, value) in &head.headers {
            if name != header::HOST && name != header::CONTENT_LENGTH {
                request = request.header(name, value);
            }
        }
        let asked = match request.body(Body::from(body)) {
            Ok(request) => self.ask(request).await,
            Err(error) => Err(error.to_string()),
        };
        match asked {
            Ok((status, kind, body)) => (status, [(header::CONTENT_TYPE, kind)], body).into_response(),
            Err(why) => {
                tracing::warn!(url = self.url, why, "another STS can't be asked");
                (StatusCode::BAD_GATEWAY, format!("STS at {} can't be asked: {why}", self.url)).into_response()
            }
        }
    }

    async fn ask(&self, request: Request<Body>) -> Result<(StatusCode, String, Vec<u8>), String> {
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
        assert!(Remote::new("http://127.0.0.1:5000/").is_ok());
        for wrong in ["https://sts.amazonaws.com", "127.0.0.1:5000", "http://"] {
            assert!(Remote::new(wrong).is_err(), "{wrong}");
        }
    }
}
