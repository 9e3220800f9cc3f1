"""What a management cluster that `make up` made lets whom do: its ports, its files, and the rights of the two service accounts in it."""
import json
import os
import subprocess
import urllib.request

import pytest
from conftest import boto, wait_for

ROLE = "arn:aws:iam::000000000000:role/r"
NAMESPACE = "k3eks-system"
API, OPERATOR = (f"system:serviceaccount:{NAMESPACE}:{name}" for name in ("k3eks-api", "k3eks"))
WAYS_UP = ["create pods", "create pods/exec", "create deployments.apps", "create daemonsets.apps", "create jobs.batch", "create serviceaccounts/token",
           "impersonate serviceaccounts", "impersonate users", "impersonate groups", "escalate roles.rbac.authorization.k8s.io",
           "bind roles.rbac.authorization.k8s.io", "escalate clusterroles.rbac.authorization.k8s.io", "bind clusterroles.rbac.authorization.k8s.io",
           "create clusterrolebindings.rbac.authorization.k8s.io", "get nodes/proxy", "create mutatingwebhookconfigurations.admissionregistration.k8s.io",
           "delete validatingadmissionpolicies.admissionregistration.k8s.io", "update certificatesigningrequests.certificates.k8s.io/approval"]


@pytest.fixture(scope="module")
def kubectl(management):
    def kubectl(*args, code=0, **options):
        done = subprocess.run(["kubectl", "--kubeconfig", management, *args], capture_output=True, text=True, **options)
        assert code is None or (done.returncode == 0) == (code == 0), (args, done.stdout, done.stderr)
        return done.stdout + done.stderr
    return kubectl


@pytest.fixture(scope="module")
def node(management):
    return f"k3d-{os.path.basename(management).removesuffix('.kubeconfig')}-server-0"


@pytest.fixture(scope="module")
def child(real, tmp_path_factory):
    """kubectl of a child cluster, in whose nodes pods can run."""
    eks = boto(real)
    eks.create_cluster(name="walls", roleArn=ROLE, resourcesVpcConfig={})
    wait_for("the cluster", lambda: eks.describe_cluster(name="walls")["cluster"]["status"] == "ACTIVE", 180)
    kubeconfig = tmp_path_factory.mktemp("walls") / "kubeconfig"
    kubeconfig.write_bytes(urllib.request.urlopen(f"{real}/_k3eks/clusters/walls/kubeconfig").read())

    def kubectl(*args):
        return subprocess.run(["kubectl", "--kubeconfig", kubeconfig, *args], capture_output=True, text=True)
    wait_for("the account that pods have", lambda: kubectl("get", "serviceaccount", "default").returncode == 0, 60)
    yield kubectl
    eks.delete_cluster(name="walls")


def docker(*args):
    return subprocess.run(["docker", *args], capture_output=True, text=True)


def test_everything_is_published_on_this_host_alone_and_nobody_else_reads_the_way_in(management, node):
    ports = json.loads(docker("inspect", "-f", "{{json .NetworkSettings.Ports}}", node).stdout)
    addresses = {binding["HostIp"] for bindings in ports.values() for binding in bindings or []}
    assert addresses == {"127.0.0.1"}
    for file in (management, management.removesuffix(".kubeconfig") + ".env"):
        assert os.stat(file).st_mode & 0o777 == 0o600, file


@pytest.mark.parametrize("account", [API, OPERATOR])
def test_no_way_leads_up_from_an_account(kubectl, account):
    open_ways = [way for way in WAYS_UP if kubectl("auth", "can-i", *way.split(), "-A", f"--as={account}", code=None).splitlines()[0:1] == ["yes"]]
    assert open_ways == []


