"""Every operation of the EKS API, by boto3 and by the aws CLI, in one sensible order; the last test counts them."""
import base64
import json
import time

import botocore.exceptions
import pytest
from botocore import xform_name
from conftest import Cli, Refused, boto, wait_for

ROLE = "arn:aws:iam::000000000000:role/r"
NETWORK = {"subnetIds": ["subnet-1", "subnet-2"]}
CALLED = {"boto": set(), "cli": set()}


class Client:
    """Notes what is called, and gives errors one form."""

    def __init__(self, kind, endpoint):
        self.inner = boto(endpoint) if kind == "boto" else Cli(endpoint)
        self.called = CALLED[kind]

    def __getattr__(self, operation):
        def call(**arguments):
            self.called.add(operation)
            return getattr(self.inner, operation)(**arguments)
        return call

    def refused(self, operation, **arguments):
        """The code of the error that must come."""
        with pytest.raises((botocore.exceptions.ClientError, Refused)) as error:
            getattr(self, operation)(**arguments)
        error = error.value
        return error.code if isinstance(error, Refused) else error.response["Error"]["Code"]

    def ended(self, update, **names):
        """The update when it isn't under way any more."""
        def look():
            now = self.describe_update(updateId=update["id"], **names)["update"]
            return now["status"] != "InProgress" and now
        return wait_for("the update", look)


@pytest.fixture(params=["boto", "cli"], scope="module")
def eks(request, records):
    return Client(request.param, records)


@pytest.fixture(scope="module")
def cluster(eks):
    name = f"ops-{'cli' if isinstance(eks.inner, Cli) else 'boto'}"
    made = eks.create_cluster(name=name, roleArn=ROLE, resourcesVpcConfig=NETWORK, version="1.35", accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})
    assert made["cluster"]["name"] == name
    wait_for("the cluster", lambda: eks.describe_cluster(name=name)["cluster"]["status"] == "ACTIVE")
    return name


def test_clusters(eks, cluster):
    assert cluster in eks.list_clusters()["clusters"]
    assert eks.refused("describe_cluster", name="none") == "ResourceNotFoundException"
    assert eks.refused("create_cluster", name="-bad-", roleArn=ROLE, resourcesVpcConfig=NETWORK) == "InvalidParameterException"
    assert eks.refused("create_cluster", name="v", version="9.99", roleArn=ROLE, resourcesVpcConfig=NETWORK) == "InvalidParameterException"
    update = eks.update_cluster_config(name=cluster, resourcesVpcConfig={"endpointPrivateAccess": True})["update"]
    assert update["type"] == "EndpointAccessUpdate"
    assert eks.ended(update, name=cluster)["status"] == "Successful"
    assert eks.describe_cluster(name=cluster)["cluster"]["resourcesVpcConfig"]["endpointPrivateAccess"] is True
    assert eks.refused("update_cluster_version", name=cluster, version="1.34") == "InvalidParameterException"
    keys = [{"resources": ["secrets"], "provider": {"keyArn": "arn:aws:kms:us-east-1:000000000000:key/1"}}]
    update = eks.associate_encryption_config(clusterName=cluster, encryptionConfig=keys)["update"]
    assert eks.ended(update, name=cluster)["status"] == "Successful"
    assert eks.describe_cluster(name=cluster)["cluster"]["encryptionConfig"] == keys
    assert update["id"] in eks.list_updates(name=cluster)["updateIds"]
    assert eks.refused("cancel_update", name=cluster, updateId=update["id"]) == "InvalidStateException"
    versions = eks.describe_cluster_versions()["clusterVersions"]
    assert {"1.36", "1.35"} <= {v["clusterVersion"] for v in versions}
    assert not any(v["versionStatus"] == "UNSUPPORTED" for v in versions)
    gone = {v["clusterVersion"]: v for v in eks.describe_cluster_versions(includeAll=True)["clusterVersions"]}["1.31"]
    assert (gone["versionStatus"], gone["kubernetesPatchVersion"], gone["defaultVersion"]) == ("UNSUPPORTED", "1.31.1", False)
    default, = eks.describe_cluster_versions(defaultOnly=True)["clusterVersions"]
    assert (default["clusterVersion"], default["versionStatus"]) == ("1.36", "STANDARD_SUPPORT")


