"""Clusters out of git, by Flux's own controllers: config/flux as it is, with the address of a repository of the test's own."""
import base64
import json
import os
import subprocess

import pytest
from conftest import NEXT, VERSION, boto, wait_for
from flux import ROOT, Flux
from git_http import Repository, serve

CLUSTER = """
apiVersion: eks.cattle.io/v1
kind: EKSClusterConfig
metadata: {{name: demo-git}}
spec:
  region: us-east-1
  kubernetesVersion: "{version}"
  tags: {{team: platform}}
  nodeGroups:
    - {{nodegroupName: scaled, instanceType: t3.small, minSize: 0, maxSize: 3, desiredSize: 1}}
---
apiVersion: k3eks.io/v1alpha1
kind: Nodegroup
metadata: {{name: demo-git-workers}}
spec:
  clusterName: demo-git
  instanceTypes: [t3.small]
  labels: {{team: platform{labels}}}
  scalingConfig: {{minSize: 0, maxSize: 3, desiredSize: {size}}}
"""


def declared(version, size, labels=""):
    return CLUSTER.format(version=version, size=size, labels=labels)


DEMO = "clusters/demo.yaml"
WORKLOAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: greeting, namespace: default}\ndata: {hello: world}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("git")


@pytest.fixture(scope="module")
def git(folder):
    server = serve(folder)
    repository = Repository(folder, "clusters")
    repository.url = f"{server.url}/clusters.git"
    yield repository
    server.shutdown()


@pytest.fixture(scope="module")
def flux(management, git, folder):
    flux = Flux(management, folder)
    yield flux
    # Prunes what is still there.
    flux.kubectl("delete", "kustomization,gitrepository", "-A", "--all", "--timeout=120s")
    flux.end()
    flux.kubectl("delete", "namespace", "flux-system", "--timeout=60s")


@pytest.fixture(scope="module")
def team(flux, git):
    """The team's repository with a cluster and its workload in it, and Flux told of it."""
    example = (ROOT / "config/flux/clusters.yaml").read_text()
    # The controllers run on the host here, which has a key of its own in the Secret.
    for there, here in {"https://git.example.com/team/clusters.git": git.url, "demo-kubeconfig, key: internal": "demo-git-kubeconfig, key: value", "interval: 1m": "interval: 10m"}.items():
        assert there in example
        example = example.replace(there, here)
    git.first = git.commit("a cluster", {DEMO: declared(VERSION, 1), "workloads/demo/greeting.yaml": WORKLOAD})
    flux.kubectl("apply", "-f", "-", input=example)
    return git


def spec(flux):
    return flux.get("eks", "demo-git", "default")["spec"]


def carry_out(flux, commit):
    flux.reconcile("gitrepository", "clusters")
    flux.carried_out("clusters", commit)


def test_a_cluster_its_workload_and_every_change_come_out_of_git(flux, team, real, tmp_path):
    flux.carried_out("clusters", team.first)
    cluster = flux.get("eks", "demo-git", "default")
    assert cluster["status"]["phase"] == "Active", cluster["status"]
    flux.carried_out("demo-workload", team.first, "default")
    secret = flux.get("secret", "demo-git-kubeconfig", "default")["data"]["value"]
    child = tmp_path / "child"
    child.write_bytes(base64.b64decode(secret))

    def in_child(*arguments):
        return json.loads(subprocess.run(["kubectl", "--kubeconfig", child, *arguments, "-o", "json"], check=True, capture_output=True, text=True).stdout)

    def nodes():
        found = in_child("get", "nodes", "-l", "eks.amazonaws.com/nodegroup=demo-git-workers")["items"]
        return [node["metadata"]["name"] for node in found if {"type": "Ready", "status": "True"}.items() <= node["status"]["conditions"][-1].items()]
    assert len(nodes()) == 1
    assert in_child("get", "configmap", "greeting")["data"] == {"hello": "world"}

    carry_out(flux, team.commit("two nodes", {DEMO: declared(VERSION, 2)}))
    assert len(nodes()) == 2
    carry_out(flux, team.commit("another version", {DEMO: declared(NEXT, 2)}))
    version = in_child("version")["serverVersion"]["gitVersion"]
    assert version.startswith(f"v{NEXT}."), version

    # What the API server refuses, and what only the operator can tell: of that Flux names the resource, which says why.
    for bad, says in [(declared(NEXT, -2), "desiredSize"), (declared(VERSION, 2), "never back"),
                      (declared(NEXT, 2, ", node-role.kubernetes.io/web: a"), "Nodegroup/default/demo-git-workers status: 'Failed'")]:
        commit = team.commit("a mistake", {DEMO: bad})
        flux.reconcile("gitrepository", "clusters")
        assert says in flux.failed("clusters", commit)
        if "status" in says:
            stalled = next(c for c in flux.get("ng", "demo-git-workers", "default")["status"]["conditions"] if c["type"] == "Stalled")
            assert "a kubelet can't give its node the label" in stalled["message"], stalled
        carry_out(flux, team.revert())
        # The change that was taken back is an update of its own.
        wait_for("the cluster", lambda: boto(real).describe_cluster(name="demo-git")["cluster"]["status"] == "ACTIVE", 60)


def test_what_git_owns_comes_back_and_what_autoscaling_owns_does_not(flux, team, real):
    flux.carried_out("clusters", team.git("rev-parse", "HEAD"))
    eks = boto(real)
    eks.tag_resource(resourceArn=eks.describe_cluster(name="demo-git")["cluster"]["arn"], tags={"team": "somebody else"})
    for group in ("demo-git-scaled", "demo-git-workers"):
        flux.kubectl("scale", "ng", group, "--replicas", "0")
    assert spec(flux)["tags"] == {"team": "somebody else"}
    flux.reconcile("kustomization", "clusters")
    wait_for("git's tag", lambda: spec(flux)["tags"] == {"team": "platform"}, 60)
    # A group of its own is git's with its size; the size of an inline one is whoever's scaled it.
    for group, ready in [("demo-git-workers", 2), ("demo-git-scaled", 0)]:
        wait_for(f"{ready} nodes in {group}", lambda: flux.get("ng", group, "default")["status"].get("readyReplicas") == ready, 120)
        assert flux.get("ng", group, "default")["spec"]["scalingConfig"]["desiredSize"] == ready


def test_a_cluster_that_git_has_no_more_goes_with_its_containers(flux, team):
    flux.carried_out("clusters", team.git("rev-parse", "HEAD"))
    # What is in the cluster goes first, or it would be looked for where nothing is.
    flux.kubectl("-n", "default", "delete", "kustomization", "demo-workload", "--timeout=60s")
    carry_out(flux, team.commit("no cluster", {DEMO: None, "clusters/kustomization.yaml": "resources: []\n"}))
    flux.kubectl("wait", "--for=delete", "eks/demo-git", "--timeout=120s")
    left = subprocess.run(["docker", "ps", "-aq", "--filter", "label=k3eks.io/cluster", "--filter", "name=eks-demo-git"], env=os.environ, capture_output=True, text=True)
    assert left.stdout == ""