def test_the_api_reads_the_kubeconfigs_that_it_was_given_and_no_other_secret(kubectl, child):
    namespace, name = "default", kubectl("get", "eks", "-o", "jsonpath={.items[?(@.spec.displayName=='walls')].metadata.name}")
    may = lambda secret, space, verb="get": kubectl("auth", "can-i", verb, f"secrets/{secret}", "-n", space, f"--as={API}", code=None).startswith("yes")  # noqa: E731
    assert may(f"{name}-kubeconfig", namespace) and may("k3eks-identity", NAMESPACE)
    assert not may(f"{name}-kubeconfig", namespace, "delete") and not may(name, namespace) and not may("k3eks-make-up", NAMESPACE)
    assert "forbidden" in kubectl("get", "secrets", "-A", f"--as={API}", code=1)


def test_no_account_makes_the_token_of_another_one(kubectl):
    secret = json.dumps({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
                         "metadata": {"name": "way-up", "namespace": "kube-system", "annotations": {"kubernetes.io/service-account.name": "default"}}})
    assert "makes no Secrets of this type" in kubectl("create", "-f", "-", f"--as={OPERATOR}", code=1, input=secret)
    assert "makes no Secrets of this type" in kubectl("apply", "--server-side", "-f", "-", f"--as={OPERATOR}", code=1, input=secret)
    assert "forbidden" in kubectl("create", "-f", "-", f"--as={API}", code=1, input=secret)
    kubectl("-n", "default", "create", "secret", "generic", "somebody-s", "--from-literal=a=b")
    try:
        patch = ["-n", "default", "patch", "secret", "somebody-s", "-p", '{"stringData": {"a": "c"}}', f"--as={OPERATOR}"]
        assert "only Secrets of its clusters" in kubectl(*patch, code=1)
    finally:
        kubectl("-n", "default", "delete", "secret", "somebody-s")


def test_nobody_plants_the_keys_of_a_cluster_whose_secrets_they_may_not_read(kubectl):
    """Labels and an owner are all that tells a cluster's Secret from another one."""
    names = ["-n", "default"]
    uid = "00000000-0000-0000-0000-000000000001"
    owner = [{"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "name": "planted", "uid": uid}]
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "planted-server-keys"}, "stringData": {"webhook.tokens": "mine"}}
    planter = "--as=planter"
    kubectl(*names, "create", "role", "planter", "--verb=create,patch,update", "--resource=secrets")
    kubectl(*names, "create", "rolebinding", "planter", "--role=planter", "--user=planter")
    try:
        whole = json.dumps(secret | {"metadata": secret["metadata"] | {"ownerReferences": owner}})
        assert "who may read Secrets" in kubectl(*names, "create", "-f", "-", planter, code=1, input=whole)
        # Without an owner it is a Secret like any other, and the cluster's it doesn't become.
        kubectl(*names, "create", "-f", "-", planter, input=json.dumps(secret))
        # kubectl would read it before it writes.
        labelled = json.dumps(secret | {"metadata": secret["metadata"] | {"labels": {"k3eks.io/cluster": "planted"}, "ownerReferences": owner}})
        put = ["replace", "--raw", "/api/v1/namespaces/default/secrets/planted-server-keys", "-f", "-", planter]
        assert "who may read Secrets" in kubectl(*put, code=1, input=labelled)
        kubectl(*names, "create", "role", "reader", "--verb=get", "--resource=secrets")
        kubectl(*names, "create", "rolebinding", "reader", "--role=reader", "--user=planter")
        kubectl(*put, input=labelled)
    finally:
        kubectl(*names, "delete", "role/planter", "rolebinding/planter", "role/reader", "rolebinding/reader", "secret/planted-server-keys", "--ignore-not-found")


def test_the_api_imports_nothing_by_name(kubectl):
    registries = {"configs": [{"registry": "mine.example", "authSecretRef": {"name": "somebody-s"}}]}
    for spec in ({"imported": True, "displayName": "k3eks-test"}, {"imported": True, "kubeconfigSecret": "somebody-s"}, {"registries": registries}):
        cluster = json.dumps({"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": {"name": "way-up", "namespace": "default"}, "spec": spec})
        assert "the EKS API" in kubectl("create", "-f", "-", f"--as={API}", code=1, input=cluster)