def test_authentication_modes(eks, cluster):
    name = f"modes-{cluster}"
    new = {"name": name, "roleArn": ROLE, "resourcesVpcConfig": NETWORK}
    assert eks.refused("create_cluster", **new, accessConfig={"bootstrapClusterCreatorAdminPermissions": False}) == "InvalidParameterException"
    eks.create_cluster(**new)
    wait_for("the cluster", lambda: eks.describe_cluster(name=name)["cluster"]["status"] == "ACTIVE")
    assert eks.refused("update_cluster_config", name=name, accessConfig={"authenticationMode": "API"}) == "InvalidParameterException"
    for mode in ("API_AND_CONFIG_MAP", "API"):
        update = eks.update_cluster_config(name=name, accessConfig={"authenticationMode": mode})["update"]
        assert eks.ended(update, name=name)["status"] == "Successful"
    assert eks.delete_cluster(name=name)["cluster"]["status"] == "DELETING"
    wait_for("its end", lambda: name not in eks.list_clusters()["clusters"])


def test_access_entries_of_eks_s_own(eks, cluster):
    """Who made a cluster and the roles of its node groups have entries: from the start, and from the switch on."""
    root, nodes = "arn:aws:iam::000000000000:root", "arn:aws:iam::000000000000:role/nodes"
    for mode in ("CONFIG_MAP", "API"):
        name = f"own-{mode.replace('_', '-').lower()}-{cluster}"
        eks.create_cluster(name=name, roleArn=ROLE, resourcesVpcConfig=NETWORK, accessConfig={"authenticationMode": mode})
        wait_for("the cluster", lambda: eks.describe_cluster(name=name)["cluster"]["status"] == "ACTIVE")
        for group in ("a", "b"):
            eks.create_nodegroup(clusterName=name, nodegroupName=group, nodeRole=nodes, subnets=NETWORK["subnetIds"])
        if mode == "CONFIG_MAP":
            update = eks.update_cluster_config(name=name, accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})["update"]
            assert eks.ended(update, name=name)["status"] == "Successful"
        entries = lambda: eks.list_access_entries(clusterName=name)["accessEntries"]
        wait_for("the entries", lambda: sorted(entries()) == [nodes, root])
        entry = eks.describe_access_entry(clusterName=name, principalArn=nodes)["accessEntry"]
        assert (entry["type"], entry["username"]) == ("EC2_LINUX", "system:node:{{EC2PrivateDNSName}}")
        policy, = eks.list_associated_access_policies(clusterName=name, principalArn=root)["associatedAccessPolicies"]
        assert policy["policyArn"].endswith("/AmazonEKSClusterAdminPolicy") and policy["accessScope"]["type"] == "cluster"

        eks.delete_access_entry(clusterName=name, principalArn=root)
        eks.delete_nodegroup(clusterName=name, nodegroupName="a")
        wait_for("the group's end", lambda: eks.list_nodegroups(clusterName=name)["nodegroups"] == ["b"])
        assert entries() == [nodes]
        eks.delete_nodegroup(clusterName=name, nodegroupName="b")
        wait_for("the end of the role's entry", lambda: entries() == [])
        eks.delete_cluster(name=name)


def test_a_cluster_made_anew(eks, cluster):
    """It has nothing of the one before, though that goes only little by little."""
    name = f"anew-{cluster}"
    for _ in range(2):
        eks.create_cluster(name=name, roleArn=ROLE, resourcesVpcConfig=NETWORK)
        wait_for("the cluster", lambda: eks.describe_cluster(name=name)["cluster"]["status"] == "ACTIVE")
        assert eks.list_addons(clusterName=name)["addons"] == []
        eks.create_addon(clusterName=name, addonName="coredns")
        assert eks.delete_cluster(name=name)["cluster"]["status"] == "DELETING"
        wait_for("its end", lambda: name not in eks.list_clusters()["clusters"])


