"""Addons that a chart installs: created, measured by, configured, taken over, kept and removed, in a real cluster."""
import json
import os
import subprocess

import pytest
from conftest import addon_images, boto, cluster_with_node, wait_for

ROLE = "arn:aws:iam::000000000000:role/r"
NAME = "metrics-server"
DEPLOYMENT = ("-n", "kube-system", "get", "deployment", NAME, "--ignore-not-found", "-o")
QUICK = {"Delay": 1, "MaxAttempts": 120}
IMAGE = "jsonpath={.spec.template.spec.containers[0].image}"


@pytest.fixture(scope="module")
def eks(real):
    return boto(real)


@pytest.fixture(scope="module")
def child(real, tmp_path_factory):
    """kubectl for a cluster with a node."""
    with cluster_with_node(real, "addons", tmp_path_factory.mktemp("addons")) as kubectl:
        yield kubectl


def create(eks, **more):
    return eks.create_addon(clusterName="addons", addonName=NAME, **more)["addon"]


def described(eks):
    return eks.describe_addon(clusterName="addons", addonName=NAME)["addon"]


def active(eks):
    eks.get_waiter("addon_active").wait(clusterName="addons", addonName=NAME, WaiterConfig=QUICK)


def delete(eks, **more):
    eks.delete_addon(clusterName="addons", addonName=NAME, **more)
    eks.get_waiter("addon_deleted").wait(clusterName="addons", addonName=NAME, WaiterConfig=QUICK)


@pytest.fixture
def none_after(eks, child):
    yield
    delete(eks)
    assert child(*DEPLOYMENT, "name") == ""


def update(eks, **change):
    return ended(eks, **change)["status"]


def ended(eks, **change):
    """The update once it isn't in progress."""
    update = eks.update_addon(clusterName="addons", addonName=NAME, **change)["update"]["id"]
    state = lambda: eks.describe_update(name="addons", updateId=update, addonName=NAME)["update"]
    return wait_for("the update", lambda: (found := state())["status"] != "InProgress" and found, 120)


