//! `k3eks addons pull`: saves the images of addons for a machine without Internet access.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use crd::Addon;
use crd::addon::AddonSpec;
use crd::addon_catalogue::{self, Offer};
use helm::{Helm, Release};
use serde_json::Value;

use super::docker::Docker;

/// The commands of `k3eks addons`.
#[derive(Subcommand)]
pub enum Command {
    /// Save the images of addons to a folder, for `k3eks images load` on a machine without Internet access.
    #[command(after_help = "Example: k3eks addons pull metrics-server cert-manager --to carried/addons")]
    Pull(Pull),
}

/// The arguments of `k3eks addons pull`.
#[derive(Args)]
pub struct Pull {
    /// Addon, or NAME=VERSION. Without a version: its newest. Default: every addon that k3eks installs.
    #[arg(value_name = "ADDON")]
    addons: Vec<String>,
    /// Folder for the archives, one per addon; it is created.
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// Folder of charts, NAME-VERSION.tgz. A chart that isn't there comes from its repository.
    #[arg(long, env = "K3EKS_CHARTS")]
    charts: Option<PathBuf>,
    /// The helm program, which tells the images of a chart.
    #[arg(long, env = "K3EKS_HELM", default_value = "helm")]
    helm: PathBuf,
    /// Docker's command line. Images that Docker has aren't pulled again.
    #[arg(long, default_value = "docker")]
    docker: PathBuf,
}

/// Runs the command.
pub async fn run(command: Command) -> anyhow::Result<()> {
    let Command::Pull(pull) = command;
    let releases = releases(&pull.addons)?;
    std::fs::create_dir_all(&pull.to).with_context(|| format!("creating folder {}", pull.to.display()))?;
    let folder = pull.to.canonicalize().with_context(|| format!("reading folder {}", pull.to.display()))?;
    // Helm works in a folder of its own.
    let absolute = |path: PathBuf| path.canonicalize().with_context(|| format!("reading {}", path.display()));
    let charts = pull.charts.map(absolute).transpose()?;
    let helm = if pull.helm.components().count() > 1 { absolute(pull.helm)? } else { pull.helm };
    let (helm, docker) = (Helm::new(helm, charts), Docker::new(pull.docker));
    for (version, release) in releases {
        save(&release, version, &folder, &helm, &docker)
            .await
            .with_context(|| format!("saving addon {}", release.name))?;
    }
    println!("carry {} over, then: k3eks images load {}", pull.to.display(), pull.to.display());
    Ok(())
}

/// Writes the archive of one addon, at once or not at all.
async fn save(release: &Release, version: &str, folder: &Path, helm: &Helm, docker: &Docker) -> anyhow::Result<()> {
    let images = helm.images(release).await?;
    for image in &images {
        if docker.has(image).await {
            println!("{image} is there");
        } else {
            println!("pulling {image}");
            docker.pull(image).await?;
        }
    }
    let archive = folder.join(format!("{}-{version}.tar", release.name));
    let part = archive.with_extension("part");
    docker.save(&images, &part).await?;
    std::fs::rename(&part, &archive).with_context(|| format!("writing {}", archive.display()))?;
    println!("saved {}", archive.display());
    Ok(())
}

/// The releases of the addons, each with the addon's version.
fn releases(addons: &[String]) -> anyhow::Result<Vec<(&'static str, Release)>> {
    let installed = || addon_catalogue::all().iter().filter(|offer| offer.chart.is_some());
    if addons.is_empty() {
        return installed().map(|offer| release(offer, None)).collect();
    }
    let named = |addon: &String| {
        let (name, version) = addon.split_once('=').map_or((addon.as_str(), None), |(name, v)| (name, Some(v)));
        let offer = installed().find(|offer| offer.name == name).with_context(|| {
            let names: Vec<&str> = installed().map(|offer| offer.name.as_str()).collect();
            format!("addon {name} has no images: k3eks installs {}", names.join(", "))
        })?;
        release(offer, version)
    };
    addons.iter().map(named).collect()
}

fn release(offer: &'static Offer, version: Option<&str>) -> anyhow::Result<(&'static str, Release)> {
    let mut versions = offer.versions.iter().map(|offered| offered.version.as_str());
    let found = versions.clone().find(|offered| version.is_none_or(|version| version == *offered));
    let found = found.with_context(|| {
        let all: Vec<&str> = versions.by_ref().collect();
        format!("addon {} has no version {}: there are {}", offer.name, version.unwrap_or_default(), all.join(", "))
    })?;
    let spec = AddonSpec { addon_name: offer.name.clone(), addon_version: Some(found.into()), ..AddonSpec::default() };
    let release = controller::addon_release(&Addon::new(&offer.name, spec), offer, &Value::Null, "");
    Ok((found, release.with_context(|| format!("addon {} {found} has no chart", offer.name))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addons_are_those_that_are_installed_by_a_chart() {
        let names = |addons: &[&str]| -> Vec<String> {
            let addons: Vec<String> = addons.iter().map(|addon| (*addon).to_owned()).collect();
            releases(&addons)
                .unwrap()
                .into_iter()
                .map(|(version, release)| format!("{}={version}", release.name))
                .collect()
        };
        let all = names(&[]);
        assert!(all.iter().any(|name| name.starts_with("metrics-server=v0.8")), "{all:?}");
        assert!(!all.iter().any(|name| name.starts_with("vpc-cni")), "{all:?}");
        assert_eq!(names(&["metrics-server=v0.7.2-eksbuild.4"]), ["metrics-server=v0.7.2-eksbuild.4"]);
    }

    #[test]
    fn what_cannot_be_pulled_is_told_with_what_can() {
        let error = |addon: &str| releases(&[addon.to_owned()]).unwrap_err().to_string();
        assert!(error("vpc-cni").contains("k3eks installs cert-manager, "), "{}", error("vpc-cni"));
        assert!(error("metrics-server=v9").contains("there are v0.8.0"), "{}", error("metrics-server=v9"));
    }
}
