"""Images, as people push and run them: docker, the aws CLI and a Deployment under ECR's names."""
import json
import os
import subprocess

import botocore.exceptions
import pytest
from conftest import AWS, boto, cluster_with_node, pod, refused, run, wait_for, why

NAME = "000000000000.dkr.ecr.us-east-1.amazonaws.com"


@pytest.fixture(scope="module")
def address():
    """The registry's address on this host."""
    return os.environ["K3EKS_E2E_REGISTRY"]


@pytest.fixture(scope="module")
def ecr(real):
    return lambda account="000000000000", region="us-east-1", service="ecr": boto(real, account, region, service)


@pytest.fixture(scope="module")
def app(ecr, address, real, tmp_path_factory):
    """A repository with the tag v1, pushed as people push."""
    uri = ecr().create_repository(repositoryName="team/app")["repository"]["repositoryUri"]
    assert uri == f"{address}/{NAME}/team/app"
    config = tmp_path_factory.mktemp("docker")
    env = {**os.environ, "DOCKER_CONFIG": str(config)}
    password = run(AWS, "ecr", "get-login-password", env={**env, "AWS_ENDPOINT_URL": real, "AWS_DEFAULT_REGION": "us-east-1",
                   "AWS_ACCESS_KEY_ID": "000000000000", "AWS_SECRET_ACCESS_KEY": "any"})
    assert "Login Succeeded" in run("docker", "login", "--username", "AWS", "--password-stdin", address, env=env, input=password)
    run("docker", "tag", "busybox:1.36", f"{uri}:v1")
    run("docker", "push", f"{uri}:v1", env=env)
    yield uri
    run("docker", "rmi", f"{uri}:v1")
    ecr().delete_repository(repositoryName="team/app", force=True)


@pytest.fixture(scope="module")
def child(real, tmp_path_factory):
    """kubectl for a cluster with a node that came later."""
    with cluster_with_node(real, "images", tmp_path_factory.mktemp("images")) as kubectl:
        yield kubectl


def test_an_image_is_what_the_registry_has(ecr, app):
    client = ecr()
    [image] = client.describe_images(repositoryName="team/app")["imageDetails"]
    assert image["imageTags"] == ["v1"] and image["imageSizeInBytes"] > 500_000 and image["imagePushedAt"].year > 2000
    assert client.list_images(repositoryName="team/app")["imageIds"] == [{"imageDigest": image["imageDigest"], "imageTag": "v1"}]
    got = client.batch_get_image(repositoryName="team/app", imageIds=[{"imageTag": "v1"}, {"imageTag": "no"}])
    assert json.loads(got["images"][0]["imageManifest"])["config"]["size"] and [f["failureCode"] for f in got["failures"]] == ["ImageNotFound"]
    assert refused(client.describe_images, repositoryName="team/app", imageIds=[{"imageTag": "no"}]) == "ImageNotFoundException"
    run("docker", "tag", f"{app}:v1", f"{app}:v2")
    run("docker", "push", f"{app}:v2")
    run("docker", "rmi", f"{app}:v2")
    assert client.batch_delete_image(repositoryName="team/app", imageIds=[{"imageTag": "v2"}])["imageIds"][0]["imageTag"] == "v2"
    assert [i["imageTag"] for i in client.list_images(repositoryName="team/app")["imageIds"]] == ["v1"]


def test_repositories_are_refused_as_ecr_refuses_them(ecr, app):
    client = ecr()
    assert refused(client.create_repository, repositoryName="team/app") == "RepositoryAlreadyExistsException"
    assert refused(client.delete_repository, repositoryName="team/app") == "RepositoryNotEmptyException"
    assert refused(client.describe_repositories, repositoryNames=["none"]) == "RepositoryNotFoundException"
    assert refused(client.create_repository, repositoryName="No") == "InvalidParameterException"
    assert refused(client.describe_pull_through_cache_rules) == "UnsupportedOperation"
    assert client.describe_registry()["registryId"] == "000000000000"
    none = app.replace("team/app", "none:v1")
    run("docker", "tag", f"{app}:v1", none)
    assert "The repository with name 'none' does not exist" in run("docker", "push", none, code=1)
    run("docker", "rmi", none)


def test_an_immutable_tag_stays(ecr, app):
    client = ecr()
    client.put_image_tag_mutability(repositoryName="team/app", imageTagMutability="IMMUTABLE")
    assert "cannot be overwritten because the repository is immutable" in run("docker", "push", f"{app}:v1", code=1)
    client.put_image_tag_mutability(repositoryName="team/app", imageTagMutability="MUTABLE")
    run("docker", "push", f"{app}:v1")


