// One whole life of a cluster through the AWS SDK for JavaScript. The endpoint, region and credentials come from the usual
// variables, the cluster's name is the only argument.
import assert from "node:assert/strict";
import * as aws from "@aws-sdk/client-eks";

const name = process.argv[2];
const roleArn = "arn:aws:iam::000000000000:role/r";
const client = new aws.EKSClient({ endpoint: process.env.AWS_ENDPOINT_URL_EKS });
const waiting = { client, maxWaitTime: 180, minDelay: 1, maxDelay: 1 };

const create = { name, roleArn, resourcesVpcConfig: { subnetIds: ["subnet-1", "subnet-2"] }, tags: { team: "a" } };
const made = (await client.send(new aws.CreateClusterCommand(create))).cluster;
assert.equal(made.status, "ACTIVE");
assert(made.createdAt instanceof Date);
console.log("the cluster is made");
await assert.rejects(client.send(new aws.CreateClusterCommand({ ...create, clientRequestToken: "another-request" })), (error) =>
  error instanceof aws.ResourceInUseException && error.message === `Cluster already exists with name: ${name}`);
console.log("its name is taken");
await aws.waitUntilClusterActive(waiting, { name });
const { cluster } = await client.send(new aws.DescribeClusterCommand({ name }));
assert.equal(cluster.arn, made.arn);
assert(cluster.endpoint);
assert.deepEqual(cluster.tags, { team: "a" });
console.log("the cluster is active");

const names = [];
for await (const page of aws.paginateListClusters({ client, pageSize: 1 }, {})) names.push(...page.clusters);
assert(names.includes(name));
console.log("it is listed, page by page");

const group = { clusterName: name, nodegroupName: "workers" };
const scalingConfig = { minSize: 1, maxSize: 3, desiredSize: 1 };
const { nodegroup } = await client.send(new aws.CreateNodegroupCommand({ ...group, nodeRole: roleArn, subnets: ["subnet-1"], scalingConfig }));
assert.equal(nodegroup.status, "ACTIVE");
await aws.waitUntilNodegroupActive(waiting, group);
console.log("the node group is active");
let { update } = await client.send(new aws.UpdateNodegroupConfigCommand({ ...group, scalingConfig: { desiredSize: 2 } }));
while (update.status === "InProgress") {
  await new Promise((resolve) => setTimeout(resolve, 200));
  ({ update } = await client.send(new aws.DescribeUpdateCommand({ name, nodegroupName: "workers", updateId: update.id })));
}
assert.equal(update.status, "Successful");
assert.equal((await client.send(new aws.DescribeNodegroupCommand(group))).nodegroup.scalingConfig.desiredSize, 2);
console.log("the node group was scaled");

const resourceArn = nodegroup.nodegroupArn;
await client.send(new aws.TagResourceCommand({ resourceArn, tags: { a: "1", b: "2" } }));
await client.send(new aws.UntagResourceCommand({ resourceArn, tagKeys: ["a"] }));
assert.deepEqual((await client.send(new aws.ListTagsForResourceCommand({ resourceArn }))).tags, { b: "2" });
console.log("it has its tags");
await assert.rejects(client.send(new aws.DescribeClusterCommand({ name: "none" })), (error) =>
  error instanceof aws.ResourceNotFoundException && error.message === "No cluster found for name: none.");
console.log("another one is not found");

await client.send(new aws.DeleteNodegroupCommand(group));
await aws.waitUntilNodegroupDeleted(waiting, group);
await client.send(new aws.DeleteClusterCommand({ name }));
await aws.waitUntilClusterDeleted(waiting, { name });
console.log("both are gone");
