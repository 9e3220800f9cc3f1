//! What clients ask of AWS services that aren't served here, refused in the words of each service's protocol.
//!
//! `AWS_ENDPOINT_URL` leads every service of a client here. Without this, `aws ec2 describe-vpcs` would show whatever its
//! parser makes of an answer of EKS's.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use uuid::Uuid;

use super::error::ERROR_TYPE;
use super::service::REQUEST_ID;
use super::sigv4::{self, SignedRequest};

/// Services by the names that requests are signed for, besides `ecr` where there is a registry.
const SERVED: [&str; 3] = ["eks", "eks-auth", "sts"];
/// What the refusal is called.
const CODE: &str = "UnsupportedOperation";

/// Names of services in `AWS_ENDPOINT_URL_…`, where they aren't those that requests are signed for.
const NAMES: [(&str, &str); 10] = [
    ("autoscaling", "AUTO_SCALING"),
    ("elasticfilesystem", "EFS"),
    ("elasticloadbalancing", "ELASTIC_LOAD_BALANCING_V2"),
    ("events", "EVENTBRIDGE"),
    ("logs", "CLOUDWATCH_LOGS"),
    ("monitoring", "CLOUDWATCH"),
    ("route53", "ROUTE_53"),
    ("secretsmanager", "SECRETS_MANAGER"),
    ("servicediscovery", "SERVICEDISCOVERY"),
    ("states", "SFN"),
];

/// Refuses what is signed for another service, whatever its path. `ecr`: that one is served as well.
pub async fn refuse(State(ecr): State<bool>, request: Request, next: Next) -> Response {
    let uri = request.uri();
    let signed = SignedRequest {
        method: request.method().as_str(),
        path: uri.path(),
        query: uri.query().unwrap_or_default(),
        headers: request.headers(),
        body: b"",
    };
    let served = |service: &str| SERVED.contains(&service) || ecr && service == "ecr";
    match sigv4::service(&signed).filter(|service| !served(service)) {
        Some(service) => Protocol::of(&service, request.headers()).refusal(&message(&service, ecr)),
        None => next.run(request).await,
    }
}

fn message(service: &str, ecr: bool) -> String {
    let here = if ecr { "eks, eks-auth, sts and ecr" } else { "eks, eks-auth and sts" };
    let here = format!("k3eks serves {here} at this address");
    // Whatever else stands there was never a service's name.
    if service.is_empty()
        || service.len() > 40
        || !service.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    {
        return format!("{here}; for another service set its own AWS_ENDPOINT_URL_<SERVICE>");
    }
    let known = NAMES.iter().find(|(signed, _)| *signed == service).map(|(_, name)| (*name).to_owned());
    let name = known.unwrap_or_else(|| service.to_uppercase().replace('-', "_"));
    format!("{here}; for {service} set AWS_ENDPOINT_URL_{name} to where that is served")
}

/// How a service says that something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Json,
    RestJson,
    Query,
    Ec2,
    S3,
    RestXml,
    Cbor,
}

impl Protocol {
    fn of(service: &str, headers: &HeaderMap) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match service {
            _ if header("smithy-protocol") == "rpc-v2-cbor" => Self::Cbor,
            _ if headers.contains_key("x-amz-target") => Self::Json,
            "ec2" => Self::Ec2,
            "s3" | "s3express" => Self::S3,
            "route53" | "cloudfront" => Self::RestXml,
            _ if header("content-type").starts_with("application/x-www-form-urlencoded") => Self::Query,
            _ => Self::RestJson,
        }
    }

    /// The refusal.
    fn refusal(self, message: &str) -> Response {
        let id = Uuid::new_v4().to_string();
        let text = message.replace('<', "&lt;").replace('>', "&gt;");
        let error = format!("<Code>{CODE}</Code><Message>{text}</Message>");
        let (kind, body) = match self {
            Self::Json => {
                ("application/x-amz-json-1.1", json!({"__type": CODE, "message": message}).to_string().into_bytes())
            }
            Self::RestJson => ("application/json", json!({"message": message}).to_string().into_bytes()),
            Self::Cbor => ("application/cbor", cbor(&[("__type", CODE), ("message", message)])),
            Self::Ec2 => {
                xml(format!("<Response><Errors><Error>{error}</Error></Errors><RequestID>{id}</RequestID></Response>"))
            }
            Self::S3 => xml(format!("<Error>{error}<RequestId>{id}</RequestId></Error>")),
            Self::Query | Self::RestXml => xml(format!(
                "<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>{id}</RequestId></ErrorResponse>"
            )),
        };
        let mut response = (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, kind)], body).into_response();
        let headers = response.headers_mut();
        headers.insert(ERROR_TYPE, HeaderValue::from_static(CODE));
        if self == Self::Cbor {
            headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
        }
        if let Ok(id) = HeaderValue::from_str(&id) {
            headers.insert(REQUEST_ID, id);
        }
        response
    }
}