def test_connected_clusters(eks, cluster):
    name = f"far-{cluster}"
    made = eks.register_cluster(name=name, connectorConfig={"roleArn": ROLE, "provider": "OTHER"})["cluster"]
    assert made["status"] == "PENDING" and made["connectorConfig"]["activationCode"]
    gone = eks.deregister_cluster(name=name)["cluster"]
    assert (gone["name"], gone["status"]) == (name, "DELETING")
    wait_for("its end", lambda: name not in eks.list_clusters(include=["all"])["clusters"])


def test_nodegroups(eks, cluster):
    names = {"clusterName": cluster, "nodegroupName": "g"}
    made = eks.create_nodegroup(**names, nodeRole=ROLE, subnets=["subnet-1"], scalingConfig={"minSize": 1, "maxSize": 3, "desiredSize": 1})
    assert made["nodegroup"]["status"] == "ACTIVE"
    wait_for("the node group", lambda: eks.describe_nodegroup(**names)["nodegroup"]["status"] == "ACTIVE")
    assert eks.list_nodegroups(clusterName=cluster)["nodegroups"] == ["g"]
    made_by = time.time()
    wait_for("another second: times are whole ones", lambda: time.time() > made_by + 1)
    update = eks.update_nodegroup_config(**names, labels={"addOrUpdateLabels": {"a": "b"}})["update"]
    assert eks.ended(update, name=cluster, nodegroupName="g")["status"] == "Successful"
    group = eks.describe_nodegroup(**names)["nodegroup"]
    assert group["labels"] == {"a": "b"} and group["modifiedAt"] > group["createdAt"]
    assert eks.refused("update_nodegroup_config", **names, scalingConfig={"desiredSize": 9}) == "InvalidParameterException"
    assert eks.refused("update_nodegroup_version", **names, version="1.36") == "InvalidParameterException"
    assert eks.refused("delete_cluster", name=cluster) == "ResourceInUseException"
    assert eks.delete_nodegroup(**names)["nodegroup"]["status"] == "DELETING"
    wait_for("its end", lambda: eks.list_nodegroups(clusterName=cluster)["nodegroups"] == [])


def test_tags(eks, cluster):
    arn = eks.describe_cluster(name=cluster)["cluster"]["arn"]
    eks.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    eks.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert eks.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    assert eks.refused("list_tags_for_resource", resourceArn=arn + "none") == "NotFoundException"


def test_fargate_profiles(eks, cluster):
    names = {"clusterName": cluster, "fargateProfileName": "web"}
    selectors = [{"namespace": "web", "labels": {"a": "b"}}]
    assert eks.refused("create_fargate_profile", **names, podExecutionRoleArn=ROLE) == "InvalidParameterException"
    made = eks.create_fargate_profile(**names, podExecutionRoleArn=ROLE, selectors=selectors)["fargateProfile"]
    assert made["status"] == "ACTIVE" and made["fargateProfileArn"].split(":")[-1].startswith(f"fargateprofile/{cluster}/web/")
    assert eks.refused("create_fargate_profile", **names, podExecutionRoleArn=ROLE, selectors=selectors) == "ResourceInUseException"
    wait_for("the profile", lambda: eks.describe_fargate_profile(**names)["fargateProfile"]["status"] == "ACTIVE")
    assert eks.describe_fargate_profile(**names)["fargateProfile"]["selectors"] == selectors
    assert eks.list_fargate_profiles(clusterName=cluster)["fargateProfileNames"] == ["web"]
    eks.tag_resource(resourceArn=made["fargateProfileArn"], tags={"a": "1"})
    assert eks.list_tags_for_resource(resourceArn=made["fargateProfileArn"])["tags"] == {"a": "1"}
    assert eks.refused("delete_cluster", name=cluster) == "ResourceInUseException"
    assert eks.delete_fargate_profile(**names)["fargateProfile"]["status"] == "DELETING"
    assert eks.refused("describe_fargate_profile", **names) == "ResourceNotFoundException"