def test_nodes_are_measured_once_the_addon_is_there(eks, child, none_after, management):
    nodes = child("get", "nodes", "-o", "name").split()
    assert child(*DEPLOYMENT, "name") == "", "as on EKS nothing is there before"
    assert create(eks)["status"] == "CREATING"
    active(eks)
    assert described(eks)["addonVersion"] == "v0.8.0-eksbuild.2"
    assert child(*DEPLOYMENT, IMAGE) == "registry.k8s.io/metrics-server/metrics-server:v0.8.0"

    def measured():
        try:
            lines = child("top", "nodes", "--no-headers").splitlines()
        except AssertionError:
            return False
        return len([line for line in lines if "Mi" in line and "unknown" not in line]) == len(nodes)
    wait_for("the measured use of each node", measured, 120)
    verified = subprocess.run([os.environ["K3EKS_BINARY"], "verify", "addons"], capture_output=True, text=True, timeout=120,
                              env={**os.environ, "KUBECONFIG": management, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"})
    assert verified.returncode == 0 and "metrics.k8s.io has figures of 1 node" in verified.stdout, verified.stdout + verified.stderr
    labels = {"app": "scaled"}
    busy = {"name": "busy", "image": "busybox:1.36", "command": ["sh", "-c", "while :; do :; done"],
            "resources": {"requests": {"cpu": "10m"}, "limits": {"cpu": "50m"}}}
    pod = {"terminationGracePeriodSeconds": 0, "tolerations": [{"operator": "Exists"}], "containers": [busy]}
    child("apply", "-f", "-", input=json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "scaled"}, "spec": {
        "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}}))
    target = {"type": "Utilization", "averageUtilization": 50}
    child("apply", "-f", "-", input=json.dumps({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "scaled"}, "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "scaled"}, "minReplicas": 1, "maxReplicas": 2,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]}}))
    wait_for("a second replica", lambda: child("get", "deployment/scaled", "-o", "jsonpath={.spec.replicas}") == "2", 120)
    child("delete", "hpa/scaled", "deployment/scaled", "--timeout=60s")


def test_a_configuration_reaches_the_pods_and_a_wrong_one_is_refused(eks, child, none_after):
    create(eks, configurationValues=json.dumps({"podLabels": {"team": "a"}}), serviceAccountRoleArn=ROLE)
    active(eks)
    assert child(*DEPLOYMENT, "jsonpath={.spec.template.metadata.labels.team}") == "a"
    account = child("-n", "kube-system", "get", "serviceaccount", NAME, "-o", "json")
    assert json.loads(account)["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] == ROLE
    assert update(eks, configurationValues="replicas: 2\n") == "Successful"
    assert described(eks)["status"] == "ACTIVE"
    assert child(*DEPLOYMENT, "jsonpath={.status.availableReplicas}{.spec.template.metadata.labels.team}") == "2"
    with pytest.raises(eks.exceptions.InvalidParameterException):
        eks.update_addon(clusterName="addons", addonName=NAME, configurationValues='{"replicas": "two"}')


@pytest.fixture
def earlier():
    """The image of the earlier version, where its own registry doesn't answer."""
    addon_images(f"{NAME}-v0.7")


def test_an_update_goes_to_another_version_and_back(eks, child, none_after, earlier):
    newest, before = "v0.8.0", "v0.7.2"
    offered = {one["addonVersion"].split("-")[0]: one["addonVersion"] for one in
               eks.describe_addon_versions(addonName=NAME)["addons"][0]["addonVersions"]}
    runs = lambda version: (described(eks)["addonVersion"], child(*DEPLOYMENT, IMAGE)) == (
        offered[version], f"registry.k8s.io/metrics-server/metrics-server:{version}")
    create(eks, addonVersion=offered[before])
    active(eks)
    assert runs(before)
    for version in newest, before:
        assert update(eks, addonVersion=offered[version]) == "Successful"
        assert runs(version) and described(eks)["status"] == "ACTIVE"
        assert child(*DEPLOYMENT, "jsonpath={.status.availableReplicas}/{.status.updatedReplicas}") == "1/1"
    with pytest.raises(eks.exceptions.InvalidParameterException):
        eks.update_addon(clusterName="addons", addonName=NAME, addonVersion="v0.6.0-eksbuild.1")


def test_what_is_preserved_stays_and_is_taken_over_again(eks, child, none_after):
    create(eks)
    active(eks)
    before = child(*DEPLOYMENT, "jsonpath={.metadata.uid}")
    delete(eks, preserve=True)
    assert child(*DEPLOYMENT, "jsonpath={.metadata.uid}") == before
    create(eks, resolveConflicts="OVERWRITE")
    active(eks)
    assert child(*DEPLOYMENT, "jsonpath={.metadata.uid}") == before


def test_what_somebody_else_made_is_a_conflict_until_it_is_overwritten(eks, child, none_after):
    child("-n", "kube-system", "create", "serviceaccount", NAME)
    create(eks)
    wait_for("the conflict", lambda: described(eks)["status"] == "CREATE_FAILED", 60)
    issue, = described(eks)["health"]["issues"]
    assert issue["code"] == "ConfigurationConflict" and "OVERWRITE" in issue["message"], issue
    assert update(eks, configurationValues="replicas: 1") == "Failed", "it is in the way of the next one no more"
    assert update(eks, resolveConflicts="OVERWRITE") == "Successful"
    active(eks)


def test_an_update_does_with_what_others_set_what_it_is_told(eks, child, none_after):
    fields = "jsonpath={.spec.replicas} {.spec.template.spec.priorityClassName} {.spec.template.spec.containers[0].env[*].value}"
    create(eks)
    active(eks)
    ours, theirs = "1 system-cluster-critical more", "2 system-node-critical more"
    critical = {"spec": {"template": {"spec": {"priorityClassName": "system-node-critical"}}}}

    def change():
        child("-n", "kube-system", "scale", "deployment", NAME, "--replicas=2")
        child("-n", "kube-system", "patch", "deployment", NAME, "--patch", json.dumps(critical))
        child("-n", "kube-system", "set", "env", f"deployment/{NAME}", "MORE=more")
        assert child(*DEPLOYMENT, fields) == theirs
    change()
    failed = ended(eks, resolveConflicts="NONE")
    error, = failed["errors"]
    assert (failed["status"], error["errorCode"]) == ("Failed", "ConfigurationConflict"), failed
    assert "Conflicts found when trying to apply. Will not continue due to resolve conflicts mode. Conflicts:" in error["errorMessage"]
    for field in ".spec.replicas", ".spec.template.spec.priorityClassName":
        assert f"Deployment.apps {NAME} - {field}" in error["errorMessage"], error
    assert ".env" not in error["errorMessage"], "the addon has no such variable"
    assert described(eks)["status"] == "UPDATE_FAILED" and child(*DEPLOYMENT, fields) == theirs
    assert update(eks, resolveConflicts="PRESERVE", configurationValues=json.dumps({"podLabels": {"team": "b"}})) == "Successful"
    assert child(*DEPLOYMENT, fields) == theirs
    assert child(*DEPLOYMENT, "jsonpath={.spec.template.metadata.labels.team}") == "b"
    assert update(eks, resolveConflicts="NONE") == "Failed", "what was kept is still somebody else's"
    assert update(eks, resolveConflicts="OVERWRITE") == "Successful"
    assert child(*DEPLOYMENT, fields) == ours
    change()
    assert update(eks, resolveConflicts="OVERWRITE") == "Successful", "the same word again"
    assert child(*DEPLOYMENT, fields) == ours
    assert update(eks, resolveConflicts="NONE") == "Successful"


def test_an_installation_that_was_interrupted_is_finished(eks, child, none_after):
    """Helm leaves this where it is killed, and refuses to begin anything else."""
    labels = {"owner": "helm", "name": NAME, "status": "pending-install", "version": "1"}
    child("-n", "kube-system", "apply", "-f", "-", input=json.dumps({
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1", "metadata": {"name": f"sh.helm.release.v1.{NAME}.v1", "labels": labels}}))
    create(eks)
    active(eks)
