//! Checks this host: Docker, k3d, images, ports, limits, credentials.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use bollard::Docker;
use bollard::models::SystemInfo;
use provider_k3d::NodeImages;
use tokio::process::Command;

use super::finding::Finding;

/// inotify instances below which the third cluster or so fails: every node has several.
const INSTANCES: u64 = 1024;
/// Ports that are tried before it is said that none is free.
const PORTS: usize = 20;

/// Free space, in percent of Docker's disk, below which every node soon has disk pressure: k3s evicts pods at five.
const DISK: u64 = 10;

/// Docker, what it can limit, its disk, and the image of the default version.
pub async fn docker(version: &str) -> Vec<Finding> {
    const START: &str =
        "start it (systemctl start docker, or make setup in a clone), or let DOCKER_HOST name another one";
    let answer = async {
        let docker = Docker::connect_with_defaults()?;
        let info = docker.info().await?;
        Ok::<_, bollard::errors::Error>((docker, info))
    };
    let (docker, info) = match answer.await {
        Ok(both) => both,
        Err(error) => return vec![Finding::problem("Docker", format!("doesn't answer: {error}"), START)],
    };
    let mut found = vec![Finding::well("Docker", format!("{} answers", info.server_version.as_deref().unwrap_or("?")))];
    found.push(resources(&info));
    found.extend(disk(info.docker_root_dir.as_deref().unwrap_or_default()).await);
    found.push(image(&docker, version).await);
    found
}

fn resources(info: &SystemInfo) -> Finding {
    if info.memory_limit == Some(true) && info.cpu_cfs_quota == Some(true) {
        return Finding::well("limits of nodes", "CPU and memory by instance type can be enforced");
    }
    let says = "Docker can't limit CPU or memory here: every node sees the whole machine";
    Finding::note("limits of nodes", says, "give the kernel its cpu and memory cgroups (cgroup_enable=memory)")
}

/// Free space on Docker's disk; nothing if Docker runs on another machine.
async fn disk(folder: &str) -> Option<Finding> {
    if !Path::new(folder).is_dir() {
        return None;
    }
    let said = Command::new("df").args(["-Pk", folder]).output().await.ok()?;
    let percent = free_percent(&String::from_utf8_lossy(&said.stdout))?;
    let says = format!("{percent} % of Docker's disk is free ({folder})");
    Some(if percent >= DISK {
        Finding::well("disk", says)
    } else {
        let says = format!("{says}: under 5 %, nodes have disk pressure, and their pods are evicted or stay Pending");
        Finding::problem(
            "disk",
            says,
            "docker image prune and docker builder prune make room; docker system prune would remove clusters that are stopped",
        )
    })
}

/// What is free for programs, by the answer of `df -P`.
fn free_percent(said: &str) -> Option<u64> {
    let mut fields = said.lines().nth(1)?.split_whitespace().skip(1);
    let (size, available) = (fields.next()?.parse::<u64>().ok()?, fields.nth(1)?.parse::<u64>().ok()?);
    (available * 100).checked_div(size)
}

async fn image(docker: &Docker, version: &str) -> Finding {
    const WHAT: &str = "node image";
    let image = match NodeImages::default().get(version) {
        Ok(image) => image,
        Err(error) => return Finding::problem(WHAT, error.to_string(), "set K3EKS_DEFAULT_VERSION to one of them"),
    };
    match docker.inspect_image(&image).await {
        Ok(_) => Finding::well(WHAT, format!("{image} is here")),
        Err(_) => Finding::note(
            WHAT,
            format!("{image} isn't here; the first cluster waits until it is pulled"),
            format!("docker pull {image}, or make setup in a clone where no registry answers"),
        ),
    }
}

/// The k3d that makes clusters where the operator runs on this host.
pub async fn k3d() -> Finding {
    const WHAT: &str = "k3d";
    let mend =
        "install k3d 5.9.0 or newer (https://k3d.io), or make setup in a clone; the operator's image has its own";
    let said = Command::new("k3d").arg("version").output().await;
    match said {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout);
            let version = text.lines().next().unwrap_or_default().trim().trim_start_matches("k3d version ").to_owned();
            if is_new_enough(&version) {
                Finding::well(WHAT, version)
            } else {
                let says =
                    format!("is {version}, and 5.9.0 is needed: nodes of older versions ignore the signal to stop");
                Finding::problem(WHAT, says, mend)
            }
        }
        Ok(output) => {
            Finding::problem(WHAT, format!("fails: {}", String::from_utf8_lossy(&output.stderr).trim()), mend)
        }
        Err(error) => Finding::note(WHAT, format!("isn't on the path: {error}"), mend),
    }
}