def test_pod_identity(eks, cluster):
    names = {"clusterName": cluster, "namespace": "web", "serviceAccount": "default"}
    made = eks.create_pod_identity_association(**names, roleArn=ROLE)["association"]
    by_id = {"clusterName": cluster, "associationId": made["associationId"]}
    assert made["associationArn"].endswith(f"podidentityassociation/{cluster}/{made['associationId']}")
    assert eks.refused("create_pod_identity_association", **names, roleArn=ROLE) == "ResourceInUseException"
    assert eks.update_pod_identity_association(**by_id, roleArn=ROLE + "2")["association"]["roleArn"] == ROLE + "2"
    assert eks.describe_pod_identity_association(**by_id)["association"]["roleArn"] == ROLE + "2"
    assert [a["associationId"] for a in eks.list_pod_identity_associations(clusterName=cluster, namespace="web")["associations"]] == [made["associationId"]]
    assert eks.list_pod_identity_associations(clusterName=cluster, namespace="none")["associations"] == []
    eks.tag_resource(resourceArn=made["associationArn"], tags={"a": "1"})
    assert eks.delete_pod_identity_association(**by_id)["association"]["tags"] == {"a": "1"}
    assert eks.refused("describe_pod_identity_association", **by_id) == "ResourceNotFoundException"
    alike = [{"clusterName": cluster, "namespace": n, "serviceAccount": s} for n, s in (("prod", "api-worker"), ("prod-api", "worker"))]
    for one in [eks.create_pod_identity_association(**names, roleArn=ROLE)["association"] for names in alike]:
        eks.delete_pod_identity_association(clusterName=cluster, associationId=one["associationId"])


def test_access_entries(eks, cluster):
    names = {"clusterName": cluster, "principalArn": "arn:aws:iam::000000000000:role/path/Admin"}
    policies = {p["name"]: p["arn"] for p in eks.list_access_policies()["accessPolicies"]}
    view = {"policyArn": policies["AmazonEKSViewPolicy"]}
    assert eks.refused("create_access_entry", **names, kubernetesGroups=["system:masters"]) == "InvalidParameterException"
    made = eks.create_access_entry(**names, kubernetesGroups=["viewers"])["accessEntry"]
    assert made["username"] == "arn:aws:sts::000000000000:assumed-role/Admin/{{SessionName}}" and made["type"] == "STANDARD"
    assert eks.refused("create_access_entry", **names) == "ResourceInUseException"
    assert eks.update_access_entry(**names, kubernetesGroups=["editors"])["accessEntry"]["kubernetesGroups"] == ["editors"]
    assert eks.describe_access_entry(**names)["accessEntry"]["kubernetesGroups"] == ["editors"]
    assert names["principalArn"] in eks.list_access_entries(clusterName=cluster)["accessEntries"]
    assert eks.refused("associate_access_policy", **names, **view, accessScope={"type": "namespace"}) == "InvalidParameterException"
    scope = {"type": "namespace", "namespaces": ["web"]}
    assert eks.associate_access_policy(**names, **view, accessScope=scope)["associatedAccessPolicy"]["accessScope"] == scope
    assert [p["policyArn"] for p in eks.list_associated_access_policies(**names)["associatedAccessPolicies"]] == [view["policyArn"]]
    assert eks.list_access_entries(clusterName=cluster, associatedPolicyArn=view["policyArn"])["accessEntries"] == [names["principalArn"]]
    eks.disassociate_access_policy(**names, **view)
    assert eks.list_associated_access_policies(**names)["associatedAccessPolicies"] == []
    eks.tag_resource(resourceArn=made["accessEntryArn"], tags={"a": "1"})
    assert eks.list_tags_for_resource(resourceArn=made["accessEntryArn"])["tags"] == {"a": "1"}
    eks.delete_access_entry(**names)
    assert eks.refused("describe_access_entry", **names) == "ResourceNotFoundException"
    assert eks.refused("create_access_entry", **names, username="system:admin") == "InvalidParameterException"
    assert eks.refused("create_access_entry", **names, type="EC2_MAC") == "InvalidParameterException"
    policy = {"policyArn": policies["AmazonEKSAutoNodePolicy"], "accessScope": {"type": "cluster"}}
    for type_, takes in (("EC2_LINUX", False), ("EC2", True)):
        made = eks.create_access_entry(**names, type=type_)["accessEntry"]
        assert (made["type"], made["kubernetesGroups"], made["username"]) == (type_, ["system:nodes"], "system:node:{{EC2PrivateDNSName}}")
        if takes:
            eks.associate_access_policy(**names, **policy)
        else:
            assert eks.refused("associate_access_policy", **names, **policy) == "InvalidRequestException"
        eks.delete_access_entry(**names)


