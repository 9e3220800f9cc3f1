//! Errors of providers, and what a caller should do.

/// Whether and when to retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Soon, with back-off.
    Transient,
    /// After an outside change (the engine is back).
    Waiting,
    /// Only after a change of the spec or of the operator's settings.
    Terminal,
}

/// An error of a provider. Each message names the operation, its object, and what to do.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The engine can't be reached.
    #[error("{engine} can't be reached while {doing}: {why}; start it, and k3eks continues when it answers")]
    Unavailable {
        /// Which engine.
        engine: &'static str,
        /// What was being done.
        doing: String,
        /// The engine's or the system's own words.
        why: String,
    },
    /// No image is known for a version.
    #[error(
        "Kubernetes version {version} isn't known; known versions: {known}. Set kubernetesVersion to one of them, or add the version to the operator (--image {version}=IMAGE, with Helm operator.images)"
    )]
    UnknownVersion {
        /// The version asked for.
        version: String,
        /// The known ones, joined.
        known: String,
    },
    /// The image is unavailable.
    #[error(
        "image {image} is unavailable for {what}: {why}; pull or load it (docker pull {image}), or give the operator another image of that version (--image VERSION=IMAGE, with Helm operator.images)"
    )]
    ImageUnavailable {
        /// The image.
        image: String,
        /// The cluster or node group.
        what: String,
        /// The engine's own words.
        why: String,
    },
    /// The provider has no place left for another API server: no port of its range is free.
    #[error("no free API port is left for {what} in {range}; widen the operator's --api-ports or delete a cluster")]
    PortsExhausted {
        /// The cluster.
        what: String,
        /// The range.
        range: String,
    },
    /// Work took longer than its limit.
    #[error("{doing} took longer than {seconds} s; k3eks retries")]
    Timeout {
        /// What was being done.
        doing: String,
        /// The limit.
        seconds: u64,
    },
    /// A tool or the engine refused.
    #[error("{doing} failed: {why}")]
    Engine {
        /// What was being done, to what.
        doing: String,
        /// The tool's own last words.
        why: String,
    },
    /// Pods that hold a node.
    #[error(
        "draining node {node} failed: PodEvictionFailure: these pods weren't evicted within {seconds} s: {pods}; loosen their PodDisruptionBudgets, or force the update"
    )]
    EvictionTimeout {
        /// The node.
        node: String,
        /// How long the drain waited.
        seconds: u64,
        /// Their namespaces and names, joined.
        pods: String,
    },
    /// The provider can't do that with any cluster. Whoever asks for its capabilities first never sees this.
    #[error("provider {provider} can't {what}; create a new resource with another provider")]
    Unsupported {
        /// The provider.
        provider: &'static str,
        /// What was asked for.
        what: &'static str,
    },
    /// A tool is missing.
    #[error("{tool} can't be run while {doing}: {why}; install it or give its path")]
    ToolMissing {
        /// The tool.
        tool: String,
        /// What was being done.
        doing: String,
        /// The system's own words.
        why: String,
    },
}

impl Error {
    /// Whether and when to retry.
    pub const fn retry(&self) -> Retry {
        match self {
            Self::UnknownVersion { .. } | Self::Unsupported { .. } => Retry::Terminal,
            Self::Unavailable { .. } => Retry::Waiting,
            Self::ImageUnavailable { .. }
            | Self::PortsExhausted { .. }
            | Self::Timeout { .. }
            | Self::Engine { .. }
            | Self::EvictionTimeout { .. }
            | Self::ToolMissing { .. } => Retry::Transient,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_images_names_the_options_that_give_others() {
        let text = String::new;
        let missing = Error::ImageUnavailable { image: "i".into(), what: text(), why: text() };
        assert!(missing.to_string().ends_with("(--image VERSION=IMAGE, with Helm operator.images)"), "{missing}");
        let unknown = Error::UnknownVersion { version: "1.99".into(), known: text() };
        assert!(unknown.to_string().ends_with("(--image 1.99=IMAGE, with Helm operator.images)"), "{unknown}");
    }
}
