//! Names of clusters, containers and volumes, and the labels that say whose they are.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{BuildHasher, Hasher, RandomState};

use sha2::{Digest, Sha256};

use provider::ClusterId;

/// Suffix of the old server's name during an upgrade.
const OLD: &str = "-old";
/// Container label: the operator that a container belongs to.
pub const LABEL_INSTANCE: &str = "k3eks.io/instance";
/// Container label: the cluster resource, as `namespace.name`.
pub const LABEL_CLUSTER: &str = "k3eks.io/cluster";
/// Container label: the node group, in EKS's spelling.
pub const LABEL_NODEGROUP: &str = "k3eks.io/nodegroup";
/// Container label: the availability zone that the node stands for.
pub const LABEL_ZONE: &str = "k3eks.io/zone";
/// Container label: the image as it was asked for. Docker's list names a digest instead once the tag moved on.
pub const LABEL_IMAGE: &str = "k3eks.io/image";
/// Container label: fingerprint of the certificate authority that signed for the cluster when the node was made.
pub const LABEL_CERTIFIED_BY: &str = "k3eks.io/certified-by";

/// The longest name that k3d takes for a cluster.
const CLUSTER_NAME: usize = 32;
/// Characters of a node group's name that are kept in the names of its nodes.
const GROUP_SLUG: usize = 24;

/// k3d's name for the cluster of `id`: at most 32 characters, another for another operator.
pub fn cluster(instance: &str, id: &ClusterId) -> String {
    let room = CLUSTER_NAME - "eks--".len() - 8;
    format!("eks-{}-{}", slug(&id.name, room), hash(instance, id))
}

/// Container of the cluster's first server.
pub fn server(cluster: &str) -> String {
    server_number(cluster, 0)
}

/// Containers of `count` servers.
pub fn servers(cluster: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| server_number(cluster, number)).collect()
}

/// Container of a server, counted from 0, of the cluster that k3d knows as `cluster`. Its node has the same name.
pub fn server_number(cluster: &str, number: usize) -> String {
    format!("{}{number}", server_prefix(cluster))
}

/// What the names of all servers begin with.
pub fn server_prefix(cluster: &str) -> String {
    format!("k3d-{cluster}-server-")
}

/// Which of the servers a container is, by its name.
pub fn number(server: &str) -> usize {
    server.rsplit_once('-').and_then(|(_, number)| number.parse().ok()).unwrap_or_default()
}

/// Container of the balancer before several servers.
pub fn balancer(cluster: &str) -> String {
    format!("k3d-{cluster}-serverlb")
}

/// Volume that k3d makes for images.
pub fn image_volume(cluster: &str) -> String {
    format!("k3d-{cluster}-images")
}

/// Network that k3d makes where none is joined.
pub fn own_network(cluster: &str) -> String {
    format!("k3d-{cluster}")
}

/// Names for `count` new nodes of a group. They never repeat, so that a new node isn't taken for the one it replaces.
pub fn nodes(instance: &str, id: &ClusterId, group: &str, count: usize) -> Vec<String> {
    let base = format!("k3d-{}-{}-{}", slug(group, GROUP_SLUG), hash(instance, id), suffix());
    (0..count).map(|n| format!("{base}-{n}")).collect()
}

/// Id of the EC2 instance that a node stands for, in the form of EC2's: always the same for one container, never that of another.
pub fn ec2_instance(instance: &str, node: &str) -> String {
    let digest = format!("{:x}", Sha256::digest(format!("{instance}\0{node}")));
    format!("i-0{}", &digest[..16])
}

/// Labels that every container of the cluster carries.
pub fn labels(instance: &str, id: &ClusterId, image: &str) -> Vec<(&'static str, String)> {
    vec![
        (LABEL_INSTANCE, instance.to_owned()),
        // A namespace has no dot, so the first one parts the two names.
        (LABEL_CLUSTER, format!("{}.{}", id.namespace, id.name)),
        (LABEL_IMAGE, image.to_owned()),
    ]
}

