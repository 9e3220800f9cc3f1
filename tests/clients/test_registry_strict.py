"""The container registry where it asks for credentials: docker, the aws CLI, nodes, and those who try to get past it."""
import base64
import contextlib
import hashlib
import hmac
import json
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import pytest
from conftest import AWS, boto, free_port, healthy, run, wait_for

ANN, BOB = "000000000000", "111122223333"
SECRETS = {ANN: ("AKIAANN", "ann/s3cret"), BOB: ("AKIABOB", "bob/s3cret")}
HOST = "{}.dkr.ecr.us-east-1.amazonaws.com".format
KEY = bytes(range(48))
CONFIG = """version: 0.1
storage: {filesystem: {rootdirectory: /tmp/registry}, delete: {enabled: true}}
http: {addr: "0.0.0.0:5000", relativeurls: true}
"""


class Installation:
    """Addresses of the port for clients and of the one for nodes, and the API's endpoint."""


@pytest.fixture(scope="module")
def strict(records, tmp_path_factory):
    """A registry, what stands before it, and an API that signs tokens for it."""
    folder = tmp_path_factory.mktemp("strict")
    (folder / "config.yml").write_text(CONFIG)
    (folder / "config.yml").chmod(0o644)
    (folder / "key").write_bytes(KEY)
    (folder / "keys").mkdir()
    for account, (key, secret) in SECRETS.items():
        (folder / "keys" / key).write_text(json.dumps({"secretAccessKey": secret, "account": account}))
    with open(os.environ["K3EKS_E2E_KUBECONFIG"].removesuffix(".kubeconfig") + ".registry") as named:
        image = named.read().strip()
    with contextlib.ExitStack() as ends:
        container = run("docker", "create", "-p", "127.0.0.1::5000", image, "/etc/registry.yml").strip()
        ends.callback(run, "docker", "rm", "-f", container)
        run("docker", "cp", str(folder / "config.yml"), f"{container}:/etc/registry.yml")
        run("docker", "start", container)
        found = Installation()
        found.clients, found.nodes, api = (f"127.0.0.1:{free_port()}" for _ in range(3))
        found.api = f"http://{api}"
        engine = f"http://{run('docker', 'port', container, '5000/tcp').split()[0]}"
        env = {**os.environ, "KUBECONFIG": os.environ["K3EKS_E2E_BARE_KUBECONFIG"], "K3EKS_API_AUTH": "strict", "K3EKS_REGISTRY_KEY_FILE": str(folder / "key")}
        commands = [
            ["registry", "--engine", engine, "--listen", found.clients, "--nodes-listen", found.nodes],
            ["api", "--listen", api, "--namespace", records.namespace, "--watch-namespace", records.namespace, "--keys", folder / "keys",
             "--registry-url", f"http://{found.clients}", "--registry-address", found.clients],
        ]
        log = ends.enter_context(tempfile.TemporaryFile())
        for command in commands:
            process = subprocess.Popen([os.environ["K3EKS_BINARY"], *command], env=env, stdout=log, stderr=log)
            ends.callback(process.wait)
            ends.callback(process.terminate)
        wait_for("the registry", lambda: healthy(f"http://{found.clients}"))
        wait_for("the API", lambda: healthy(found.api))
        yield found


def ecr(strict, account):
    key, secret = SECRETS[account]
    return boto(strict.api, key, service="ecr", secret=secret)


def header(user, holder, expires=None):
    """Credentials as the installation's key signs them."""
    claims = {"holder": holder} if expires is None else {"holder": holder, "expires": expires}
    text = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
    signature = hmac.new(KEY, b"k3eks registry credentials 1\n" + text, hashlib.sha256).digest()
    password = text + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")
    return "Basic " + base64.b64encode(user.encode() + b":" + password).decode()


def nodes_of(account):
    return header("node", {"kind": "cluster", "account": account, "namespace": "default", "name": "demo"})


