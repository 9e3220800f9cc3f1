"""The EKS API through its real clients: boto3 and the aws CLI. Started by hack/e2e.sh, which sets

K3EKS_E2E_ENDPOINT          the API of the operator in a management cluster, with real clusters behind it
K3EKS_E2E_BARE_KUBECONFIG   a management cluster with the definitions alone
K3EKS_BINARY                the program, for an operator and an API of the tests' own
K3EKS_E2E_VERSIONS          the Kubernetes version that clusters begin with and the one after it, where those aren't the newest
"""
import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import boto3
import botocore
import pytest
from botocore.config import Config

VERSION, NEXT = os.environ.get("K3EKS_E2E_VERSIONS", "1.35 1.36").split()
AWS = os.path.join(os.path.dirname(sys.executable), "aws")


def wait_for(what, found, seconds=30):
    """Polls until `found` gives something."""
    deadline = time.monotonic() + seconds
    while True:
        value = found()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.1)


def boto(endpoint, account="000000000000", region="us-east-1", service="eks", secret="any"):
    config = Config(retries={"max_attempts": 1}, max_pool_connections=40)
    return boto3.client(service, endpoint_url=endpoint, region_name=region, aws_access_key_id=account, aws_secret_access_key=secret, config=config)


def refused(call, **arguments):
    """The code of the error that must come."""
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call(**arguments)
    return error.value.response["Error"]["Code"]


def run(*command, code=0, **options):
    """What the command says; that which ends with another code than 0, of what went wrong too."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == code, (command, done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stdout + done.stderr


def addon_images(addon):
    """Has nodes find the images of an addon, where their own registry doesn't answer."""
    run(pathlib.Path(__file__).parents[2] / "hack/addons/images.sh", os.environ["K3EKS_E2E_REGISTRY"], addon)