fn xml(body: String) -> (&'static str, Vec<u8>) {
    ("text/xml", format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}").into_bytes())
}

/// A map of texts in CBOR.
fn cbor(members: &[(&str, &str)]) -> Vec<u8> {
    const MAP: u8 = 0xa0;
    // The length of a text in the two bytes that follow.
    const TEXT: u8 = 0x79;
    let mut bytes = vec![MAP | u8::try_from(members.len()).unwrap_or_default()];
    for text in members.iter().flat_map(|(name, value)| [name, value]) {
        bytes.push(TEXT);
        bytes.extend(u16::try_from(text.len()).unwrap_or_default().to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::{Router, middleware};
    use tower::ServiceExt;

    use super::*;

    async fn asked(service: &str, headers: &[(&str, &str)]) -> (StatusCode, String) {
        let router = Router::new().fallback(|| async { "ours" }).layer(middleware::from_fn_with_state(false, refuse));
        let signature = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let mut request = Request::post("/").header(header::AUTHORIZATION, signature);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn what_is_served_passes() {
        for service in SERVED {
            assert_eq!(asked(service, &[]).await, (StatusCode::OK, "ours".into()));
        }
        let router = Router::new().fallback(|| async { "ours" }).layer(middleware::from_fn_with_state(false, refuse));
        let unsigned = router.oneshot(Request::get("/clusters").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(unsigned.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn each_service_is_refused_in_its_own_protocol() {
        let form = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        for (service, headers, begins, names) in [
            ("ec2", &[form][..], "<Response><Errors><Error><Code>UnsupportedOperation</Code>", "AWS_ENDPOINT_URL_EC2"),
            ("iam", &[form], "<ErrorResponse><Error>", "AWS_ENDPOINT_URL_IAM"),
            ("autoscaling", &[form], "<ErrorResponse><Error>", "AWS_ENDPOINT_URL_AUTO_SCALING"),
            ("s3", &[], "<Error><Code>UnsupportedOperation</Code>", "AWS_ENDPOINT_URL_S3"),
            ("route53", &[], "<ErrorResponse><Error>", "AWS_ENDPOINT_URL_ROUTE_53"),
            (
                "ecr",
                &[("x-amz-target", "A.DescribeRepositories")],
                r#"{"__type":"UnsupportedOperation""#,
                "AWS_ENDPOINT_URL_ECR",
            ),
            (
                "logs",
                &[("x-amz-target", "Logs.DescribeLogGroups")],
                r#"{"__type":"UnsupportedOperation""#,
                "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
            ),
            ("lambda", &[], r#"{"message":"k3eks serves"#, "AWS_ENDPOINT_URL_LAMBDA"),
            (
                "monitoring",
                &[("smithy-protocol", "rpc-v2-cbor")],
                "\u{fffd}y\0\u{6}__typey\0\u{14}UnsupportedOperation",
                "AWS_ENDPOINT_URL_CLOUDWATCH ",
            ),
        ] {
            let (status, body) = asked(service, headers).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{service}");
            let body = body.trim_start_matches("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
            assert!(body.starts_with(begins) && body.contains(names), "{service}: {body}");
        }
    }

    #[tokio::test]
    async fn ecr_passes_where_there_is_a_registry() {
        let router = Router::new().fallback(|| async { "ours" }).layer(middleware::from_fn_with_state(true, refuse));
        let signature =
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ecr/aws4_request, SignedHeaders=host, Signature=0";
        let request = Request::post("/").header(header::AUTHORIZATION, signature).body(Body::empty()).unwrap();
        assert_eq!(router.oneshot(request).await.unwrap().status(), StatusCode::OK);
        assert!(message("s3", true).contains("sts and ecr at this address"));
    }

    #[tokio::test]
    async fn what_is_no_name_of_a_service_is_not_repeated() {
        let (_, body) = asked("<b>", &[]).await;
        assert!(!body.contains("<b>") && body.contains("another service"), "{body}");
    }
}
