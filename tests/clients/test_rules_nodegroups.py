"""What EKS checks of node groups, Fargate profiles, addons and pod identity beside its model, asked of a whole API: each request that is refused
stands beside one that is taken, and nothing that was refused is there afterwards. The rules one by one are in crates/eks/src/rules."""
import botocore.exceptions
import pytest
from conftest import boto, wait_for

ACCOUNT, OTHER = "000000000000", "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
FOREIGN = f"arn:aws:iam::{OTHER}:role/r"
SUBNETS = ["subnet-1", "subnet-2"]
CLUSTER = "rules-of-groups"


@pytest.fixture(scope="module")
def eks(records):
    client = boto(records)
    client.create_cluster(name=CLUSTER, roleArn=ROLE, version="1.33", resourcesVpcConfig={"subnetIds": SUBNETS})
    wait_for("the cluster", lambda: client.describe_cluster(name=CLUSTER)["cluster"]["status"] == "ACTIVE")
    return client


def refused(call, **arguments):
    """Code and message of the error that must come."""
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call(clusterName=CLUSTER, **arguments)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def sizes(least, most, wanted):
    return {"minSize": least, "maxSize": most, "desiredSize": wanted}


NODEGROUPS = [
    ({"scalingConfig": sizes(1, 2, 1), "updateConfig": {"maxUnavailable": 3}}, {"scalingConfig": sizes(1, 3, 1), "updateConfig": {"maxUnavailable": 3}}, "max-unavailable"),
    ({"updateConfig": {}}, {"updateConfig": {"maxUnavailablePercentage": 50}}, "maxUnavailable"),
    ({"instanceTypes": ["t4g.medium"]}, {"instanceTypes": ["t4g.medium"], "amiType": "AL2023_ARM_64_STANDARD"}, "[t4g.medium] is not a valid instance type"),
    ({"amiType": "AL2_x86_64"}, {"amiType": "BOTTLEROCKET_x86_64"}, "1.32 or earlier"),
    ({"version": "1.32"}, {"version": "1.33"}, "1.33"),
    ({"launchTemplate": {}, "diskSize": 20}, {"diskSize": 20}, "Disk size"),
    ({"launchTemplate": {"id": "lt-1", "name": "a"}}, {"launchTemplate": {"name": "a"}}, "Either provide launch template ID"),
    ({"labels": {"kubernetes.io/a": "b"}}, {"labels": {"node-role.kubernetes.io/a": "b"}}, "reserved prefixes"),
    ({"nodeRole": "r"}, {}, "Invalid Role Arn"),
]


@pytest.mark.parametrize("number", range(len(NODEGROUPS)))
def test_a_node_group(eks, number):
    bad, good, words = NODEGROUPS[number]
    base = {"nodegroupName": f"g{number}", "nodeRole": ROLE, "subnets": []}
    code, message = refused(eks.create_nodegroup, **{**base, **bad})
    assert code == "InvalidParameterException" and words in message
    assert f"g{number}" not in eks.list_nodegroups(clusterName=CLUSTER)["nodegroups"]
    eks.create_nodegroup(clusterName=CLUSTER, **{**base, **good})


def test_what_a_group_says_where_nothing_was_said(eks):
    base = {"clusterName": CLUSTER, "nodeRole": ROLE, "subnets": []}
    for name, version in (("latest", "$Latest"), ("default", "$Default"), ("third", "3")):
        template = eks.create_nodegroup(**base, nodegroupName=name, launchTemplate={"id": "lt-0123456789abcdef0", "version": version})["nodegroup"]["launchTemplate"]
        assert template["version"] == ("3" if name == "third" else "1")
    again = eks.create_nodegroup(**base, nodegroupName="again", launchTemplate={"id": "lt-0123456789abcdef0", "version": "$Latest"})["nodegroup"]
    assert again["launchTemplate"]["version"] == "3" and "diskSize" not in again
    plain = eks.create_nodegroup(**base, nodegroupName="plain", remoteAccess={"ec2SshKey": "k"})["nodegroup"]
    assert (plain["amiType"], plain["capacityType"], plain["diskSize"], plain["subnets"]) == ("AL2023_x86_64_STANDARD", "ON_DEMAND", 20, SUBNETS)
    assert plain["resources"]["remoteAccessSecurityGroup"].startswith("sg-") and plain["releaseVersion"].startswith("1.33.")
    assert refused(eks.create_nodegroup, nodegroupName="plain", nodeRole="r", subnets=[])[0] == "InvalidParameterException", "before the name is looked at"


