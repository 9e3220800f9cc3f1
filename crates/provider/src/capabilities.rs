//! What a provider can do.

/// What a provider can do. Controllers ask before they call, and say in the status what isn't possible; a call that the
/// provider can't serve is [`crate::Error::Unsupported`].
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Clusters have an API server. Else they are records, of which every plan counts as fulfilled.
    pub api_server: bool,
    /// Clusters can have several servers.
    pub several_servers: bool,
    /// Clusters can be stopped with their data, and started: [`crate::ClusterProvider::stop_cluster`].
    pub stop: bool,
    /// Servers change to another version in place: [`crate::ClusterProvider::upgrade_cluster`].
    pub upgrade: bool,
    /// Servers that run take other settings and keys: [`crate::ClusterProvider::configure_cluster`] and
    /// [`crate::ClusterProvider::restart_cluster`].
    pub configure: bool,
    /// Networks can be kept from the public endpoint.
    pub restricted_endpoint: bool,
    /// The use of the public endpoint is counted: [`crate::ClusterProvider::used`].
    pub use_counter: bool,
    /// Certificate authorities can be read and changed: [`crate::ClusterProvider::authority`] and
    /// [`crate::ClusterProvider::certify_cluster`].
    pub authorities: bool,
    /// Pods are led to their credentials: [`crate::ClusterProvider::lead_pods`].
    pub pod_credentials: bool,
    /// Nodes are told of container registries: [`crate::ClusterProvider::set_registries`].
    pub registries: bool,
    /// Clusters that were made elsewhere are found by the provider's own name for them:
    /// [`crate::ClusterProvider::access`] and [`crate::ClusterProvider::release_cluster`].
    pub import: bool,
}

impl Capabilities {
    /// Everything.
    pub const ALL: Self = Self {
        api_server: true,
        several_servers: true,
        stop: true,
        upgrade: true,
        configure: true,
        restricted_endpoint: true,
        use_counter: true,
        authorities: true,
        pod_credentials: true,
        registries: true,
        import: true,
    };

    /// Those of records: what needs no server.
    pub const RECORDS: Self = Self {
        api_server: false,
        several_servers: true,
        stop: true,
        upgrade: true,
        configure: false,
        restricted_endpoint: false,
        use_counter: false,
        authorities: false,
        pod_credentials: false,
        registries: false,
        import: false,
    };
}