def test_identity_provider_configs(eks, cluster):
    oidc = {"identityProviderConfigName": "corp", "issuerUrl": "https://login.example.com", "clientId": "kube"}
    names = {"clusterName": cluster, "identityProviderConfig": {"type": "oidc", "name": "corp"}}
    assert eks.refused("associate_identity_provider_config", clusterName=cluster, oidc={**oidc, "issuerUrl": "http://a"}) == "InvalidParameterException"
    update = eks.associate_identity_provider_config(clusterName=cluster, oidc=oidc)["update"]
    assert update["type"] == "AssociateIdentityProviderConfig"
    assert eks.ended(update, name=cluster)["status"] == "Successful"
    assert eks.refused("associate_identity_provider_config", clusterName=cluster, oidc=oidc) == "ResourceInUseException"
    wait_for("the config", lambda: eks.describe_identity_provider_config(**names)["identityProviderConfig"]["oidc"]["status"] == "ACTIVE")
    config = eks.describe_identity_provider_config(**names)["identityProviderConfig"]["oidc"]
    assert config["issuerUrl"] == oidc["issuerUrl"] and f"identityproviderconfig/{cluster}/oidc/corp/" in config["identityProviderConfigArn"]
    assert eks.list_identity_provider_configs(clusterName=cluster)["identityProviderConfigs"] == [{"type": "oidc", "name": "corp"}]
    update = eks.disassociate_identity_provider_config(**names)["update"]
    assert eks.ended(update, name=cluster)["status"] == "Successful"
    assert eks.refused("describe_identity_provider_config", **names) == "ResourceNotFoundException"


def test_addons(eks, cluster):
    names = {"clusterName": cluster, "addonName": "coredns"}
    offered = eks.describe_addon_versions(addonName="coredns", kubernetesVersion="1.35")["addons"][0]["addonVersions"]
    default = next(v["addonVersion"] for v in offered if v["compatibilities"][0]["defaultVersion"])
    other = next(v["addonVersion"] for v in offered if v["addonVersion"] != default)
    assert eks.describe_addon_versions(types=["networking"], owners=["nobody"])["addons"] == []
    schema = json.loads(eks.describe_addon_configuration(addonName="coredns", addonVersion=default)["configurationSchema"])
    assert "replicaCount" in schema["properties"]
    assert eks.refused("describe_addon_configuration", addonName="coredns", addonVersion="v0") == "ResourceNotFoundException"
    assert eks.refused("create_addon", **names, addonVersion="v0") == "InvalidParameterException"
    assert eks.refused("create_addon", clusterName=cluster, addonName="none") == "InvalidParameterException"
    assert eks.refused("create_addon", **names, configurationValues='{"none": 1}') == "InvalidParameterException"
    made = eks.create_addon(**names, configurationValues="replicaCount: 2", tags={"a": "0"})["addon"]
    assert (made["status"], made["addonVersion"]) == ("ACTIVE", default) and f"addon/{cluster}/coredns/" in made["addonArn"]
    assert eks.refused("create_addon", **names) == "ResourceInUseException"
    wait_for("the addon", lambda: eks.describe_addon(**names)["addon"]["status"] == "ACTIVE")
    assert eks.list_addons(clusterName=cluster)["addons"] == ["coredns"]
    update = eks.update_addon(**names, addonVersion=other, resolveConflicts="OVERWRITE")["update"]
    assert (update["type"], update["params"][0]) == ("AddonUpdate", {"type": "AddonVersion", "value": other})
    assert eks.ended(update, name=cluster, addonName="coredns")["status"] == "Successful"
    now = eks.describe_addon(**names)["addon"]
    assert (now["addonVersion"], now["configurationValues"]) == (other, "replicaCount: 2")
    eks.tag_resource(resourceArn=made["addonArn"], tags={"a": "1"})
    assert eks.delete_addon(**names)["addon"]["tags"] == {"a": "1"}
    assert eks.refused("describe_addon", **names) == "ResourceNotFoundException"