def test_accounts_and_regions_are_apart(ecr, app):
    for account, region in (("111122223333", "us-east-1"), ("000000000000", "eu-west-1")):
        other = ecr(account, region)
        assert other.describe_repositories()["repositories"] == []
        assert refused(other.list_images, repositoryName="team/app") == "RepositoryNotFoundException"
    assert refused(ecr("111122223333").describe_repositories, registryId="000000000000") == "AccessDeniedException"


def test_pods_run_what_was_pushed_and_are_told_what_was_not(app, child):
    nodes = child("get", "nodes", "-o", "name").split()
    assert len(nodes) == 2
    for number, node in enumerate(nodes):
        pod(child, f"on-{number}", f"{NAME}/team/app:v1", nodeName=node.removeprefix("node/"))
    pod(child, "by-uri", f"{app}:v1")
    pod(child, "missing", f"{NAME}/team/app:missing")
    pod(child, "elsewhere", "busybox:1.36")
    child("wait", "--for=condition=Ready", "pod/on-0", "pod/on-1", "pod/by-uri", "pod/elsewhere", "--timeout=60s")
    wait_for("the reason", lambda: "team/app:missing: not found" in why(child, "missing"))


def test_images_of_an_archive_are_pulled_under_their_own_names(address, child, tmp_path):
    image = "images.example/team/carried:1"
    run("docker", "tag", "busybox:1.36", image)
    run("docker", "save", image, "-o", tmp_path / "carried.tar")
    run("docker", "rmi", image)
    said = run(os.environ["K3EKS_BINARY"], "images", "load", tmp_path, "--registry", address)
    assert f"pushing {address}/{image}" in said and f"1 image in the container registry at {address}" in said
    run("docker", "rmi", image)
    pod(child, "carried", image)
    child("wait", "--for=condition=Ready", "pod/carried", "--timeout=60s")


def test_the_registry_conforms_to_the_oci_distribution_specification(ecr, address, tmp_path):
    """By the specification's own suite, without the optional digests of sha512, which ECR doesn't take either."""
    names = ["conformance/one", "conformance/two"]
    for name in names:
        ecr().create_repository(repositoryName=name)
    repositories = {f"OCI_REPO{number}": f"{NAME}/{name}" for number, name in enumerate(names, 1)}
    env = {**os.environ, **repositories, "OCI_VERSION": "1.1", "OCI_REGISTRY": address, "OCI_TLS": "disabled", "OCI_DATA_SHA512": "false",
           "OCI_RESULTS_DIR": str(tmp_path)}
    done = subprocess.run(["oci-conformance"], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    assert "Referrers.....................:       Pass" in done.stdout
    for name in names:
        ecr().delete_repository(repositoryName=name, force=True)


def test_everything_is_there_after_a_restart_of_the_registry(ecr, app, management):
    before = ecr().describe_images(repositoryName="team/app")["imageDetails"]

    def kubectl(*args):
        return run("kubectl", "--kubeconfig", management, "-n", "k3eks-system", *args)
    kubectl("rollout", "restart", "deploy/k3eks-registry")
    kubectl("rollout", "status", "deploy/k3eks-registry", "--timeout=60s")
    wait_for("the registry", lambda: "container registry   1 of k3eks-system/k3eks-registry ready" in subprocess.run(
        [os.environ["K3EKS_BINARY"], "doctor", "--cluster-only"], env={**os.environ, "KUBECONFIG": management}, capture_output=True, text=True).stdout)

    def images():
        """What the registry has, once the way to its new pod is there."""
        try:
            return ecr().describe_images(repositoryName="team/app")["imageDetails"]
        except botocore.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "ServerException", error
    assert wait_for("the way to the registry", images, 60) == before


def test_children_only_pull_and_nobody_else_is_let_in(app, child, management):
    """From a container on the network of child clusters."""
    node = f"k3d-{os.path.basename(management).removesuffix('.kubeconfig')}-server-0"
    network = node.removesuffix("-server-0") + "-children"
    host = run("docker", "inspect", node, "-f", f'{{{{(index .NetworkSettings.Networks "{network}").IPAddress}}}}').strip()

    def asked(port, path, *more):
        command = ["docker", "run", "--rm", "--network", network, "busybox:1.36", "timeout", "10", "wget", "-qO-", *more, f"http://{host}:{port}{path}"]
        done = subprocess.run(command, capture_output=True, text=True)
        return done.stdout + done.stderr
    assert '"schemaVersion"' in asked(30459, f"/v2/team/app/manifests/v1?ns={NAME}")
    assert "405" in asked(30459, f"/v2/team/app/blobs/uploads/?ns={NAME}", "--post-data", "x")
    assert "404" in asked(30459, "/v2/_catalog")
    assert "403" in asked(30460, "/v2/_catalog")
    published = run("docker", "port", node, "30460/tcp").split()
    assert published and all(line.startswith("127.0.0.1:") for line in published), published
    assert "30459" not in run("docker", "port", node)