/// Whether k3d of this version, such as `v5.9.0`, is 5.9.0 or newer and still 5.
fn is_new_enough(version: &str) -> bool {
    let mut parts = version.trim_start_matches('v').split('.');
    let mut number = || parts.next().and_then(|part| part.parse::<u32>().ok());
    number() == Some(5) && number().is_some_and(|minor| minor >= 9)
}

/// Ports for API servers.
pub fn ports(range: &str) -> Finding {
    first_free(range, |port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
}

fn first_free(range: &str, free: impl FnMut(&u16) -> bool) -> Finding {
    const WHAT: &str = "ports";
    let ends =
        range.split_once('-').and_then(|(first, last)| Some((first.parse::<u16>().ok()?, last.parse::<u16>().ok()?)));
    let Some((first, last)) = ends else {
        return Finding::problem(
            WHAT,
            format!("{range} isn't a range"),
            "set K3EKS_API_PORTS to one such as 16443-17442",
        );
    };
    if let Some(port) = (first..=last).take(PORTS).find(free) {
        return Finding::well(WHAT, format!("{port} of {range} is free for an API server"));
    }
    let says = format!("none of the first {PORTS} of {range} is free");
    Finding::problem(WHAT, says, "delete clusters (kubectl get eks -A), or set K3EKS_API_PORTS to another range")
}

/// Limits of the kernel that nodes run into.
pub fn limits() -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(instances) = number("/proc/sys/fs/inotify/max_user_instances") {
        found.push(if instances < INSTANCES {
            Finding::problem(
                "inotify",
                format!("fs.inotify.max_user_instances is {instances}: after a few clusters nodes fail"),
                "sysctl -w fs.inotify.max_user_instances=8192 fs.inotify.max_user_watches=524288",
            )
        } else {
            Finding::well("inotify", format!("{instances} instances"))
        });
    }
    let version = if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() { 2 } else { 1 };
    found.push(Finding::well("cgroups", format!("version {version}")));
    if let Some(free) = available() {
        found.push(if free < 1024 {
            Finding::note(
                "memory",
                format!("{free} MiB are free; a cluster takes about 500"),
                "kubectl patch eks NAME --type merge -p '{\"spec\":{\"state\":\"Stopped\"}}' frees a cluster's",
            )
        } else {
            Finding::well("memory", format!("{free} MiB are free"))
        });
    }
    found
}

fn number(path: &str) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// MiB that are free.
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1024)
}

/// Credentials for the aws CLI and the SDKs: any do, but none don't.
pub fn credentials() -> Finding {
    const WHAT: &str = "AWS credentials";
    if std::env::var_os("AWS_ACCESS_KEY_ID").is_some() || std::env::var_os("AWS_PROFILE").is_some() {
        return Finding::well(WHAT, "the environment has some");
    }
    let mend = "export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1";
    Finding::note(WHAT, "the environment has none, and the aws CLI asks for some", mend)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::finding::State;
    use super::*;

    #[test]
    fn a_range_without_a_free_port_is_a_problem() {
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = held.local_addr().unwrap().port();
        assert_eq!(ports(&format!("{port}-{port}")).state, State::Problem);
        assert_eq!(ports("16443").state, State::Problem);
        assert_eq!(
            first_free("16443-16445", |port| *port == 16444).says,
            "16444 of 16443-16445 is free for an API server"
        );
    }

    #[test]
    fn a_k3d_whose_nodes_don_t_hear_is_a_problem() {
        for (version, fine) in [("v5.8.3", false), ("v5.9.0", true), ("v5.10.1", true), ("v6.0.0", false), ("", false)]
        {
            assert_eq!(is_new_enough(version), fine, "{version}");
        }
    }

    #[test]
    fn a_disk_s_free_part_is_what_programs_may_use_of_it() {
        let said =
            "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda 264212084 88000000 12000000 88% /\n";
        assert_eq!(free_percent(said), Some(4));
        assert_eq!(free_percent("df: no such file\n"), None);
    }

    #[tokio::test]
    async fn a_disk_of_another_machine_is_left_out() {
        assert!(disk("/no/such/folder").await.is_none());
        assert!(disk("/").await.is_some());
    }

    #[test]
    fn limits_that_docker_has_not_are_said() {
        let info =
            |limits| SystemInfo { memory_limit: Some(limits), cpu_cfs_quota: Some(true), ..SystemInfo::default() };
        assert_eq!(resources(&info(true)).state, State::Well);
        assert_eq!(resources(&info(false)).state, State::Note);
    }
}
