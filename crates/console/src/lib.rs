//! The page at `/_k3eks/`: clusters and all that belongs to them, live, and what people do with them.
//!
//! The page asks two ports of the same server: the EKS API for whatever EKS knows, and the routes here for what it doesn't:
//! who asks, a stream of all clusters, one cluster with its Events, what a new cluster is to have, stopping and starting, and deletion with
//! the node groups. What a cluster has inside it asks the cluster, as its user and no more than that.

mod actions;
mod child;
mod page;
mod parts;
mod stream;
mod view;
mod who;
mod yaml;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post, put};

use eks::extra_routes::AppState;
use identity::child_proxy::ChildProxy;

/// The page and what it asks beside the EKS API.
pub fn routes(app: Arc<AppState>, proxy: ChildProxy) -> Router {
    let below = child::routes(Arc::new(child::ChildState { app: Arc::clone(&app), proxy }));
    Router::new()
        .route("/_k3eks", get(page::elsewhere))
        .route("/_k3eks/", get(page::page))
        .route("/_k3eks/console/whoami", get(who::who))
        .route("/_k3eks/console/yaml", post(yaml::read))
        .route("/_k3eks/console/stream", get(stream::stream))
        .route("/_k3eks/console/parts/{name}", post(parts::add))
        .route("/_k3eks/console/clusters/{namespace}/{name}", get(view::one).delete(actions::delete))
        .route("/_k3eks/console/clusters/{namespace}/{name}/nodegroups/{group}/events", get(view::group_events))
        .route("/_k3eks/console/clusters/{namespace}/{name}/state", put(actions::state))
        .with_state(app)
        .merge(below)
}