def pod(child, name, image, **more):
    """A pod that lasts, and goes at once."""
    spec = {"tolerations": [{"operator": "Exists"}], "terminationGracePeriodSeconds": 0, **more, "containers": [{"name": "a", "image": image, "command": ["sleep", "99999"]}]}
    child("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}))


def why(child, name):
    """Why a pod's container waits."""
    return child("get", "pod", name, "-o", "jsonpath={.status.containerStatuses[0].state.waiting.message}")


@contextlib.contextmanager
def cluster_with_node(real, name, folder):
    """kubectl for a real cluster with a node of a group."""
    eks, role, group = boto(real), "arn:aws:iam::000000000000:role/r", {"clusterName": name, "nodegroupName": "workers"}
    patience = lambda attempts: {"Delay": 1, "MaxAttempts": attempts}
    eks.create_cluster(name=name, roleArn=role, resourcesVpcConfig={})
    eks.get_waiter("cluster_active").wait(name=name, WaiterConfig=patience(120))
    eks.create_nodegroup(**group, nodeRole=role, subnets=[], scalingConfig={"minSize": 1, "maxSize": 1, "desiredSize": 1})
    eks.get_waiter("nodegroup_active").wait(**group, WaiterConfig=patience(120))
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_bytes(urllib.request.urlopen(f"{real}/_k3eks/clusters/{name}/kubeconfig").read())
    yield lambda *args, **options: run("kubectl", "--kubeconfig", str(kubeconfig), *args, **options)
    eks.delete_nodegroup(**group)
    eks.get_waiter("nodegroup_deleted").wait(**group, WaiterConfig=patience(60))
    eks.delete_cluster(name=name)


class Refused(Exception):
    """What the aws CLI says of an error answer."""

    def __init__(self, text):
        super().__init__(text)
        match = re.search(r"An error occurred \((\w+)\)", text)
        self.code = match[1] if match else text


class Cli:
    """The aws CLI with boto3's manners."""

    def __init__(self, endpoint):
        self.env = {**os.environ, "AWS_ENDPOINT_URL_EKS": endpoint, "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "000000000000",
                    "AWS_SECRET_ACCESS_KEY": "any", "AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": "",
                    # The CLI's own copy of the service models is older than boto3's.
                    "AWS_DATA_PATH": os.path.join(os.path.dirname(botocore.__file__), "data")}

    def __getattr__(self, operation):
        def call(**arguments):
            command = [AWS, "eks", operation.replace("_", "-"), "--cli-input-json", json.dumps(arguments), "--output", "json"]
            done = subprocess.run(command, env=self.env, text=True, capture_output=True)
            if done.returncode:
                raise Refused(done.stderr)
            return json.loads(done.stdout or "{}")
        return call


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def real():
    """Endpoint with real clusters behind it."""
    return os.environ["K3EKS_E2E_ENDPOINT"]


@pytest.fixture(scope="session")
def management():
    """Kubeconfig of the management cluster that the operator of `real` runs in."""
    return os.environ["K3EKS_E2E_KUBECONFIG"]


class Endpoint(str):
    """A URL, the namespace that stands behind it, and the file with what its processes say."""
    namespace = ""
    log = None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Two lanes that run side by side: one has the installation with real clusters to itself, the other needs records only."""
    for item in items:
        lane = "real" if {"real", "management"} & set(item.fixturenames) else "records"
        item.add_marker(pytest.mark.xdist_group(lane))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    records = getattr(item, "funcargs", {}).get("records")
    # After the last test it is gone.
    if report.failed and records and os.path.exists(records.log):
        with open(records.log) as log:
            report.sections.append(("operator and API", log.read()[-8000:]))
    if report.failed and {"real", "management"} & set(item.fixturenames):
        report.sections += [(" ".join(command), said(command)) for command in installation()]
    return report


def installation():
    """What tells of the installation with real clusters."""
    kubeconfig = os.environ.get("K3EKS_E2E_KUBECONFIG", "none")
    node = f"k3d-{os.path.basename(kubeconfig).removesuffix('.kubeconfig')}-server-0"
    kubectl = ["kubectl", "--kubeconfig", kubeconfig, "-n", "k3eks-system"]
    return [
        [*kubectl, "get", "eksclusterconfigs,nodegroups", "-A"],
        [*kubectl, "get", "pods,endpointslices", "-o", "wide"],
        [*kubectl, "get", "events", "--sort-by=.lastTimestamp"],
        [*kubectl, "logs", "deploy/k3eks", "--all-containers", "--tail=80"],
        ["docker", "ps", "-a"],
        ["docker", "exec", node, "sh", "-c", "iptables-save | grep k3eks-system"],
        ["docker", "logs", "--tail", "60", node],
    ]


def said(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (done.stdout + done.stderr)[-8000:]


def healthy(endpoint):
    try:
        return urllib.request.urlopen(f"{endpoint}/_k3eks/health", timeout=1).status == 200
    except OSError:
        return False


@pytest.fixture(scope="session")
def records():
    """Endpoint of an operator that keeps records only, for what needs no containers."""
    env = {**os.environ, "KUBECONFIG": os.environ["K3EKS_E2E_BARE_KUBECONFIG"]}
    namespace = f"clients-{os.getpid()}"
    subprocess.run(["kubectl", "create", "namespace", namespace], env=env, check=True, capture_output=True)
    port = free_port()
    commands = [
        ["operator", "--provider", "metadata", "--watch-namespace", namespace, "--instance", namespace, "--admin-address", "127.0.0.1:0"],
        ["api", "--listen", f"127.0.0.1:{port}", "--namespace", namespace, "--watch-namespace", namespace],
    ]
    log = tempfile.NamedTemporaryFile()
    running = [subprocess.Popen([os.environ["K3EKS_BINARY"], *c], env=env, stdout=log, stderr=log) for c in commands]
    endpoint = Endpoint(f"http://127.0.0.1:{port}")
    endpoint.namespace, endpoint.log = namespace, log.name
    wait_for("the API", lambda: healthy(endpoint))
    yield endpoint
    for process in running:
        process.terminate()
    for process in running:
        process.wait()
    subprocess.run(["kubectl", "delete", "namespace", namespace, "--wait=false"], env=env, capture_output=True)


@pytest.fixture
def strict(records, tmp_path):
    """Endpoint of another API beside `records` that takes only requests signed with a known key, and that key with its secret."""
    (tmp_path / "AKIACONSOLE").write_text(json.dumps({"secretAccessKey": "s3cret/+key"}))
    env = {**os.environ, "KUBECONFIG": os.environ["K3EKS_E2E_BARE_KUBECONFIG"]}
    endpoint = f"http://127.0.0.1:{free_port()}"
    command = ["api", "--listen", endpoint.removeprefix("http://"), "--namespace", records.namespace, "--watch-namespace", records.namespace, "--auth", "strict", "--keys", tmp_path]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([os.environ["K3EKS_BINARY"], *command], env=env, stdout=log, stderr=log)
        wait_for("the API", lambda: healthy(endpoint))
        yield endpoint, "AKIACONSOLE", "s3cret/+key"
        process.terminate()
        process.wait()
