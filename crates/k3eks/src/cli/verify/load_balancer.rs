//! LoadBalancer: a Service of that type gets an address, and its pods answer there.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;
use k8s_openapi::api::core::v1::{Event, Service};
use text::sentence;

use super::environment::{CAUGHT_UP, Environment, create, web_service};
use super::events;
use super::finding::Outcome;
use super::task::Task;

const NAME: &str = "balanced";
/// A port that no other balancer is likely to use.
const PORT: u16 = 28_080;
/// How long an address may take.
const ADDRESS: Duration = Duration::from_secs(60);
/// The longest wait for a first Event of the Service, where a controller assigns addresses.
const SILENCE: Duration = Duration::from_secs(15);
const ANSWER: Duration = Duration::from_secs(3);
const MEND: &str = "kubectl -n kube-system get pods shows the balancer's own (svclb-… with k3s's); kubectl describe service of a Service of yours";

/// Makes such a Service and asks for its page, from here.
pub async fn check(env: &Environment) -> Outcome {
    if env.workers().is_empty() {
        return Outcome::skipped("the cluster has no node that takes pods");
    }
    if let Err(error) = create(&env.api::<Service>(), web_service("LoadBalancer", NAME, PORT)).await {
        return Outcome::fails(
            format!("making a Service: {}", sentence(error.as_ref())),
            "a Service",
            "k3eks logs shows what the API server says",
        );
    }
    let address = match address(env).await {
        Ok(address) => address,
        Err(outcome) => return outcome,
    };
    let begun = tokio::time::Instant::now();
    let why = loop {
        match page(&address).await {
            Ok(()) => return Outcome::ok(format!("{address}:{PORT} answers from here")),
            Err(error) if begun.elapsed().as_secs() > CAUGHT_UP.into() => break error,
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    };
    let script = format!(
        "timeout 3 wget -q -O- http://{address}:{PORT}/ > /dev/null && echo answers || echo \"doesn't answer either\""
    );
    let task = Task { name: "balanced", script: &script, account: None, node: None, claim: None };
    let inside =
        task.run(env, Duration::from_secs(15)).await.map_or_else(|_| "couldn't be asked".into(), |ended| ended.said);
    Outcome::fails(
        format!("http://{address}:{PORT} doesn't answer from here: {why}; from a pod it {inside}"),
        "it answers from here: this host has to reach the nodes' network",
        MEND,
    )
}

/// The address that the Service gets, or how the check ends without.
async fn address(env: &Environment) -> Result<String, Outcome> {
    let begun = tokio::time::Instant::now();
    loop {
        let service = env.api::<Service>().get(NAME).await.ok();
        let given = service.and_then(|service| service.status?.load_balancer?.ingress?.into_iter().next());
        if let Some(address) = given.and_then(|ingress| ingress.ip.or(ingress.hostname)) {
            return Ok(address);
        }
        if begun.elapsed() > SILENCE {
            let said = events::last(&env.api::<Event>(), "Service", NAME).await;
            if said.is_empty() {
                let what = "gives Services of type LoadBalancer an address, or says a word about them";
                return Err(Outcome::skipped(format!("nothing in the cluster {what} within {} s", SILENCE.as_secs())));
            }
            if begun.elapsed() > ADDRESS {
                let found = format!("no address after {} s; {said}", ADDRESS.as_secs());
                return Err(Outcome::fails(found, "an address", MEND));
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn page(address: &str) -> Result<(), String> {
    let request =
        http::Request::get(format!("http://{address}:{PORT}/")).body(Body::empty()).map_err(|e| e.to_string())?;
    let client = HttpClient::builder(TokioExecutor::new()).build_http();
    let asked = async {
        let answer = client.request(request).await.map_err(|e| e.to_string())?;
        let status = answer.status();
        let body = to_bytes(Body::new(answer.into_body()), 64 * 1024).await.map_err(|e| e.to_string())?;
        if status.is_success() && !body.is_empty() { Ok(()) } else { Err(format!("it says {status}")) }
    };
    tokio::time::timeout(ANSWER, asked).await.map_err(|_| "it takes too long".to_owned())?
}
