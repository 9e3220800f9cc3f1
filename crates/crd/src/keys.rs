//! Labels, annotations, finalizers and field managers: every name that is written into an object or a container.

/// API group of the cluster kind, shared with Rancher's operator so that its YAML applies unchanged.
pub const CLUSTER_GROUP: &str = "eks.cattle.io";
/// API group of every other kind.
pub const GROUP: &str = "k3eks.io";

/// Held on a resource until what it stands for is gone.
pub const FINALIZER: &str = "k3eks.io/finalizer";

/// Field manager of the cluster controller.
pub const CLUSTER_MANAGER: &str = "k3eks-cluster";
/// Field manager of the node group controller.
pub const NODEGROUP_MANAGER: &str = "k3eks-nodegroup";
/// Field manager of the update controller.
pub const UPDATE_MANAGER: &str = "k3eks-update";
/// Field manager of the controller of everything else that belongs to a cluster.
pub const MEMBER_MANAGER: &str = "k3eks-member";

/// Field manager of the EKS API.
pub const API_MANAGER: &str = "k3eks-api";

/// On a cluster: the principals whose access entries EKS makes by itself and that were made, as JSON.
pub const ANNOTATION_OWN_ENTRIES: &str = "k3eks.io/own-access-entries";
/// On an AccessEntry: EKS made it by itself, for the nodes of a node group, or for who made the cluster.
pub const LABEL_OWN_ENTRY: &str = "k3eks.io/own-access-entry";

/// On containers: the operator installation that made them.
pub const LABEL_INSTANCE: &str = "k3eks.io/instance";
/// On containers (as `namespace.name`) and on owned objects (as the name): the cluster resource they belong to.
pub const LABEL_CLUSTER: &str = "k3eks.io/cluster";
/// On node containers: the node group's EKS name.
pub const LABEL_NODEGROUP: &str = "k3eks.io/nodegroup";
/// On a Nodegroup: it was made from the cluster's inline `spec.nodeGroups`.
pub const LABEL_INLINE: &str = "k3eks.io/inline";

/// On an inline Nodegroup: the entry of `spec.nodeGroups` as it was last applied, as JSON.
pub const ANNOTATION_INLINE_APPLIED: &str = "k3eks.io/inline-applied";

/// On a Nodegroup: `true` lets nodes go in an update whose pods couldn't be evicted in time.
pub const ANNOTATION_FORCE: &str = "k3eks.io/force-update";

/// On a cluster: whenever its value changes, a cluster that sleeps (`hibernateAfter`) wakes.
pub const ANNOTATION_WAKE: &str = "k3eks.io/wake";
/// On a cluster: whenever its value changes, the cluster's service accounts get another key.
pub const ANNOTATION_ROTATE: &str = "k3eks.io/rotate-service-account-keys";

/// On an Addon: `true` leaves what it installed in the cluster when it is deleted.
pub const ANNOTATION_PRESERVE: &str = "k3eks.io/preserve";

/// On an Addon: how the EKS API was last asked to resolve conflicts, and when; each such request is carried out.
pub const ANNOTATION_RESOLVE: &str = "k3eks.io/resolve-conflicts";

/// On a CertificateAuthority: its certificate, PEM. The Secret beside it has the key as well.
pub const ANNOTATION_CERTIFICATE: &str = "k3eks.io/certificate";

/// On what the EKS API made: the `clientRequestToken` of the request.
pub const ANNOTATION_TOKEN: &str = "k3eks.io/client-request-token";
/// On what the EKS API made: ARN of the IAM principal that asked for it.
pub const ANNOTATION_CREATOR: &str = "k3eks.io/created-by";
/// On what the EKS API made: a digest of the request, so that the same request can be told from another one with its
/// token.
pub const ANNOTATION_REQUEST: &str = "k3eks.io/request-digest";

/// On the Node objects of servers that take no pods. A key of its own: what k3s brings along tolerates the usual ones,
/// and would stay there.
pub const TAINT_CONTROL_PLANE: &str = "k3eks.io/control-plane";

/// EKS's own node label with the node group's name.
pub const NODE_NODEGROUP: &str = "eks.amazonaws.com/nodegroup";
/// EKS's own node label with `ON_DEMAND` or `SPOT`.
pub const NODE_CAPACITY_TYPE: &str = "eks.amazonaws.com/capacityType";
/// EKS's own node label with the AMI of the node group.
pub const NODE_IMAGE: &str = "eks.amazonaws.com/nodegroup-image";
/// Well-known node label with the instance type.
pub const NODE_INSTANCE_TYPE: &str = "node.kubernetes.io/instance-type";
/// The same under its older name, which Kubernetes takes for the truth where the two differ.
pub const NODE_INSTANCE_TYPE_BETA: &str = "beta.kubernetes.io/instance-type";
/// Well-known node label with the availability zone.
pub const NODE_ZONE: &str = "topology.kubernetes.io/zone";
/// AWS's node label with the id of the availability zone, which is the same in all accounts.
pub const NODE_ZONE_ID: &str = "topology.k8s.aws/zone-id";
/// Well-known node label with the region.
pub const NODE_REGION: &str = "topology.kubernetes.io/region";

/// Key of a kubeconfig Secret with the way in from the host, as Cluster API has it.
pub const KUBECONFIG_KEY: &str = "value";
/// Key of a kubeconfig Secret with the way in from pods of the management cluster.
pub const KUBECONFIG_INTERNAL_KEY: &str = "internal";
/// Suffix of the kubeconfig Secret's name.
pub const KUBECONFIG_SUFFIX: &str = "-kubeconfig";
/// Ends the name of the Secret with the keys of a cluster's servers.
pub const SERVER_KEYS_SUFFIX: &str = "-server-keys";
/// Ends the name of the Secret that connects a registered cluster.
pub const CONNECTOR_SUFFIX: &str = "-connector";
/// Ends the name of the Secret with a certificate authority.
pub const TLS_SUFFIX: &str = "-tls";
/// Suffix of the Service that leads pods of the management cluster to the child's API server.
pub const SERVICE_SUFFIX: &str = "-api";
/// Name of the provider that keeps records only.
pub const METADATA: &str = "metadata";
/// What `status.platformVersion` says of every cluster.
pub const PLATFORM_VERSION: &str = "eks.local";
