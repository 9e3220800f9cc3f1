//! The way past the front where it asks for credentials: who asks, for what, and whether they may.

use axum::extract::Request;
use http::{HeaderMap, HeaderValue, Method, header};
use jiff::Timestamp;
use registry_credentials::{Holder, Key, Refused};

use super::asked::Asked;
use super::refusal::Refusal;
use crate::access::{Action, Port, Target, allows};
use crate::record;

/// Members of the query of a new upload that concern a blob of another repository.
const MOUNT: [&str; 2] = ["mount", "from"];

/// Who asks, as far as anybody wants to know.
pub struct Gate {
    port: Port,
    /// `None`: everybody may do everything.
    holder: Option<Holder>,
}

impl Gate {
    /// The gate of whoever sent these headers. Without a key nobody is asked.
    pub fn new(key: Option<&Key>, port: Port, headers: &HeaderMap) -> Result<Self, Refusal> {
        let Some(key) = key else { return Ok(Self { port, holder: None }) };
        let mut sent = headers.get_all(header::AUTHORIZATION).iter();
        let first = sent.next().map(|value| value.to_str().map_err(|_| Refused::Wrong)).transpose()?;
        if sent.next().is_some() {
            return Err(Refused::Wrong.into());
        }
        let holder = key.verify(first, Timestamp::now().as_second())?;
        // Whoever has these is told at once that they are of no use here.
        let strangers = port == Port::Clients && matches!(holder, Holder::Cluster { .. })
            || port == Port::Nodes && holder == Holder::Api;
        if strangers { Err(Refused::Wrong.into()) } else { Ok(Self { port, holder: Some(holder) }) }
    }

    /// Whether credentials are asked for.
    pub fn asks(&self) -> bool {
        self.holder.is_some()
    }

    /// Lets those through who may see the names of all repositories.
    pub fn names(&self) -> Result<(), Refusal> {
        match &self.holder {
            Some(holder) if !allows(holder, self.port, Action::Pull, &Target::Names) => Err(Refusal::names()),
            _ => Ok(()),
        }
    }

    /// Lets those through who may do this with what a path is about.
    pub fn pass(&self, method: &Method, asked: &Asked<'_>) -> Result<(), Refusal> {
        let (action, operation) = meant(method, asked);
        self.may(action, operation, asked.name)
    }

    /// Lets those through who may do this with the repository or copy of this name.
    pub fn may(&self, action: Action, operation: &str, name: &str) -> Result<(), Refusal> {
        let Some(holder) = &self.holder else { return Ok(()) };
        let target = Target::named(name);
        let allowed = target.is_some_and(|target| allows(holder, self.port, action, &target));
        if allowed { Ok(()) } else { Err(Refusal::denied(holder, operation, name)) }
    }

    /// The query of a new upload: blobs are taken over from repositories that may be pulled from. Elsewhere the answer is
    /// that of a registry that can't take over blobs, and clients send theirs.
    pub fn upload_query(&self, query: &str) -> String {
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let one = |name: &str| {
            let mut found = pairs.iter().filter(|(key, _)| key == name);
            found.next().filter(|_| found.next().is_none()).map(|(_, value)| value.as_ref())
        };
        let from = one("from").filter(|from| self.may(Action::Pull, "", from).is_ok());
        let mut kept = form_urlencoded::Serializer::new(String::new());
        for (key, value) in &pairs {
            if from.is_some() && one("mount").is_some() || !MOUNT.contains(&key.as_ref()) {
                kept.append_pair(key, value);
            }
        }
        kept.finish()
    }
}

/// Keeps the body of a new upload from being read as a form, whose members count as much as those of the query.
pub fn no_form(request: &mut Request) {
    let bytes = HeaderValue::from_static("application/octet-stream");
    request.headers_mut().insert(header::CONTENT_TYPE, bytes);
}

/// What is meant by a method and a path: for ECR's users under the name of an operation.
fn meant(method: &Method, asked: &Asked<'_>) -> (Action, &'static str) {
    let upload = asked.kind == "blobs" && asked.reference.starts_with("uploads");
    let is_record = asked.kind == "manifests" && asked.reference == record::TAG;
    match (method.as_str(), asked.kind) {
        ("GET" | "HEAD" | "PATCH" | "DELETE", _) if upload => (Action::Push, "UploadLayerPart"),
        ("POST", _) if upload => (Action::Push, "InitiateLayerUpload"),
        ("PUT", _) if upload => (Action::Push, "CompleteLayerUpload"),
        ("GET" | "HEAD", "manifests" | "referrers") => (Action::Pull, "BatchGetImage"),
        ("HEAD", "blobs") => (Action::Pull, "BatchCheckLayerAvailability"),
        ("GET", "blobs") => (Action::Pull, "GetDownloadUrlForLayer"),
        ("GET" | "HEAD", "tags") => (Action::Pull, "ListImages"),
        ("PUT", "manifests") if is_record => (Action::Keep, "CreateRepository"),
        (_, "manifests") if is_record => (Action::Keep, "DeleteRepository"),
        ("PUT", "manifests") => (Action::Push, "PutImage"),
        _ => (Action::Delete, "BatchDeleteImage"),
    }
}
