"""A registry of the user's, with a password and a certificate authority of its own, on the network of child clusters."""
import base64
import json
import os
import pathlib
import subprocess

import pytest
from conftest import cluster_with_node, pod, run, wait_for, why

NAME = "own-registries"
HOST = "mirror.k3eks.test:5000"
USER, PASSWORD = "robot", "U*U"
# Of the password, by bcrypt: the registry takes no other.
HASH = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
CONFIG = """version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: ":5000", tls: {certificate: /tls.crt, key: /tls.key}}
auth: {htpasswd: {realm: mirror, path: /htpasswd}}
"""


@pytest.fixture(scope="module")
def kubectl(management):
    def kubectl(*args, **options):
        return run("kubectl", "--kubeconfig", management, *args, **options)
    return kubectl


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The registry's files, and its certificate authority."""
    folder = tmp_path_factory.mktemp("mirror")
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "htpasswd").write_text(f"{USER}:{HASH}\n")
    (folder / "names").write_text(f"subjectAltName=DNS:{HOST.split(':')[0]}\n")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    run("openssl", "req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=mirror-ca", "-days", "2", cwd=folder)
    run("openssl", "req", *curve, "-keyout", "tls.key", "-out", "tls.csr", "-subj", "/CN=mirror", cwd=folder)
    run("openssl", "x509", "-req", "-in", "tls.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out", "tls.crt", "-days", "2", "-extfile", "names", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def image():
    """The image of a container registry."""
    root = pathlib.Path(__file__).resolve().parents[2]
    return run(str(root / "hack/registry-image.sh")).split()[-1]


@pytest.fixture(scope="module")
def mirror(management, folder, image, tmp_path_factory):
    """The registry, with images."""
    network = f"k3d-{os.path.basename(management).removesuffix('.kubeconfig')}-children"
    name = "k3eks-own-registry"
    subprocess.run(["docker", "rm", "-fv", name], capture_output=True)
    run("docker", "create", "--name", name, "--network", network, "--network-alias", HOST.split(":")[0], "--publish", "127.0.0.1::5000", image, "/config.yaml")
    try:
        for file in ("config.yaml", "htpasswd", "tls.crt", "tls.key"):
            run("docker", "cp", str(folder / file), f"{name}:/{file}")
        run("docker", "start", name)
        # Docker takes any certificate of a registry on loopback.
        address = run("docker", "port", name, "5000/tcp").split()[0]
        env = {**os.environ, "DOCKER_CONFIG": str(tmp_path_factory.mktemp("docker"))}
        login = ["docker", "login", "--username", USER, "--password-stdin", address]
        wait_for("the registry", lambda: subprocess.run(login, env=env, input=PASSWORD, text=True, capture_output=True).returncode == 0)
        for path in ("team/direct:v1", "team/mirrored:v1", "team/later:v1", "team/locked:v1"):
            run("docker", "tag", "busybox:1.36", f"{address}/{path}")
            run("docker", "push", f"{address}/{path}", env=env)
            run("docker", "rmi", f"{address}/{path}")
        yield name
    finally:
        run("docker", "rm", "-fv", name)


@pytest.fixture(scope="module")
def child(real, mirror, kubectl, tmp_path_factory):
    with cluster_with_node(real, NAME, tmp_path_factory.mktemp(NAME)) as child:
        try:
            yield child
        finally:
            kubectl("delete", "secret/mirror-login", "configmap/mirror-ca", "--ignore-not-found")


def nodes(child):
    return [node.removeprefix("node/") for node in child("get", "nodes", "-o", "name").split()]


def ready(kubectl):
    conditions = json.loads(kubectl("get", f"eks/{NAME}", "-o", "jsonpath={.status.conditions}"))
    return next(c for c in conditions if c["type"] == "Ready")


def login(kubectl, password):
    data = {"username": USER, "password": password}
    secret = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/basic-auth", "metadata": {"name": "mirror-login"}, "stringData": data}
    kubectl("apply", "-f", "-", input=json.dumps(secret))


def known(node, text):
    """Whether the node has the text among its settings of registries."""
    done = subprocess.run(["docker", "exec", node, "grep", "-rqF", text, "/etc/rancher/k3s/registries.yaml"], capture_output=True)
    return done.returncode == 0


def test_what_is_missing_is_told_and_nodes_follow_when_it_is_there(kubectl, child, folder):
    registries = {
        "mirrors": [{"registry": "somewhere.example", "endpoints": [f"https://{HOST}"]}],
        "configs": [{"registry": HOST, "authSecretRef": {"name": "mirror-login"}, "caConfigMapRef": {"name": "mirror-ca"}}],
    }
    kubectl("patch", f"eks/{NAME}", "--type=merge", "-p", json.dumps({"spec": {"registries": registries}}))
    wait_for("the reason", lambda: ready(kubectl)["reason"] == "RegistriesNotReady")
    message = ready(kubectl)["message"]
    assert "Secret default/mirror-login doesn't exist" in message and "ConfigMap default/mirror-ca doesn't exist" in message
    wait_for("the Event", lambda: "RegistriesNotReady" in kubectl("events", "--for", f"eks/{NAME}", "--types=Warning"))
    assert not any(known(node, HOST) for node in nodes(child)), "nodes keep what they have"
    login(kubectl, PASSWORD)
    kubectl("create", "configmap", "mirror-ca", f"--from-file={folder}/ca.crt")
    wait_for("nodes with the registry", lambda: all(known(node, HOST) for node in nodes(child)))
    wait_for("the cluster", lambda: ready(kubectl)["status"] == "True")


def test_pods_pull_by_name_and_by_mirror_on_every_node(child):
    all_nodes = nodes(child)
    assert len(all_nodes) == 2
    for number, node in enumerate(all_nodes):
        pod(child, f"direct-{number}", f"{HOST}/team/direct:v1", nodeName=node)
        pod(child, f"mirrored-{number}", "somewhere.example/team/mirrored:v1", nodeName=node)
    child("wait", "--for=condition=Ready", *(f"pod/{kind}-{n}" for kind in ("direct", "mirrored") for n in (0, 1)), "--timeout=60s")


def test_nobody_reads_the_password(child, mirror):
    both = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    for node in nodes(child):
        shown = run("docker", "inspect", node) + run("docker", "top", node) + run("sh", "-c", f"docker logs {node} 2>&1")
        assert PASSWORD not in shown and both not in shown
        found = run("docker", "exec", node, "sh", "-c", f"grep -rlF '{both}' /etc /bin/k3d-entrypoint-* /var/lib/rancher/k3s/agent/etc 2>/dev/null || true").split()
        assert found, "containerd has it"
        for file in [*found, "/etc/rancher/k3s/registries.yaml"]:
            assert run("docker", "exec", node, "stat", "-c", "%a", file).strip() in ("600", "700"), file


def test_a_node_that_comes_later_has_it_from_the_start(kubectl, child):
    before = set(nodes(child))
    groups = kubectl("get", "ng", "-o", "json")
    group = next(g["metadata"]["name"] for g in json.loads(groups)["items"] if g["spec"]["clusterName"] == NAME)
    kubectl("patch", f"ng/{group}", "--type=merge", "-p", json.dumps({"spec": {"scalingConfig": {"maxSize": 2, "desiredSize": 2}}}))
    [new] = wait_for("another node", lambda: set(nodes(child)) - before, 90)
    pod(child, "later", "somewhere.example/team/later:v1", nodeName=new)
    child("wait", "--for=condition=Ready", "pod/later", "--timeout=60s")


def test_a_secret_that_changes_reaches_nodes_by_itself(kubectl, child):
    login(kubectl, "wrong")
    wait_for("nodes with the new password", lambda: all(known(node, '"wrong"') for node in nodes(child)))
    # containerd of a node that came later was started with the first password.
    [server] = [node for node in nodes(child) if node.endswith("-server-0")]
    pod(child, "locked", f"{HOST}/team/locked:v1", nodeName=server)
    wait_for("the refusal", lambda: "401" in why(child, "locked"))
    login(kubectl, PASSWORD)
    child("wait", "--for=condition=Ready", "pod/locked", "--timeout=120s")


def test_what_is_taken_back_is_gone(kubectl, child):
    kubectl("patch", f"eks/{NAME}", "--type=merge", "-p", json.dumps({"spec": {"registries": None}}))
    wait_for("nodes without the registry", lambda: not any(known(node, HOST) for node in nodes(child)))


def test_a_registry_of_k3d_s_is_found_while_clusters_run(child, image, folder):
    """As `k3d registry create` makes it, whose image may not be here."""
    name, plain = "k3d-own-registries", folder / "plain.yaml"
    plain.write_text("version: 0.1\nstorage: {filesystem: {rootdirectory: /var/lib/registry}}\nhttp: {addr: ':5000'}\n")
    labels = ["--label", "app=k3d", "--label", "k3d.role=registry"]
    subprocess.run(["docker", "rm", "-fv", name], capture_output=True)
    run("docker", "create", "--name", name, *labels, "--publish", "127.0.0.1::5000", image, "/config.yaml")
    try:
        run("docker", "cp", str(plain), f"{name}:/config.yaml")
        run("docker", "start", name)
        address = run("docker", "port", name, "5000/tcp").split()[0]
        run("docker", "tag", "busybox:1.36", f"{address}/app:v1")
        wait_for("the registry", lambda: subprocess.run(["docker", "push", f"{address}/app:v1"], capture_output=True).returncode == 0)
        run("docker", "rmi", f"{address}/app:v1")
        named = f"{name}:{address.split(':')[1]}"
        wait_for("nodes with the registry", lambda: all(known(node, named) for node in nodes(child)))
        for number, node in enumerate(nodes(child)):
            pod(child, f"k3d-{number}", f"{named}/app:v1", nodeName=node)
        child("wait", "--for=condition=Ready", "pod/k3d-0", "pod/k3d-1", "--timeout=60s")
    finally:
        run("docker", "rm", "-fv", name)
    wait_for("nodes without the registry", lambda: not any(known(node, named) for node in nodes(child)))
