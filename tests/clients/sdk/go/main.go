// One whole life of a cluster through the AWS SDK for Go. The endpoint, region and credentials come from the usual
// variables, the cluster's name is the only argument.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

const (
	role  = "arn:aws:iam::000000000000:role/r"
	limit = 3 * time.Minute
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func check(fine bool, what string, value any) {
	if !fine {
		log.Fatalf("%s: %v", what, value)
	}
	fmt.Println(what)
}

func main() {
	log.SetFlags(log.Lshortfile)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	client := eks.NewFromConfig(must(config.LoadDefaultConfig(ctx)))
	name := os.Args[1]
	network := &types.VpcConfigRequest{SubnetIds: []string{"subnet-1", "subnet-2"}}
	input := &eks.CreateClusterInput{Name: &name, RoleArn: aws.String(role), ResourcesVpcConfig: network, Tags: map[string]string{"team": "a"}}

	made := must(client.CreateCluster(ctx, input)).Cluster
	check(made.Status == types.ClusterStatusActive && made.CreatedAt != nil, "the cluster is made", made.Status)
	again := *input
	again.ClientRequestToken = aws.String("another-request")
	_, err := client.CreateCluster(ctx, &again)
	var inUse *types.ResourceInUseException
	check(errors.As(err, &inUse) && *inUse.Message == "Cluster already exists with name: "+name, "its name is taken", err)
	active := eks.NewClusterActiveWaiter(client, func(o *eks.ClusterActiveWaiterOptions) { o.MinDelay, o.MaxDelay = time.Second, time.Second })
	cluster := must(active.WaitForOutput(ctx, &eks.DescribeClusterInput{Name: &name}, limit)).Cluster
	check(*cluster.Arn == *made.Arn && *cluster.Endpoint != "" && cluster.Tags["team"] == "a", "the cluster is active", cluster)

	var names []string
	pages := eks.NewListClustersPaginator(client, &eks.ListClustersInput{MaxResults: aws.Int32(1)})
	for pages.HasMorePages() {
		names = append(names, must(pages.NextPage(ctx)).Clusters...)
	}
	check(slices.Contains(names, name), "it is listed, page by page", names)

	group := aws.String("workers")
	madeGroup := must(client.CreateNodegroup(ctx, &eks.CreateNodegroupInput{ClusterName: &name, NodegroupName: group, NodeRole: aws.String(role),
		Subnets: []string{"subnet-1"}, ScalingConfig: &types.NodegroupScalingConfig{MinSize: aws.Int32(1), MaxSize: aws.Int32(3), DesiredSize: aws.Int32(1)}})).Nodegroup
	check(madeGroup.Status == types.NodegroupStatusActive, "the node group is made", madeGroup.Status)
	groupActive := eks.NewNodegroupActiveWaiter(client, func(o *eks.NodegroupActiveWaiterOptions) { o.MinDelay, o.MaxDelay = time.Second, time.Second })
	describeGroup := &eks.DescribeNodegroupInput{ClusterName: &name, NodegroupName: group}
	if err := groupActive.Wait(ctx, describeGroup, limit); err != nil {
		log.Fatal(err)
	}
	update := must(client.UpdateNodegroupConfig(ctx, &eks.UpdateNodegroupConfigInput{ClusterName: &name, NodegroupName: group,
		ScalingConfig: &types.NodegroupScalingConfig{DesiredSize: aws.Int32(2)}})).Update
	for update.Status == types.UpdateStatusInProgress {
		time.Sleep(200 * time.Millisecond)
		update = must(client.DescribeUpdate(ctx, &eks.DescribeUpdateInput{Name: &name, NodegroupName: group, UpdateId: update.Id})).Update
	}
	sized := must(client.DescribeNodegroup(ctx, describeGroup)).Nodegroup
	check(update.Status == types.UpdateStatusSuccessful && *sized.ScalingConfig.DesiredSize == 2, "the node group was scaled", update)

	must(client.TagResource(ctx, &eks.TagResourceInput{ResourceArn: sized.NodegroupArn, Tags: map[string]string{"a": "1", "b": "2"}}))
	must(client.UntagResource(ctx, &eks.UntagResourceInput{ResourceArn: sized.NodegroupArn, TagKeys: []string{"a"}}))
	tags := must(client.ListTagsForResource(ctx, &eks.ListTagsForResourceInput{ResourceArn: sized.NodegroupArn})).Tags
	check(len(tags) == 1 && tags["b"] == "2", "it has its tags", tags)
	_, err = client.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: aws.String("none")})
	var missing *types.ResourceNotFoundException
	check(errors.As(err, &missing) && *missing.Message == "No cluster found for name: none.", "another one is not found", err)

	must(client.DeleteNodegroup(ctx, &eks.DeleteNodegroupInput{ClusterName: &name, NodegroupName: group}))
	groupGone := eks.NewNodegroupDeletedWaiter(client, func(o *eks.NodegroupDeletedWaiterOptions) { o.MinDelay, o.MaxDelay = time.Second, time.Second })
	if err := groupGone.Wait(ctx, describeGroup, limit); err != nil {
		log.Fatal(err)
	}
	must(client.DeleteCluster(ctx, &eks.DeleteClusterInput{Name: &name}))
	gone := eks.NewClusterDeletedWaiter(client, func(o *eks.ClusterDeletedWaiterOptions) { o.MinDelay, o.MaxDelay = time.Second, time.Second })
	if err := gone.Wait(ctx, &eks.DescribeClusterInput{Name: &name}, limit); err != nil {
		log.Fatal(err)
	}
	fmt.Println("both are gone")
}