def asked(command, address):
    """What is told to somebody who asks for the clusters, and for a kubeconfig, without any credentials; and what is open to them."""
    def get(path, port):
        # Whoever has nothing more to say is hung up on, so the answer is waited for.
        script = f"(printf 'GET {path} HTTP/1.0\\r\\n\\r\\n'; sleep 1) | $(command -v nc || echo busybox nc) -w 5 {address} {port}"
        return command("sh", "-c", script).stdout
    paths = ("/clusters", "/_k3eks/clusters/walls/kubeconfig?internal=true", "/_k3eks/")
    return [get(path, 30456).splitlines()[:1] for path in paths], get("/", 30458)


def test_the_port_is_closed_to_child_clusters_and_to_other_containers(real, node, child):
    network = f"{node.removesuffix('-server-0')}-children"
    address = docker("inspect", "-f", f'{{{{(index .NetworkSettings.Networks "{network}").IPAddress}}}}', node).stdout.strip()
    pod = child("run", "asks", "--image=busybox:1.36", "--image-pull-policy=IfNotPresent", "--restart=Never", "--command", "--", "sleep", "600")
    assert pod.returncode == 0, pod.stderr
    ready = child("wait", "--for=condition=Ready", "pod/asks", "--timeout=120s")
    assert ready.returncode == 0, ready.stderr
    server = docker("ps", "-q", "--filter", "label=k3eks.io/cluster", "--filter", "name=eks-walls").stdout.split()[0]
    for who, command in {
        "a pod": lambda *args: child("exec", "asks", "--", *args),
        "a node": lambda *args: docker("exec", server, *args),
        "a container": lambda *args: docker("run", "--rm", "--network", network, "busybox:1.36", *args),
    }.items():
        told, sts = asked(command, address)
        assert told == [["HTTP/1.0 403 Forbidden"]] * 3, (who, told)
        assert sts.startswith("HTTP/1.0 "), (who, "STS is there for them", sts)
    assert "walls" in boto(real).list_clusters()["clusters"], "this host is let in"


def test_no_child_is_on_the_network_whose_addresses_the_api_believes(node, child, kubectl):
    # Whoever is on a network can answer for every address there, this host's included.
    def networks(container):
        return set(json.loads(docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", container).stdout))
    apart = node.removesuffix("-server-0")
    children = docker("ps", "-q", "--filter", "label=k3eks.io/cluster", "--filter", "name=walls").stdout.split()
    assert children and networks(node) == {apart, f"{apart}-children"}
    for container in children:
        assert apart not in networks(container), container
    believed = [argument.split("=")[1] for argument in json.loads(kubectl(
        "-n", NAMESPACE, "get", "deploy/k3eks-api", "-o", "jsonpath={.spec.template.spec.containers[0].args}")) if argument.startswith("--allow-from=")]
    gateway = docker("network", "inspect", apart, "-f", "{{(index .IPAM.Config 0).Gateway}}").stdout.strip()
    assert [address for address in believed if "/" not in address and not address.startswith("!")] == [gateway]


def test_a_protected_cluster_s_deletion_is_refused_before_it_begins(kubectl):
    spec = {"provider": "metadata", "deletionProtection": True}
    cluster = {"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": {"name": "protected", "namespace": "default"}, "spec": spec}
    kubectl("apply", "-f", "-", input=json.dumps(cluster))
    kubectl("wait", "--for=condition=Ready", "eks/protected", "--timeout=60s")
    assert "set spec.deletionProtection to false, then delete" in kubectl("delete", "eks/protected", "--wait=false", code=1)
    assert kubectl("get", "eks/protected", "-o", "jsonpath={.metadata.deletionTimestamp}") == ""
    kubectl("patch", "eks/protected", "--type=merge", "-p", '{"spec": {"deletionProtection": false}}')
    kubectl("delete", "eks/protected", "--timeout=60s")