def test_an_addon_s_pod_identity_associations(eks, cluster):
    names = {"clusterName": cluster, "addonName": "vpc-cni"}
    node = [{"serviceAccount": "aws-node", "roleArn": ROLE}]
    assert eks.refused("create_addon", **names, podIdentityAssociations=[{"serviceAccount": "none", "roleArn": ROLE}]) == "InvalidParameterException"
    made = eks.create_addon(**names, podIdentityAssociations=node)["addon"]
    listed = eks.list_pod_identity_associations(clusterName=cluster, serviceAccount="aws-node")["associations"]
    assert made["podIdentityAssociations"] == [a["associationArn"] for a in listed] and listed[0]["ownerArn"] == made["addonArn"]
    assert eks.refused("delete_pod_identity_association", clusterName=cluster, associationId=listed[0]["associationId"]) == "InvalidRequestException"
    wait_for("the addon", lambda: eks.describe_addon(**names)["addon"]["status"] == "ACTIVE")
    updates = []
    for wanted in ([{**node[0], "roleArn": ROLE + "2"}], []):
        updates.append(eks.update_addon(**names, podIdentityAssociations=wanted)["update"])
        assert eks.ended(updates[-1], name=cluster, addonName="vpc-cni")["status"] == "Successful"
    assert updates[0]["id"] != updates[1]["id"]
    assert eks.list_pod_identity_associations(clusterName=cluster, serviceAccount="aws-node")["associations"] == []
    eks.delete_addon(**names)


def test_capabilities(eks, cluster):
    names = {"clusterName": cluster, "capabilityName": "cd"}
    argo = {"argoCd": {"awsIdc": {"idcInstanceArn": "arn:aws:sso:::instance/ssoins-1"}}}
    more = {"type": "ARGOCD", "roleArn": ROLE, "deletePropagationPolicy": "RETAIN"}
    assert eks.refused("create_capability", **names, **more) == "InvalidParameterException"
    made = eks.create_capability(**names, **more, configuration=argo)["capability"]
    assert made["status"] == "CREATING" and f"capability/{cluster}/argocd/cd/" in made["arn"]
    assert eks.refused("create_capability", **names, **more, configuration=argo) == "ResourceInUseException"
    wait_for("the capability", lambda: eks.describe_capability(**names)["capability"]["status"] == "ACTIVE")
    assert [c["capabilityName"] for c in eks.list_capabilities(clusterName=cluster)["capabilities"]] == ["cd"]
    mappings = [{"role": "ADMIN", "identities": [{"id": "u", "type": "SSO_USER"}]}]
    update = eks.update_capability(**names, configuration={"argoCd": {"rbacRoleMappings": {"addOrUpdateRoleMappings": mappings}}})["update"]
    assert update["type"] == "CapabilityUpdate"
    assert eks.ended(update, name=cluster, capabilityName="cd")["status"] == "Successful"
    assert eks.describe_capability(**names)["capability"]["configuration"]["argoCd"]["rbacRoleMappings"] == mappings
    eks.tag_resource(resourceArn=made["arn"], tags={"a": "1"})
    assert eks.delete_capability(**names)["capability"]["tags"] == {"a": "1"}
    assert eks.refused("describe_capability", **names) == "ResourceNotFoundException"


