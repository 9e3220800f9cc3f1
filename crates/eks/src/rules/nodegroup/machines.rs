//! What nodes are made from: launch template, AMI, version, instance types.

use k8s_openapi::jiff::civil::Date;

use super::super::instances::{self, System};
use super::super::{Verdict, invalid};
use super::facts::Facts;
use crd::NodegroupSpec;
use crd::forms;
use crd::most::{DISK, INSTANCE_TYPES};
use crd::names::minor;
use crd::nodegroup::{CapacityType, LaunchTemplate};

/// A disk has 1 GiB or more, and no more than the largest volume.
pub(super) fn disk(spec: &NodegroupSpec, _: &Facts) -> Verdict {
    if spec.disk_size.is_some_and(|gib| !DISK.contains(&gib)) {
        return invalid(format!("diskSize must be between {} and {}", DISK.start(), DISK.end()));
    }
    Ok(())
}

/// With a launch template, `diskSize` stands in it.
pub(super) fn disk_of_template(spec: &NodegroupSpec, _: &Facts) -> Verdict {
    if spec.launch_template.is_some() && spec.disk_size.is_some() {
        return invalid("Disk size must be specified within the launch template.");
    }
    Ok(())
}

/// With a launch template, there is no `remoteAccess`.
pub(super) fn access_of_template(spec: &NodegroupSpec, _: &Facts) -> Verdict {
    if spec.launch_template.is_some() && spec.remote_access.is_some() {
        return invalid("Remote access configuration cannot be specified with a launch template.");
    }
    Ok(())
}

/// The launch template is well named.
pub(super) fn template(spec: &NodegroupSpec, _: &Facts) -> Verdict {
    spec.launch_template.iter().try_for_each(template_form)
}

/// A launch template is named by its id or by its name, and its version by a number, `$Latest` or `$Default`.
///
/// # Errors
/// `InvalidParameterException`.
pub fn template_form(template: &LaunchTemplate) -> Verdict {
    let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    if given(&template.id) == given(&template.name) {
        return invalid("Either provide launch template ID or launch template name in the request.");
    }
    if !forms::TEMPLATE_VERSION.fits(template.version.as_deref().unwrap_or_default()) {
        return invalid(
            "Invalid launch template version: either '$Default', '$Latest', or a numeric version are allowed.",
        );
    }
    Ok(())
}

/// `amiType` CUSTOM means the image of a launch template.
pub(super) fn custom_without_template(spec: &NodegroupSpec, _: &Facts) -> Verdict {
    if is_custom(spec) && spec.launch_template.is_none() {
        return invalid("Launch template details can't be null for Custom ami type node group");
    }
    Ok(())
}

/// The image of one's own has its version in it.
pub(super) fn custom_version(spec: &NodegroupSpec, _: &Facts) -> Verdict {
    custom_takes_no_version(spec, spec.version.as_deref(), spec.release_version.as_deref())
}

/// A group with an image of its own is given no `version` and no `releaseVersion`.
///
/// # Errors
/// `InvalidParameterException`.
pub fn custom_takes_no_version(spec: &NodegroupSpec, version: Option<&str>, release: Option<&str>) -> Verdict {
    if is_custom(spec) && version.is_some() {
        return invalid(
            "You cannot specify a kubernetes version to use when specifying an image id to use within the launch template.",
        );
    }
    if is_custom(spec) && release.is_some() {
        return invalid("You cannot specify the field version or releaseVersion with a custom AMI.");
    }
    Ok(())
}

fn is_custom(spec: &NodegroupSpec) -> bool {
    spec.ami_type.as_deref() == Some("CUSTOM")
}

/// The only `version` of a new group is its cluster's.
pub(super) fn version_of_cluster(spec: &NodegroupSpec, facts: &Facts) -> Verdict {
    let Some(version) = &spec.version else { return Ok(()) };
    not_newer(version, &facts.cluster_version)?;
    if *version != facts.cluster_version {
        return invalid(unequal(&facts.cluster_version));
    }
    Ok(())
}

/// Nodes are never newer than their control plane.
///
/// # Errors
/// `InvalidParameterException`.
pub fn not_newer(version: &str, cluster_version: &str) -> Verdict {
    let Some(minor) = version.strip_prefix("1.").and_then(|minor| minor.parse::<u32>().ok()) else {
        return invalid(format!("unsupported Kubernetes version {version}: the cluster's is {cluster_version}"));
    };
    if Some(minor) > self::minor(cluster_version) {
        return invalid(unequal(cluster_version));
    }
    Ok(())
}

