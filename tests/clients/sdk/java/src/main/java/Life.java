import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import software.amazon.awssdk.core.waiters.WaiterOverrideConfiguration;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.retries.api.BackoffStrategy;
import software.amazon.awssdk.services.eks.EksClient;
import software.amazon.awssdk.services.eks.model.ClusterStatus;
import software.amazon.awssdk.services.eks.model.CreateClusterRequest;
import software.amazon.awssdk.services.eks.model.NodegroupStatus;
import software.amazon.awssdk.services.eks.model.ResourceInUseException;
import software.amazon.awssdk.services.eks.model.ResourceNotFoundException;
import software.amazon.awssdk.services.eks.model.UpdateStatus;
import software.amazon.awssdk.services.eks.waiters.EksWaiter;

/**
 * One whole life of a cluster through the AWS SDK for Java. The endpoint, region and credentials come from the usual
 * variables, the cluster's name is the only argument.
 */
public final class Life {
  private static final String ROLE = "arn:aws:iam::000000000000:role/r";

  private static void check(boolean fine, String what, Object value) {
    if (!fine) {
      throw new AssertionError(what + ": " + value);
    }
    System.out.println(what);
  }

  public static void main(String[] arguments) throws InterruptedException {
    String name = arguments[0];
    WaiterOverrideConfiguration often = WaiterOverrideConfiguration.builder()
        .maxAttempts(180).backoffStrategyV2(BackoffStrategy.fixedDelay(Duration.ofSeconds(1))).build();
    try (EksClient client = EksClient.builder().httpClient(UrlConnectionHttpClient.create()).build();
        EksWaiter waiter = EksWaiter.builder().client(client).overrideConfiguration(often).build()) {
      CreateClusterRequest request = CreateClusterRequest.builder().name(name).roleArn(ROLE)
          .resourcesVpcConfig(v -> v.subnetIds("subnet-1", "subnet-2")).tags(Map.of("team", "a")).build();
      var made = client.createCluster(request).cluster();
      check(made.status() == ClusterStatus.ACTIVE && made.createdAt() != null, "the cluster is made", made);
      try {
        client.createCluster(request.toBuilder().clientRequestToken("another-request").build());
        throw new AssertionError("a second cluster was made");
      } catch (ResourceInUseException e) {
        check(e.awsErrorDetails().errorMessage().equals("Cluster already exists with name: " + name), "its name is taken", e);
      }
      var cluster = waiter.waitUntilClusterActive(d -> d.name(name)).matched().response().orElseThrow().cluster();
      check(cluster.arn().equals(made.arn()) && !cluster.endpoint().isEmpty() && cluster.tags().equals(Map.of("team", "a")),
          "the cluster is active", cluster);

      List<String> names = client.listClustersPaginator(l -> l.maxResults(1)).clusters().stream().collect(Collectors.toList());
      check(names.contains(name), "it is listed, page by page", names);

      var group = client.createNodegroup(g -> g.clusterName(name).nodegroupName("workers").nodeRole(ROLE).subnets("subnet-1")
          .scalingConfig(s -> s.minSize(1).maxSize(3).desiredSize(1))).nodegroup();
      check(group.status() == NodegroupStatus.ACTIVE, "the node group is made", group);
      waiter.waitUntilNodegroupActive(d -> d.clusterName(name).nodegroupName("workers"));
      var update = client.updateNodegroupConfig(
          u -> u.clusterName(name).nodegroupName("workers").scalingConfig(s -> s.desiredSize(2))).update();
      while (update.status() == UpdateStatus.IN_PROGRESS) {
        Thread.sleep(200);
        String id = update.id();
        update = client.describeUpdate(d -> d.name(name).nodegroupName("workers").updateId(id)).update();
      }
      var sized = client.describeNodegroup(d -> d.clusterName(name).nodegroupName("workers")).nodegroup();
      check(update.status() == UpdateStatus.SUCCESSFUL && sized.scalingConfig().desiredSize() == 2, "the node group was scaled", update);

      String arn = sized.nodegroupArn();
      client.tagResource(t -> t.resourceArn(arn).tags(Map.of("a", "1", "b", "2")));
      client.untagResource(t -> t.resourceArn(arn).tagKeys("a"));
      var tags = client.listTagsForResource(t -> t.resourceArn(arn)).tags();
      check(tags.equals(Map.of("b", "2")), "it has its tags", tags);
      try {
        client.describeCluster(d -> d.name("none"));
        throw new AssertionError("a cluster that isn't there was found");
      } catch (ResourceNotFoundException e) {
        check(e.awsErrorDetails().errorMessage().equals("No cluster found for name: none."), "another one is not found", e);
      }

      client.deleteNodegroup(d -> d.clusterName(name).nodegroupName("workers"));
      waiter.waitUntilNodegroupDeleted(d -> d.clusterName(name).nodegroupName("workers"));
      client.deleteCluster(d -> d.name(name));
      waiter.waitUntilClusterDeleted(d -> d.name(name));
      System.out.println("both are gone");
    }
  }
}