def test_a_change_of_a_group(eks):
    names = {"clusterName": CLUSTER, "nodegroupName": "changed"}
    eks.create_nodegroup(**names, nodeRole=ROLE, subnets=[], scalingConfig=sizes(1, 3, 1), updateConfig={"maxUnavailable": 2})
    wait_for("the group", lambda: eks.describe_nodegroup(**names)["nodegroup"]["status"] == "ACTIVE")
    for bad in ({"updateConfig": {}}, {"updateConfig": {"maxUnavailable": 4}}, {"scalingConfig": {"maxSize": 1}}, {"labels": {"addOrUpdateLabels": {"k8s.io/a": "b"}}}):
        assert refused(eks.update_nodegroup_config, nodegroupName="changed", **bad)[0] == "InvalidParameterException", bad
    now = eks.describe_nodegroup(**names)["nodegroup"]
    assert (now["updateConfig"], now["scalingConfig"], now["labels"]) == ({"maxUnavailable": 2}, sizes(1, 3, 1), {})
    eks.update_nodegroup_config(**names, updateConfig={"maxUnavailable": 3})


def test_fargate_profiles(eks):
    base = {"fargateProfileName": "f", "podExecutionRoleArn": ROLE}
    for selectors, words in (([], "at least one selector"), ([{}], "at least one namespace"), ([{"namespace": "a", "labels": {str(n): "" for n in range(6)}}], "more than 5 Label pairs")):
        assert words in refused(eks.create_fargate_profile, **base, selectors=selectors)[1]
    assert refused(eks.create_fargate_profile, **{**base, "podExecutionRoleArn": FOREIGN}, selectors=[{"namespace": "a"}])[0] == "AccessDeniedException"
    wild = [{"namespace": "prod*", "labels": {"tier*?": "*web1"}}]
    made = eks.create_fargate_profile(clusterName=CLUSTER, **base, selectors=wild)["fargateProfile"]
    assert (made["subnets"], made["selectors"]) == (SUBNETS, wild)


def test_roles_of_another_account(eks):
    for number, arn in enumerate(("r", f"arn:aws:iam::{ACCOUNT}:user/ann", f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s", FOREIGN)):
        assert refused(eks.create_pod_identity_association, namespace="a", serviceAccount=f"s{number}", roleArn=arn)[0] == "InvalidParameterException", arn
    made = eks.create_pod_identity_association(clusterName=CLUSTER, namespace="a", serviceAccount="far", roleArn=ROLE, targetRoleArn=FOREIGN)["association"]
    assert refused(eks.update_pod_identity_association, associationId=made["associationId"], roleArn=FOREIGN)[0] == "InvalidParameterException"
    assert eks.describe_pod_identity_association(clusterName=CLUSTER, associationId=made["associationId"])["association"]["roleArn"] == ROLE
    node = {"addonName": "vpc-cni", "podIdentityAssociations": [{"serviceAccount": "aws-node", "roleArn": FOREIGN}]}
    assert refused(eks.create_addon, **node)[0] == "InvalidParameterException"
    assert refused(eks.create_addon, addonName="vpc-cni", serviceAccountRoleArn=FOREIGN)[0] == "AccessDeniedException"
    assert [a["serviceAccount"] for a in eks.list_pod_identity_associations(clusterName=CLUSTER)["associations"]] == ["far"]
    eks.create_addon(clusterName=CLUSTER, addonName="vpc-cni", serviceAccountRoleArn=ROLE)


def test_a_configuration_of_an_addon(eks):
    names = {"addonName": "coredns"}
    for values in ("null", "[]", '"text"', '{"other": 1}'):
        assert "ConfigurationValue" in refused(eks.create_addon, **names, configurationValues=values)[1]
    eks.create_addon(clusterName=CLUSTER, **names, configurationValues='{"replicaCount": 2}')
    wait_for("the addon", lambda: eks.describe_addon(clusterName=CLUSTER, **names)["addon"]["status"] == "ACTIVE")
    assert "null found, object expected" in refused(eks.update_addon, **names, configurationValues="null")[1]
    eks.update_addon(clusterName=CLUSTER, **names, configurationValues="{}")
