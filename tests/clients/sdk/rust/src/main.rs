//! One whole life of a cluster through the AWS SDK for Rust. The endpoint, region and credentials come from the usual
//! variables, the cluster's name is the only argument.

use std::error::Error;
use std::time::Duration;

use aws_sdk_eks::client::Waiters;
use aws_sdk_eks::types::{
    ClusterStatus, NodegroupScalingConfig, NodegroupStatus, UpdateStatus, VpcConfigRequest,
};

const ROLE: &str = "arn:aws:iam::000000000000:role/r";
const LIMIT: Duration = Duration::from_secs(180);

fn sizes() -> aws_sdk_eks::types::builders::NodegroupScalingConfigBuilder {
    NodegroupScalingConfig::builder()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).ok_or("usage: sdk-life CLUSTER")?;
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest()).http_client(http).load().await;
    let client = aws_sdk_eks::Client::new(&config);
    let network = VpcConfigRequest::builder().subnet_ids("subnet-1").subnet_ids("subnet-2").build();
    let create = || client.create_cluster().name(&name).role_arn(ROLE).resources_vpc_config(network.clone()).tags("team", "a");

    let made = create().send().await?.cluster.ok_or("no cluster")?;
    assert_eq!(made.status(), Some(&ClusterStatus::Creating));
    assert!(made.created_at().is_some());
    println!("the cluster is being made");
    let taken = create().client_request_token("another-request").send().await.unwrap_err().into_service_error();
    assert!(taken.is_resource_in_use_exception(), "{taken:?}");
    assert_eq!(taken.meta().message(), Some(&*format!("Cluster already exists with name: {name}")));
    println!("its name is taken");
    client.wait_until_cluster_active().name(&name).wait(LIMIT).await?;
    let cluster = client.describe_cluster().name(&name).send().await?.cluster.ok_or("no cluster")?;
    assert_eq!(cluster.arn(), made.arn());
    assert!(cluster.endpoint().is_some_and(|endpoint| !endpoint.is_empty()));
    assert_eq!(cluster.tags().and_then(|tags| tags.get("team")).map(String::as_str), Some("a"));
    println!("the cluster is active");

    let names = client.list_clusters().max_results(1).into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?;
    assert!(names.contains(&name), "{names:?}");
    println!("it is listed, page by page");

    let scaling = sizes().min_size(1).max_size(3).desired_size(1).build();
    let group = client.create_nodegroup().cluster_name(&name).nodegroup_name("workers").node_role(ROLE).subnets("subnet-1");
    let group = group.scaling_config(scaling).send().await?.nodegroup.ok_or("no node group")?;
    assert_eq!(group.status(), Some(&NodegroupStatus::Creating));
    client.wait_until_nodegroup_active().cluster_name(&name).nodegroup_name("workers").wait(LIMIT).await?;
    println!("the node group is active");
    let change = client.update_nodegroup_config().cluster_name(&name).nodegroup_name("workers");
    let mut update = change.scaling_config(sizes().desired_size(2).build()).send().await?.update.ok_or("no update")?;
    while update.status() == Some(&UpdateStatus::InProgress) {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let look = client.describe_update().name(&name).nodegroup_name("workers").update_id(update.id().unwrap_or_default());
        update = look.send().await?.update.ok_or("no update")?;
    }
    assert_eq!(update.status(), Some(&UpdateStatus::Successful), "{update:?}");
    let sized = client.describe_nodegroup().cluster_name(&name).nodegroup_name("workers").send().await?;
    let sized = sized.nodegroup.ok_or("no node group")?;
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
    client.wait_until_nodegroup_deleted().cluster_name(&name).nodegroup_name("workers").wait(LIMIT).await?;
    client.delete_cluster().name(&name).send().await?;
    client.wait_until_cluster_deleted().name(&name).wait(LIMIT).await?;
    println!("both are gone");
    Ok(())
}
