"""Records are in force when the call returns, so that tests written for moto need no waiters; and other services say what is served."""
import json
import os
import subprocess

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from conftest import AWS, boto, wait_for

ROLE = "arn:aws:iam::000000000000:role/r"
NETWORK = {"subnetIds": ["subnet-1", "subnet-2"]}


def test_records_are_in_force_when_the_call_returns(records):
    eks = boto(records, account="555555555555")
    role = "arn:aws:iam::555555555555:role/r"
    assert eks.create_cluster(name="c", roleArn=role, resourcesVpcConfig=NETWORK)["cluster"]["status"] == "ACTIVE"
    assert eks.create_nodegroup(clusterName="c", nodegroupName="g", nodeRole=role, subnets=["subnet-1"])["nodegroup"]["status"] == "ACTIVE"
    assert eks.create_addon(clusterName="c", addonName="vpc-cni")["addon"]["status"] == "ACTIVE"
    for name in ("f", "g"):  # EKS makes one at a time.
        made = eks.create_fargate_profile(clusterName="c", fargateProfileName=name, podExecutionRoleArn=role, selectors=[{"namespace": "a"}])
        assert made["fargateProfile"]["status"] == "ACTIVE"
    for change in ({"deletionProtection": True}, {"deletionProtection": False}):
        assert eks.update_cluster_config(name="c", **change)["update"]["status"] == "Successful"
    assert eks.describe_cluster(name="c")["cluster"]["status"] == "ACTIVE"
    sizes = {"minSize": 1, "maxSize": 3, "desiredSize": 3}
    assert eks.update_nodegroup_config(clusterName="c", nodegroupName="g", scalingConfig=sizes)["update"]["status"] == "Successful"
    for name in ("f", "g"):
        eks.delete_fargate_profile(clusterName="c", fargateProfileName=name)
    eks.delete_addon(clusterName="c", addonName="vpc-cni")
    eks.delete_nodegroup(clusterName="c", nodegroupName="g")
    assert eks.list_nodegroups(clusterName="c")["nodegroups"] == eks.list_addons(clusterName="c")["addons"] == []
    eks.delete_cluster(name="c")
    assert eks.list_clusters()["clusters"] == []
    with pytest.raises(eks.exceptions.ResourceNotFoundException):
        eks.describe_cluster(name="c")


def test_a_cluster_that_is_stopped_says_so_in_its_insights_and_can_be_protected_and_let_go(records):
    eks = boto(records, account="666666666666")
    eks.create_cluster(name="rests", roleArn="arn:aws:iam::666666666666:role/r", resourcesVpcConfig=NETWORK)
    env = {**os.environ, "KUBECONFIG": os.environ["K3EKS_E2E_BARE_KUBECONFIG"]}
    resource = json.loads(subprocess.run(["kubectl", "get", "eks", "-n", records.namespace, "-o", "json"], env=env, check=True, capture_output=True).stdout)
    resource, = [item["metadata"]["name"] for item in resource["items"] if item["spec"].get("accountID") == "666666666666"]
    status = lambda: eks.describe_cluster(name="rests")["cluster"]["status"]

    def power(state):
        change = json.dumps({"spec": {"state": state}})
        subprocess.run(["kubectl", "patch", "eks", resource, "-n", records.namespace, "--type=merge", "-p", change], env=env, check=True, capture_output=True)

    def health():
        one, = [one for one in eks.list_insights(clusterName="rests")["insights"] if one["name"] == "Cluster health issues"]
        return one["insightStatus"]

    assert health() == {"status": "PASSING", "reason": "The cluster is as its spec asks"}
    power("Stopped")
    wait_for("the stop", lambda: status() == "PENDING")
    wait_for("the insight", lambda: health()["status"] == "WARNING")
    assert health()["reason"].startswith("The cluster is stopped, as spec.state asks")
    for on in (True, False):
        assert eks.update_cluster_config(name="rests", deletionProtection=on)["update"]["status"] == "Successful"
        assert eks.describe_cluster(name="rests")["cluster"]["deletionProtection"] is on
    with pytest.raises(eks.exceptions.InvalidRequestException, match="it is stopped"):
        eks.update_cluster_config(name="rests", resourcesVpcConfig={"endpointPrivateAccess": True})
    power("Running")
    wait_for("the insight", lambda: health()["status"] == "PASSING")
    eks.delete_cluster(name="rests")


@pytest.mark.parametrize("service, operation, arguments, variable", [
    ("ec2", "describe_vpcs", {}, "EC2"),
    ("iam", "list_roles", {}, "IAM"),
    ("s3", "list_buckets", {}, "S3"),
    ("s3", "get_object", {"Bucket": "metrics", "Key": "a"}, "S3"),
    ("ecr", "describe_repositories", {}, "ECR"),
    ("dynamodb", "list_tables", {}, "DYNAMODB"),
    ("logs", "describe_log_groups", {}, "CLOUDWATCH_LOGS"),
    ("cloudwatch", "list_metrics", {}, "CLOUDWATCH"),
    ("autoscaling", "describe_auto_scaling_groups", {}, "AUTO_SCALING"),
    ("elbv2", "describe_load_balancers", {}, "ELASTIC_LOAD_BALANCING_V2"),
    ("route53", "list_hosted_zones", {}, "ROUTE_53"),
    ("lambda", "list_functions", {}, "LAMBDA"),
    ("ssm", "describe_parameters", {}, "SSM"),
])
def test_other_services_say_what_is_served(records, service, operation, arguments, variable):
    client = boto3.client(service, endpoint_url=records, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test",
                          config=Config(retries={"max_attempts": 1}))
    with pytest.raises(ClientError) as refused:
        getattr(client, operation)(**arguments)
    error = refused.value.response["Error"]
    assert error["Code"] == "UnsupportedOperation" and "k3eks serves eks, eks-auth and sts" in error["Message"], error
    # The variable is the one that the SDK itself would look for.
    assert f"AWS_ENDPOINT_URL_{variable} " in error["Message"]
    assert client.meta.service_model.service_id.upper().replace(" ", "_") == variable


@pytest.mark.parametrize("command", ["ec2 describe-vpcs", "s3 ls", "ecr describe-repositories", "iam list-roles"])
def test_the_aws_cli_shows_what_is_served(records, command):
    env = {**os.environ, "AWS_ENDPOINT_URL": records, "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
           "AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": ""}
    done = subprocess.run([AWS, *command.split()], env=env, text=True, capture_output=True)
    assert done.returncode and f"k3eks serves eks, eks-auth and sts at this address; for {command.split()[0]} set" in done.stderr, done.stderr
