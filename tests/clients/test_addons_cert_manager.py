"""The addon cert-manager in a real cluster: it issues certificates, is configured and goes, and what people made of it stays."""
import json

import pytest
from conftest import addon_images, boto, cluster_with_node, wait_for

ROLE = "arn:aws:iam::000000000000:role/r"
CLUSTER, NAME = "certificates", "cert-manager"
PROGRAMS = ["cert-manager", "cert-manager-cainjector", "cert-manager-webhook"]
QUICK = {"Delay": 1, "MaxAttempts": 240}


@pytest.fixture(scope="module")
def eks(real):
    return boto(real)


@pytest.fixture(scope="module")
def images():
    """The images of the addon, where their own registry doesn't answer."""
    addon_images(NAME)


@pytest.fixture(scope="module")
def child(real, images, tmp_path_factory):
    """kubectl for a cluster with a node."""
    with cluster_with_node(real, CLUSTER, tmp_path_factory.mktemp(CLUSTER)) as kubectl:
        yield kubectl


def active(eks):
    eks.get_waiter("addon_active").wait(clusterName=CLUSTER, addonName=NAME, WaiterConfig=QUICK)
    return eks.describe_addon(clusterName=CLUSTER, addonName=NAME)["addon"]


@pytest.fixture(scope="module")
def installed(eks, child):
    addon = eks.create_addon(clusterName=CLUSTER, addonName=NAME, serviceAccountRoleArn=ROLE)["addon"]
    assert addon["status"] == "CREATING"
    return active(eks)


def made(kind, name, **spec):
    return json.dumps({"apiVersion": "cert-manager.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})


def deployments(child, path):
    return child("-n", NAME, "get", "deployments", "-o", f"jsonpath={{range .items[*]}}{{{path}}} {{end}}").split()


def test_certificates_are_issued_once_the_addon_is_active(child, installed):
    assert installed["addonVersion"] == "v1.18.2-eksbuild.2"
    assert deployments(child, ".metadata.name") == PROGRAMS
    account = json.loads(child("-n", NAME, "get", "serviceaccount", NAME, "-o", "json"))
    assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] == ROLE
    # At once: who waits for the addon needn't wait for its webhook.
    child("apply", "-f", "-", input=made("ClusterIssuer", "self", selfSigned={}))
    child("apply", "-f", "-", input=made("Certificate", "authority", isCA=True, commonName="authority", secretName="authority",
                                         privateKey={"algorithm": "ECDSA", "size": 256}, issuerRef={"name": "self", "kind": "ClusterIssuer"}))
    child("apply", "-f", "-", input=made("Issuer", "authority", ca={"secretName": "authority"}))
    child("apply", "-f", "-", input=made("Certificate", "web", dnsNames=["web.example"], secretName="web", issuerRef={"name": "authority"}))
    child("wait", "certificate/authority", "certificate/web", "--for=condition=Ready", "--timeout=60s")
    secret = json.loads(child("get", "secret", "web", "-o", "json"))["data"]
    assert set(secret) == {"ca.crt", "tls.crt", "tls.key"} and all(secret.values())


def test_the_webhook_refuses_what_is_wrong(child, installed):
    said = child("apply", "-f", "-", code=1, input=made("Certificate", "short", dnsNames=["a"], secretName="short", duration="1m", issuerRef={"name": "authority"}))
    assert "certificate duration must be greater than" in said, said


def test_a_configuration_reaches_the_pods_of_each_program(eks, child, installed):
    values = {"replicaCount": 2, "webhook": {"replicaCount": 2, "podLabels": {"team": "a"}}, "cainjector": {"podLabels": {"team": "b"}}}
    update = eks.update_addon(clusterName=CLUSTER, addonName=NAME, configurationValues=json.dumps(values), serviceAccountRoleArn=ROLE)["update"]["id"]
    state = lambda: eks.describe_update(name=CLUSTER, updateId=update, addonName=NAME)["update"]["status"]
    assert wait_for("the update", lambda: (found := state()) != "InProgress" and found, 180) == "Successful"
    assert active(eks)["health"]["issues"] == []
    assert deployments(child, ".status.availableReplicas") == ["2", "1", "2"]
    assert deployments(child, ".spec.template.metadata.labels.team") == ["b", "a"]
    with pytest.raises(eks.exceptions.InvalidParameterException):
        eks.update_addon(clusterName=CLUSTER, addonName=NAME, configurationValues='{"replicaCount": "two"}')


def test_what_people_made_outlives_the_addon(eks, child, installed):
    eks.delete_addon(clusterName=CLUSTER, addonName=NAME)
    eks.get_waiter("addon_deleted").wait(clusterName=CLUSTER, addonName=NAME, WaiterConfig=QUICK)
    assert child("-n", NAME, "get", "deployments", "-o", "name") == ""
    assert child("get", "validatingwebhookconfigurations,mutatingwebhookconfigurations", "-o", "name").count(NAME) == 0
    wait_for("the pods to go", lambda: child("-n", NAME, "get", "pods", "-o", "name") == "", 60)
    assert child("get", "certificate/web", "secret/web", "-o", "name").split() == ["certificate.cert-manager.io/web", "secret/web"]
