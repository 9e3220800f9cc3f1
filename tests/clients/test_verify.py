"""`k3eks verify` on a cluster that is well, on one that isn't, and interrupted."""
import json
import os
import signal
import subprocess

import pytest
from conftest import boto, wait_for

NAME = "verified"
ROLE = "arn:aws:iam::000000000000:role/r"
# What a cluster has in any case; the others may be skipped, with why.
ALWAYS = {"endpoint", "endpoint in a pod", "nodes", "DNS", "pod to pod", "sign-in", "IRSA", "Pod Identity", "LoadBalancer"}


@pytest.fixture(scope="module")
def child(real, management, tmp_path_factory):
    """kubectl for a cluster with two nodes."""
    eks = boto(real)
    eks.create_cluster(name=NAME, roleArn=ROLE, resourcesVpcConfig={})
    wait_for("the cluster", lambda: eks.describe_cluster(name=NAME)["cluster"]["status"] == "ACTIVE", 120)
    eks.create_nodegroup(clusterName=NAME, nodegroupName="workers", nodeRole=ROLE, subnets=["subnet-1"], labels={"team": "a"},
                         taints=[{"key": "ours", "value": "yes", "effect": "PREFER_NO_SCHEDULE"}],
                         scalingConfig={"minSize": 1, "maxSize": 2, "desiredSize": 2})
    wait_for("its nodes", lambda: eks.describe_nodegroup(clusterName=NAME, nodegroupName="workers")["nodegroup"]["status"] == "ACTIVE", 120)
    kubeconfig = tmp_path_factory.mktemp("verified") / "kubeconfig"
    kubeconfig.touch(0o600)
    with open(kubeconfig, "w") as file:
        subprocess.run([os.environ["K3EKS_BINARY"], "kubeconfig", NAME], env=env(management), stdout=file, check=True)

    def kubectl(*arguments):
        done = subprocess.run(["kubectl", "--kubeconfig", kubeconfig, *arguments], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout
    yield kubectl
    eks.delete_nodegroup(clusterName=NAME, nodegroupName="workers")
    wait_for("the group's end", lambda: not eks.list_nodegroups(clusterName=NAME)["nodegroups"], 120)
    eks.delete_cluster(name=NAME)


def env(management):
    return {**os.environ, "KUBECONFIG": management, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def verify(management, *arguments):
    command = [os.environ["K3EKS_BINARY"], "verify", NAME, *arguments]
    return subprocess.run(command, env=env(management), capture_output=True, text=True, timeout=120)


def found(done):
    return {one["check"]: one for one in json.loads(done.stdout)["checks"]}


def nothing_left(child, management):
    assert "k3eks-verify" not in child("get", "namespaces", "-o", "name")
    left = subprocess.run(["kubectl", "get", "podidentityassociations", "-A", "-l", "k3eks.io/verify", "-o", "name"],
                          env=env(management), capture_output=True, text=True, check=True).stdout
    assert left == ""


def test_a_new_cluster_is_green(child, management):
    done = verify(management, "--json")
    checks = found(done)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert {name for name, one in checks.items() if one["state"] == "ok"} >= ALWAYS, checks
    assert "2 nodes" in checks["pod to pod"]["found"] and "arn:aws:iam::000000000000:role/k3eks-verify" in checks["IRSA"]["found"]
    assert "28080 answers from here" in checks["LoadBalancer"]["found"]
    nothing_left(child, management)


def test_what_is_broken_is_red_and_nothing_else_is(child, management):
    zone = r"topology\.kubernetes\.io/zone"
    of_first = f"jsonpath={{.items[0].metadata.name}} {{.items[0].metadata.labels.{zone}}}"
    node, zone = child("get", "nodes", "-l", "eks.amazonaws.com/nodegroup", "-o", of_first).split()
    child("-n", "kube-system", "scale", "deploy/coredns", "--replicas=0")
    # A label that nobody puts right.
    child("label", "node", node, "topology.kubernetes.io/zone=eu-north-1a", "--overwrite")
    try:
        done = verify(management, "--json")
        lines = verify(management)
    finally:
        child("-n", "kube-system", "scale", "deploy/coredns", "--replicas=1")
        child("label", "node", node, f"topology.kubernetes.io/zone={zone}", "--overwrite")
    checks = found(done)
    assert done.returncode == 1 and "2 of 11 checks" in done.stderr, done.stderr
    assert {name for name, one in checks.items() if one["state"] == "failed"} == {"DNS", "nodes"}, checks
    assert "0 of 0 pods ready" in checks["DNS"]["found"] and "coredns" in checks["DNS"]["mend"]
    assert f"{node}: label topology.kubernetes.io/zone is eu-north-1a, not a zone of us-east-1" in checks["nodes"]["found"]
    assert lines.returncode == 1 and "FAILED   DNS " in lines.stdout and "ok       pod to pod " in lines.stdout
    nothing_left(child, management)


def test_interrupted_it_takes_back_what_it_made(child, management):
    process = subprocess.Popen([os.environ["K3EKS_BINARY"], "verify", NAME], env=env(management), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for("its namespace", lambda: "k3eks-verify" in child("get", "namespaces", "-o", "name"))
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1 and "interrupted" in said
    nothing_left(child, management)


def test_a_cluster_that_can_not_be_verified_is_told_why(management):
    done = subprocess.run([os.environ["K3EKS_BINARY"], "verify", "nobody-made-this"], env=env(management), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "there is no cluster nobody-made-this" in done.stderr
