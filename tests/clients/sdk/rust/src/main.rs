//! One whole life of a cluster through the AWS SDK for Rust. The endpoint, region and credentials come from the usual
//! variables, the cluster's name is the only argument.

use std::error::Error;
use std::time::Duration;

use aws_sdk_eks::client::Waiters;
use aws_sdk_eks::types::{ClusterStatus, NodegroupScalingConfig, NodegroupStatus, UpdateStatus, VpcConfigRequest};

const ROLE: &str = "arn:aws:iam::000000000000:role/r";
const LIMIT: Duration = Duration::from_secs(180);

fn sizes() -> aws_sdk_eks::types::builders::NodegroupScalingConfigBuilder {
    NodegroupScalingConfig::builder()
}

/// The SDK's waiters look every 30 seconds and can't be told otherwise: they are called when their first look will do.
async fn until<F: Future<Output = bool>>(look: impl Fn() -> F) -> Result<(), Box<dyn Error>> {
    let deadline = std::time::Instant::now() + LIMIT;
    while !look().await {
        if std::time::Instant::now() > deadline {
            return Err("waited too long".into());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).ok_or("usage: sdk-life CLUSTER")?;
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest()).http_client(http).load().await;
    let client = aws_sdk_eks::Client::new(&config);
    let network = VpcConfigRequest::builder().subnet_ids("subnet-1").subnet_ids("subnet-2").build();
    let create =
        || client.create_cluster().name(&name).role_arn(ROLE).resources_vpc_config(network.clone()).tags("team", "a");

    let made = create().send().await?.cluster.ok_or("no cluster")?;
    assert_eq!(made.status(), Some(&ClusterStatus::Active));
    assert!(made.created_at().is_some());
    println!("the cluster is made");
    let taken = create().client_request_token("another-request").send().await.unwrap_err().into_service_error();
    assert!(taken.is_resource_in_use_exception(), "{taken:?}");
    assert_eq!(taken.meta().message(), Some(&*format!("Cluster already exists with name: {name}")));
    println!("its name is taken");
    let cluster = || client.describe_cluster().name(&name).send();
    let group = || client.describe_nodegroup().cluster_name(&name).nodegroup_name("workers").send();
    until(async || cluster().await.is_ok_and(|o| o.cluster().and_then(|c| c.status()) == Some(&ClusterStatus::Active)))
        .await?;
    client.wait_until_cluster_active().name(&name).wait(LIMIT).await?;
    let found = cluster().await?.cluster.ok_or("no cluster")?;
    assert_eq!(found.arn(), made.arn());
    assert!(found.endpoint().is_some_and(|endpoint| !endpoint.is_empty()));
    assert_eq!(found.tags().and_then(|tags| tags.get("team")).map(String::as_str), Some("a"));
    println!("the cluster is active");

    let names =
        client.list_clusters().max_results(1).into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?;
    assert!(names.contains(&name), "{names:?}");
    println!("it is listed, page by page");

    let scaling = sizes().min_size(1).max_size(3).desired_size(1).build();
    let create =
        client.create_nodegroup().cluster_name(&name).nodegroup_name("workers").node_role(ROLE).subnets("subnet-1");
    let made = create.scaling_config(scaling).send().await?.nodegroup.ok_or("no node group")?;
    assert_eq!(made.status(), Some(&NodegroupStatus::Active));
    until(async || {
        group().await.is_ok_and(|o| o.nodegroup().and_then(|g| g.status()) == Some(&NodegroupStatus::Active))
    })
    .await?;
    client.wait_until_nodegroup_active().cluster_name(&name).nodegroup_name("workers").wait(LIMIT).await?;
    println!("the node group is active");
    let change = client.update_nodegroup_config().cluster_name(&name).nodegroup_name("workers");
    let mut update = change.scaling_config(sizes().desired_size(2).build()).send().await?.update.ok_or("no update")?;
    while update.status() == Some(&UpdateStatus::InProgress) {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let look =
            client.describe_update().name(&name).nodegroup_name("workers").update_id(update.id().unwrap_or_default());
        update = look.send().await?.update.ok_or("no update")?;
    }
    assert_eq!(update.status(), Some(&UpdateStatus::Successful), "{update:?}");
    let sized = group().await?.nodegroup.ok_or("no node group")?;
    assert_eq!(sized.scaling_config().and_then(NodegroupScalingConfig::desired_size), Some(2));
    println!("the node group was scaled");

    let arn = sized.nodegroup_arn().ok_or("no ARN")?;
    client.tag_resource().resource_arn(arn).tags("a", "1").tags("b", "2").send().await?;
    client.untag_resource().resource_arn(arn).tag_keys("a").send().await?;
    let tags = client.list_tags_for_resource().resource_arn(arn).send().await?.tags.unwrap_or_default();
    assert_eq!(tags.into_iter().collect::<Vec<_>>(), [("b".to_owned(), "2".to_owned())]);
    println!("it has its tags");
    let missing = client.describe_cluster().name("none").send().await.unwrap_err().into_service_error();
    assert!(missing.is_resource_not_found_exception(), "{missing:?}");
    assert_eq!(missing.meta().message(), Some("No cluster found for name: none."));
    println!("another one is not found");

    client.delete_nodegroup().cluster_name(&name).nodegroup_name("workers").send().await?;
    until(async || group().await.is_err()).await?;
    client.wait_until_nodegroup_deleted().cluster_name(&name).nodegroup_name("workers").wait(LIMIT).await?;
    client.delete_cluster().name(&name).send().await?;
    until(async || cluster().await.is_err()).await?;
    client.wait_until_cluster_deleted().name(&name).wait(LIMIT).await?;
    println!("both are gone");
    Ok(())
}