fn unequal(cluster_version: &str) -> String {
    format!("Nodegroup Kubernetes version should be equal to Cluster kubernetes version {cluster_version}")
}

/// There is an AMI of this type for the group's version: Amazon Linux 2 ends with 1.32.
pub(super) fn ami_for_version(spec: &NodegroupSpec, facts: &Facts) -> Verdict {
    let version = spec.version.as_ref().unwrap_or(&facts.cluster_version);
    let type_ = spec.ami_type.as_deref().unwrap_or_default();
    if let Some(last) = instances::ended(type_, version) {
        return invalid(format!("AMI Type {type_} is only supported for kubernetes versions 1.{last} or earlier"));
    }
    Ok(())
}

/// `releaseVersion` is one of the group's Kubernetes version.
pub(super) fn release(spec: &NodegroupSpec, facts: &Facts) -> Verdict {
    let Some(release) = &spec.release_version else { return Ok(()) };
    let version = spec.version.as_ref().unwrap_or(&facts.cluster_version);
    let system = instances::ami(ami_type(spec, version)).map(|ami| ami.system);
    let behind = release.strip_prefix(version.as_str());
    let from = kubernetes_versions::find(version).map(|version| version.released);
    // No release is older than what it is of.
    let dated = |day: &str, form: &str| Date::strptime(form, day).is_ok_and(|day| from.is_none_or(|from| day >= from));
    let fits = match system {
        // `1.33.4-20250904`
        Some(System::Al2 | System::Al2023) => {
            let parts = behind.and_then(|rest| rest.strip_prefix('.')?.split_once('-'));
            parts.is_some_and(|(patch, day)| is_number(patch) && is_number(day) && dated(day, "%Y%m%d"))
        }
        // `1.33-2025.09.10`
        Some(System::Windows) => {
            behind.and_then(|rest| rest.strip_prefix('-')).is_some_and(|day| dated(day, "%Y.%m.%d"))
        }
        // It counts its own releases: `1.49.0-713f44ce`.
        Some(System::Bottlerocket) => release.split_once('-').is_some_and(|(number, commit)| {
            number.split('.').count() == 3
                && number.split('.').all(is_number)
                && !commit.is_empty()
                && commit.bytes().all(|b| b.is_ascii_hexdigit())
        }),
        None => true,
    };
    if !fits {
        return invalid(format!("Requested release version {release} is not valid for kubernetes version {version}."));
    }
    Ok(())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The group's AMI type, for a Kubernetes version.
pub(super) fn ami_type<'s>(spec: &'s NodegroupSpec, version: &str) -> &'s str {
    spec.ami_type.as_deref().unwrap_or_else(|| instances::default_ami(version))
}

/// `instanceTypes` are at most 20, and exist.
pub(super) fn instance_types(spec: &NodegroupSpec, _: &Facts) -> Verdict {
    let types = &spec.instance_types;
    if types.len() > INSTANCE_TYPES {
        return invalid(format!("A node group can have at most {INSTANCE_TYPES} instance types"));
    }
    let unknown: Vec<&str> = types.iter().map(String::as_str).filter(|name| !forms::INSTANCE_TYPE.fits(name)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    invalid(format!("The following supplied instance types do not exist: [{}]", unknown.join(", ")))
}

/// The AMI runs on the instance types, `t3.medium` where neither the request nor a launch template names any.
pub(super) fn instances_of_ami(spec: &NodegroupSpec, facts: &Facts) -> Verdict {
    let requested = ami_type(spec, &facts.cluster_version);
    let wrong = instances::unfit(spec, requested);
    if wrong.is_empty() {
        return Ok(());
    }
    invalid(format!("[{}] is not a valid instance type for requested amiType {requested}", wrong.join(", ")))
}

/// `capacityType` CAPACITY_BLOCK needs a launch template, which names the reservation.
pub(super) fn capacity_block(spec: &NodegroupSpec, _: &Facts) -> Verdict {
    if spec.capacity_type == Some(CapacityType::CapacityBlock) && spec.launch_template.is_none() {
        return invalid("A launch template is required for node groups with capacity type CAPACITY_BLOCK");
    }
    Ok(())
}