def test_certificate_authorities(eks, cluster):
    """Behind a record there is nothing that could trust a new one: the update ends with that reason, and it can't be activated."""
    made = eks.create_certificate_authority(clusterName=cluster)
    by_id = {"clusterName": cluster, "certificateAuthorityId": made["certificateAuthority"]["id"]}
    assert eks.refused("create_certificate_authority", clusterName=cluster) == "ResourceLimitExceededException"
    update = eks.ended(made["update"], name=cluster)
    assert (update["type"], update["status"]) == ("CertificateAuthorityUpdate", "Failed") and "Secret" in update["errors"][0]["errorMessage"]
    described = eks.describe_certificate_authority(**by_id)["certificateAuthority"]
    assert (described["signingStatus"], described["distributionStatus"], described["createdBy"]) == ("NOT_USED", "FAILED", "CUSTOMER")
    assert b"BEGIN CERTIFICATE" in base64.b64decode(described["data"])
    assert by_id["certificateAuthorityId"] in [c["id"] for c in eks.list_certificate_authorities(clusterName=cluster)["certificateAuthorities"]]
    assert eks.refused("activate_certificate_authority", **by_id) == "InvalidParameterException"
    update = eks.delete_certificate_authority(**by_id)["update"]
    assert eks.ended(update, name=cluster)["status"] == "Successful"
    assert eks.refused("describe_certificate_authority", **by_id) == "ResourceNotFoundException"


def test_insights(eks, cluster):
    insights = eks.list_insights(clusterName=cluster)["insights"]
    names = {i["name"]: i for i in insights}
    assert names["Kubelet version skew"]["insightStatus"]["status"] == "UNKNOWN", "nothing runs"
    health = names["Cluster health issues"]
    assert (health["category"], health["kubernetesVersion"], health["insightStatus"]["status"]) == ("UPGRADE_READINESS", "1.36", "PASSING")
    assert eks.describe_insight(clusterName=cluster, id=health["id"])["insight"]["recommendation"]
    assert eks.refused("describe_insight", clusterName=cluster, id="none") == "ResourceNotFoundException"
    eks.create_addon(clusterName=cluster, addonName="kube-proxy")
    assert eks.start_insights_refresh(clusterName=cluster)["status"] == "IN_PROGRESS"
    wait_for("the refresh", lambda: eks.describe_insights_refresh(clusterName=cluster)["status"] == "COMPLETED")
    wrong = eks.list_insights(clusterName=cluster, filter={"statuses": ["PASSING", "ERROR"]})["insights"]
    assert {i["name"] for i in wrong} == {"Cluster health issues", "EKS add-on version compatibility"}
    eks.delete_addon(clusterName=cluster, addonName="kube-proxy")


def test_eks_anywhere_subscriptions(eks, cluster):
    assert eks.refused("create_eks_anywhere_subscription", name="s", term={"duration": 5, "unit": "MONTHS"}) == "InvalidParameterException"
    name = f"sub-{cluster}"
    made = eks.create_eks_anywhere_subscription(name=name, term={"duration": 12, "unit": "MONTHS"}, licenseQuantity=2)["subscription"]
    assert made["status"] == "ACTIVE" and made["arn"].endswith(f"eks-anywhere-subscription/{made['id']}")
    assert eks.update_eks_anywhere_subscription(id=made["id"], autoRenew=True)["subscription"]["autoRenew"] is True
    assert eks.describe_eks_anywhere_subscription(id=made["id"])["subscription"]["licenseQuantity"] == 2
    assert made["id"] in [s["id"] for s in eks.list_eks_anywhere_subscriptions(includeStatus=["ACTIVE"])["subscriptions"]]
    eks.tag_resource(resourceArn=made["arn"], tags={"a": "1"})
    assert eks.delete_eks_anywhere_subscription(id=made["id"])["subscription"]["tags"] == {"a": "1"}
    assert eks.refused("describe_eks_anywhere_subscription", id=made["id"]) == "ResourceNotFoundException"


@pytest.mark.parametrize("kind", ["boto", "cli"])
def test_every_operation_was_called(records, kind):
    operations = {xform_name(name) for name in boto(records).meta.service_model.operation_names}
    assert len(operations) >= 70 and CALLED[kind] >= operations, operations - CALLED[kind]