def token(strict, account):
    [data] = ecr(strict, account).get_authorization_token()["authorizationData"]
    return "Basic " + data["authorizationToken"]


def asked(address, path, authorization=None, method="GET", body=None, **headers):
    """The status of an answer, its headers and its text."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if authorization:
        headers["authorization"] = authorization
    request = urllib.request.Request(f"http://{address}{path}", method=method, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode(errors="replace")


def docker(folder, address, authorization):
    """The environment of a docker that shows these credentials."""
    auths = {address: {"auth": authorization.removeprefix("Basic ")}} if authorization else {}
    (folder / "config.json").write_text(json.dumps({"auths": auths}))
    return {**os.environ, "DOCKER_CONFIG": str(folder)}


@pytest.fixture(scope="module")
def app(strict, tmp_path_factory):
    """Ann's repository with the tag v1, pushed as people push, and the digest of its first layer."""
    uri = ecr(strict, ANN).create_repository(repositoryName="team/app")["repository"]["repositoryUri"]
    key, secret = SECRETS[ANN]
    env = {**os.environ, "DOCKER_CONFIG": str(tmp_path_factory.mktemp("ann")), "AWS_ENDPOINT_URL": strict.api, "AWS_DEFAULT_REGION": "us-east-1",
           "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    password = run(AWS, "ecr", "get-login-password", env=env)
    assert "Login Succeeded" in run("docker", "login", "--username", "AWS", "--password-stdin", strict.clients, env=env, input=password)
    run("docker", "tag", "busybox:1.36", f"{uri}:v1")
    run("docker", "push", f"{uri}:v1", env=env)
    run("docker", "pull", f"{uri}:v1", env=env)
    [image] = ecr(strict, ANN).batch_get_image(repositoryName="team/app", imageIds=[{"imageTag": "v1"}])["images"]
    yield uri, json.loads(image["imageManifest"])["layers"][0]["digest"]
    run("docker", "rmi", f"{uri}:v1")


def test_docker_is_told_what_ecr_tells_it(strict, app, tmp_path):
    uri, _ = app
    push = lambda authorization: run("docker", "push", f"{uri}:v1", code=1, env=docker(tmp_path, strict.clients, authorization))
    assert "no basic auth credentials" in push(None)
    holder = {"kind": "principal", "account": ANN, "arn": f"arn:aws:iam::{ANN}:root"}
    expired = header("AWS", holder, int(time.time()) - 1)
    assert "Your authorization token has expired. Reauthenticate and try again." in push(expired)
    assert "is not authorized to perform: ecr:" in push(token(strict, BOB))
    status, headers, _ = asked(strict.clients, "/v2/")
    assert status == 401 and headers["www-authenticate"].startswith("Basic realm=") and 'service="ecr.amazonaws.com"' in headers["www-authenticate"]


def test_a_token_is_of_the_account_of_the_key_and_says_when_it_ends(strict):
    [data] = ecr(strict, BOB).get_authorization_token()["authorizationData"]
    assert abs(data["expiresAt"].timestamp() - time.time() - 12 * 3600) < 60
    user, password = base64.b64decode(data["authorizationToken"]).decode().split(":")
    claims = json.loads(base64.urlsafe_b64decode(password.split(".")[0] + "=="))
    assert user == "AWS" and claims == {"holder": {"kind": "principal", "account": BOB, "arn": f"arn:aws:iam::{BOB}:root"}, "expires": int(data["expiresAt"].timestamp())}


def test_accounts_are_apart(strict, app):
    _, layer = app
    path, bob = f"/v2/{HOST(ANN)}/team/app", token(strict, BOB)
    for method, below in [("GET", "/manifests/v1"), ("PUT", "/manifests/v1"), ("DELETE", "/manifests/v1"), ("GET", f"/blobs/{layer}"),
                          ("GET", "/tags/list"), ("POST", "/blobs/uploads/"), ("DELETE", f"/blobs/{layer}")]:
        status, _, text = asked(strict.clients, path + below, bob, method)
        assert status == 403 and "DENIED" in text, (method, below, text)
    assert asked(strict.clients, "/v2/_catalog", bob)[0] == 403
    assert asked(strict.clients, f"{path}/manifests/k3eks.repository", token(strict, ANN), "DELETE")[0] == 403
    changed = base64.b64decode(token(strict, BOB).removeprefix("Basic ")).decode().removeprefix("AWS:").split(".")
    claims = base64.urlsafe_b64decode(changed[0] + "==").replace(BOB.encode(), ANN.encode())
    forged = base64.urlsafe_b64encode(claims).decode().rstrip("=") + "." + changed[1]
    assert asked(strict.clients, f"{path}/tags/list", "Basic " + base64.b64encode(f"AWS:{forged}".encode()).decode())[0] == 401
    for trick in (f"/v2/{HOST(BOB)}/../{HOST(ANN)}/team/app/tags/list", f"/v2/{HOST(BOB)}/%2e%2e/{HOST(ANN)}/team/app/tags/list", f"/v2//{HOST(ANN)}/team/app/tags/list"):
        assert asked(strict.clients, trick, bob)[0] == 404, trick


def test_layers_are_not_taken_over_from_another_account(strict, app):
    _, layer = app
    ecr(strict, BOB).create_repository(repositoryName="thief")
    bob, thief = token(strict, BOB), f"/v2/{HOST(BOB)}/thief/blobs"
    source = f"mount={layer}&from={HOST(ANN)}/team/app"
    form = {"body": source.encode(), "content_type": "application/x-www-form-urlencoded"}
    for query, more in [(source, {}), (source.replace("/", "%2F"), {}), (f"from={HOST(BOB)}/thief&{source}", {}), ("", form)]:
        status, headers, text = asked(strict.clients, f"{thief}/uploads/?{query}", bob, "POST", **more)
        assert status == 202 and headers["location"], (query, status, text)
        assert asked(strict.clients, f"{thief}/{layer}", bob)[0] == 404, query
    ann = token(strict, ANN)
    ecr(strict, ANN).create_repository(repositoryName="other")
    assert asked(strict.clients, f"/v2/{HOST(ANN)}/other/blobs/uploads/?{source}", ann, "POST")[0] == 201


def test_copies_are_pushed_by_every_account_and_removed_by_none(strict, app, tmp_path):
    copy = f"{strict.clients}/docker.io/library/strict:1"
    run("docker", "tag", "busybox:1.36", copy)
    run("docker", "push", copy, env=docker(tmp_path, strict.clients, token(strict, BOB)))
    run("docker", "rmi", copy)
    assert asked(strict.nodes, "/v2/library/strict/manifests/1?ns=docker.io", nodes_of(ANN))[0] == 200
    assert asked(strict.clients, "/v2/docker.io/library/strict/manifests/1", token(strict, BOB), "DELETE")[0] == 403


def test_nodes_pull_images_of_their_cluster_s_account(strict, app):
    _, layer = app
    pull = f"/v2/team/app/manifests/v1?ns={HOST(ANN)}"
    assert asked(strict.nodes, pull)[0] == 401
    assert asked(strict.nodes, pull, nodes_of(ANN))[0] == 200
    assert asked(strict.nodes, f"/v2/team/app/blobs/{layer}?ns={HOST(ANN)}", nodes_of(ANN))[0] == 200
    assert asked(strict.nodes, pull, nodes_of(BOB))[0] == 403
    assert asked(strict.nodes, f"/v2/team/app/blobs/{layer}?ns={HOST(ANN)}", nodes_of(BOB))[0] == 403
    for method in ("GET", "PUT"):
        assert asked(strict.clients, f"/v2/{HOST(ANN)}/team/app/manifests/v1", nodes_of(ANN), method)[0] == 401