/// The cluster that a container's labels name; `None` where it isn't ours.
pub fn owner(instance: &str, labels: &HashMap<String, String>) -> Option<ClusterId> {
    if labels.get(LABEL_INSTANCE)? != instance {
        return None;
    }
    let (namespace, name) = labels.get(LABEL_CLUSTER)?.split_once('.')?;
    Some(ClusterId { namespace: namespace.to_owned(), name: name.to_owned() })
}

fn hash(instance: &str, id: &ClusterId) -> String {
    let digest = Sha256::digest(format!("{instance}\0{}\0{}", id.namespace, id.name));
    digest.iter().take(4).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Lower-case letters, digits and single dashes, at most `room` of them, none at the edges.
fn slug(text: &str, room: usize) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == room {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "x".to_owned() } else { slug.to_owned() }
}

/// Whether this container is the old server of an upgrade.
pub fn is_old_server(name: &str) -> bool {
    name.ends_with(OLD)
}

/// The name that a server's container has while an upgrade replaces it.
pub fn old_server(server: &str) -> String {
    format!("{server}{OLD}")
}

/// Six digits that nobody foresees.
fn suffix() -> String {
    format!("{:06x}", random() & 0xff_ffff)
}

/// A number that differs from call to call and from process to process.
pub fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(namespace: &str, name: &str) -> ClusterId {
        ClusterId { namespace: namespace.into(), name: name.into() }
    }

    #[test]
    fn cluster_names_fit_and_tell_apart() {
        let long = "a".repeat(253);
        let name = cluster("one", &id("default", &long));
        assert_eq!(name.len(), CLUSTER_NAME);
        assert!(server(&name).len() <= 63);
        assert_ne!(name, cluster("two", &id("default", &long)));
        assert_ne!(name, cluster("one", &id("other", &long)));
        assert_ne!(cluster("i", &id("a", "b.c")), cluster("i", &id("a", "b-c")));
        assert_eq!(name, cluster("one", &id("default", &long)));
        assert!(cluster("one", &id("default", "dev")).starts_with("eks-dev-"));
    }

    #[test]
    fn a_server_s_name_has_its_number() {
        let all = servers("eks-dev-1f", 12);
        assert_eq!(all.iter().map(|name| number(name)).collect::<Vec<_>>(), (0..12).collect::<Vec<_>>());
    }

    #[test]
    fn slugs_are_host_names() {
        assert_eq!(slug("Dev_Team.A", 30), "dev-team-a");
        assert_eq!(slug("--x--", 30), "x");
        assert_eq!(slug("abc-def", 4), "abc");
        assert_eq!(slug("___", 9), "x");
        assert_eq!(slug("äöü", 9), "x");
    }

    #[test]
    fn node_names_are_host_names_and_never_repeat() {
        let names = nodes("i", &id("ns", "c"), &"G_".repeat(60), 100);
        assert_eq!(names.len(), 100);
        assert!(names.iter().all(|n| n.len() <= 63), "{names:?}");
        assert_ne!(names[0], nodes("i", &id("ns", "c"), &"G_".repeat(60), 1)[0]);
    }

    #[test]
    fn an_ec2_instance_is_a_node_s_own_for_good() {
        // Kubernetes refuses another one for a Node that exists: what a release made must stay.
        assert_eq!(ec2_instance("me", "k3d-n-0"), "i-018e63f998221c7a2");
        assert_ne!(ec2_instance("me", "k3d-n-0"), ec2_instance("me", "k3d-n-1"));
        assert_ne!(ec2_instance("me", "k3d-n-0"), ec2_instance("you", "k3d-n-0"));
    }

    #[test]
    fn labels_lead_back_to_the_cluster() {
        let id = id("team-a", "dev.eu");
        let labels = labels("me", &id, "image");
        let labels: HashMap<String, String> = labels.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        assert_eq!(owner("me", &labels), Some(id));
        assert_eq!(owner("you", &labels), None);
        assert_eq!(owner("me", &HashMap::new()), None);
    }
}
