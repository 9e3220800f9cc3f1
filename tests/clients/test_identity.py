"""Who people and pods are to a child cluster: the real kubectl, aws CLI, aws-iam-authenticator, and an SDK inside a pod."""
import base64
import hashlib
import hmac
import http.server
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

import boto3
import botocore.exceptions
import jwt
import pytest
import trustme
from botocore.config import Config
from conftest import free_port, wait_for
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from users import TOOLS, Failed, Person, load_image, pod, run, service_account, within

ROLE = "arn:aws:iam::000000000000:role/{}"
NAME = "who"
POLICY = "arn:aws:eks::aws:cluster-access-policy/{}"


def client(endpoint, service, key="test", secret="test", token=None):
    return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret,
                        aws_session_token=token, config=Config(retries={"max_attempts": 1}))


@pytest.fixture(scope="module")
def eks(real):
    """The EKS API, after a cluster with one node became Active."""
    eks = client(real, "eks")
    eks.create_cluster(name=NAME, roleArn=ROLE.format("r"), resourcesVpcConfig={"subnetIds": ["subnet-1", "subnet-2"]},
                       accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})
    wait_for("the cluster", lambda: eks.describe_cluster(name=NAME)["cluster"]["status"] == "ACTIVE", 120)
    yield eks
    eks.delete_cluster(name=NAME)


@pytest.fixture(scope="module")
def admin(real, eks):
    """Who made the cluster."""
    person = Person(real).sign_in(NAME)
    within(30, "the first sign-in", lambda: not person.refused())
    within(30, "the creator's policy", lambda: person.may("*", "*"))
    node = json.loads(person.kubectl("get", "nodes", "-o", "json"))["items"][0]["metadata"]["name"]
    load_image([node])
    return person


def entry(eks, role, *policies, namespaces=None):
    eks.create_access_entry(clusterName=NAME, principalArn=ROLE.format(role))
    for policy in policies:
        scope = {"type": "namespace", "namespaces": namespaces} if namespaces else {"type": "cluster"}
        eks.associate_access_policy(clusterName=NAME, principalArn=ROLE.format(role), policyArn=POLICY.format(policy), accessScope=scope)


def test_who_made_the_cluster_is_its_administrator(admin):
    assert admin.may("*", "*")
    who = json.loads(admin.kubectl("auth", "whoami", "-o", "json"))["status"]["userInfo"]
    assert who["username"] == "arn:aws:iam::000000000000:root" and who["extra"]["arn"] == ["arn:aws:iam::000000000000:root"]
    assert "system:masters" not in who["groups"]


def test_a_role_may_do_what_its_policy_says_and_nothing_else(real, eks, admin):
    viewer = Person(real, role=ROLE.format("viewer")).sign_in(NAME)
    assert viewer.refused()
    entry(eks, "viewer", "AmazonEKSViewPolicy", namespaces=["default", "team-*"])
    within(15, "the entry", lambda: not viewer.refused())
    within(15, "its policy", lambda: viewer.may("list", "pods"))
    assert viewer.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}") == "arn:aws:sts::000000000000:assumed-role/viewer/me"
    for denied in [("get", "secrets"), ("create", "pods"), ("list", "pods", "-n", "kube-system"), ("list", "nodes"), ("list", "pods", "-A")]:
        assert not viewer.may(*denied), denied
    admin.kubectl("create", "namespace", "team-a")
    within(15, "the new namespace", lambda: viewer.may("list", "pods", "-n", "team-a"))

    eks.disassociate_access_policy(clusterName=NAME, principalArn=ROLE.format("viewer"), policyArn=POLICY.format("AmazonEKSViewPolicy"))
    within(15, "the policy's end", lambda: not viewer.may("list", "pods"))
    eks.associate_access_policy(clusterName=NAME, principalArn=ROLE.format("viewer"), policyArn=POLICY.format("AmazonEKSClusterAdminPolicy"),
                                accessScope={"type": "cluster"})
    within(15, "another policy", lambda: viewer.may("*", "*"))
    eks.delete_access_entry(clusterName=NAME, principalArn=ROLE.format("viewer"))
    within(15, "the entry's end", viewer.refused)
    left = admin.kubectl("get", "clusterrolebindings", "-l", "k3eks.io/access-entry", "-o", "name")
    assert "AmazonEKSViewPolicy" not in left


def test_groups_and_names_of_an_entry_are_what_rbac_sees(real, eks, admin):
    eks.create_access_entry(clusterName=NAME, principalArn=ROLE.format("team/dev"), username="dev:{{SessionName}}", kubernetesGroups=["devs"])
    dev = Person(real, role=ROLE.format("team/dev"), session="ann@home").sign_in(NAME)
    within(15, "the entry", lambda: not dev.refused())
    who = json.loads(dev.kubectl("auth", "whoami", "-o", "json"))["status"]["userInfo"]
    assert who["username"] == "dev:ann-home" and "devs" in who["groups"]
    assert not dev.may("list", "configmaps")
    admin.kubectl("create", "clusterrole", "read-configmaps", "--verb=list", "--resource=configmaps")
    admin.kubectl("create", "clusterrolebinding", "devs", "--clusterrole=read-configmaps", "--group=devs")
    within(15, "the binding", lambda: dev.may("list", "configmaps"))


def test_aws_auth_lets_in_whom_it_names(real, admin):
    old = Person(real, role=ROLE.format("old")).sign_in(NAME)
    assert old.refused()
    roles = f"- rolearn: {ROLE.format('old')}\n  username: old\n  groups: [system:masters]\n"
    admin.kubectl("create", "configmap", "aws-auth", "-n", "kube-system", f"--from-literal=mapRoles={roles}")
    within(15, "aws-auth", lambda: not old.refused())
    assert old.may("*", "*")


def test_the_role_of_nodes_is_in_aws_auth_beside_what_people_wrote(real, eks, admin):
    mapped = lambda: admin.kubectl("get", "configmap", "aws-auth", "-n", "kube-system", "-o", "jsonpath={.data.mapRoles}")
    before, nodes = mapped(), ROLE.format("nodes")
    assert nodes not in before and ROLE.format("old") in before
    empty = {"minSize": 0, "maxSize": 1, "desiredSize": 0}
    eks.create_nodegroup(clusterName=NAME, nodegroupName="mapped", nodeRole=ROLE.format("path/nodes"), subnets=["subnet-1"], scalingConfig=empty)
    block = f"- groups:\n  - system:bootstrappers\n  - system:nodes\n  rolearn: {nodes}\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n"
    within(30, "the role in aws-auth", lambda: mapped() == before + block)
    within(30, "its access entry", lambda: ROLE.format("path/nodes") in eks.list_access_entries(clusterName=NAME)["accessEntries"])
    # By the entry, and by the ConfigMap: whoever may assume the role would be any node.
    for role in (ROLE.format("path/nodes"), nodes):
        assert Person(real, role=role).sign_in(NAME).refused()
    eks.delete_nodegroup(clusterName=NAME, nodegroupName="mapped")
    within(30, "the end of the role in aws-auth", lambda: mapped() == before)
    within(30, "the end of its access entry", lambda: ROLE.format("path/nodes") not in eks.list_access_entries(clusterName=NAME)["accessEntries"])
    # What can't be read is left alone, whatever stands there.
    admin.kubectl("patch", "configmap", "aws-auth", "-n", "kube-system", "--type=merge", "-p", json.dumps({"data": {"mapRoles": before + "- a: ["}}))
    eks.create_nodegroup(clusterName=NAME, nodegroupName="unread", nodeRole=ROLE.format("other"), subnets=["subnet-1"], scalingConfig=empty)
    within(30, "the access entry of the other role", lambda: ROLE.format("other") in eks.list_access_entries(clusterName=NAME)["accessEntries"])
    assert mapped() == before + "- a: ["
    admin.kubectl("patch", "configmap", "aws-auth", "-n", "kube-system", "--type=merge", "-p", json.dumps({"data": {"mapRoles": before}}))
    eks.delete_nodegroup(clusterName=NAME, nodegroupName="unread")
    within(30, "the group's end", lambda: eks.list_nodegroups(clusterName=NAME)["nodegroups"] == [])


def test_aws_iam_authenticator_signs_in(real, admin):
    sts = client(real, "sts")
    # It asks STS nothing to make a token; the host that it signs for is AWS's own.
    token = json.loads(run("aws-iam-authenticator", "token", "-i", NAME, "--region", "us-east-1", env=keys("test", "test")))["status"]["token"]
    assert '"major"' in with_token(admin, token)
    assert sts.get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:root"


def keys(key, secret):
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_REGION": "us-east-1", "PATH": f"{TOOLS}:{os.environ['PATH']}"}


def with_token(person, token):
    """What the API server says to the bearer of a token."""
    server = json.loads(person.kubectl("config", "view", "--raw", "--minify", "-o", "json"))["clusters"][0]["cluster"]
    with open(f"{person.home}/ca.pem", "wb") as file:
        file.write(base64.b64decode(server["certificate-authority-data"]))
    return run("kubectl", "--kubeconfig", "/dev/null", "--server", server["server"], "--certificate-authority", f"{person.home}/ca.pem",
               "--token", token, "get", "--raw", "/version")


def token_of(person, cluster=NAME):
    return person.aws("eks", "get-token", "--cluster-name", cluster)["status"]["token"]


def forged(token, change):
    url = base64.urlsafe_b64decode(token.removeprefix("k8s-aws-v1.") + "==").decode()
    changed = change(url)
    assert changed != url
    return "k8s-aws-v1." + base64.urlsafe_b64encode(changed.encode()).decode().rstrip("=")


def test_tokens_that_are_not_good_are_refused(real, admin):
    good = token_of(admin)
    assert '"major"' in with_token(admin, good)
    host = urllib.parse.urlsplit(real).netloc
    bad = {
        "of another cluster": token_of(admin, "other"),
        "of a key that nobody knows": token_of(Person(real, key="AKIAUNKNOWN")),
        "of a wrong secret": token_of(Person(real, secret="guess")),
        "of another account": token_of(Person(real, key="111111111111")),
        "for another host": forged(good, lambda url: url.replace(host, "evil.example")),
        "for another action": forged(good, lambda url: url.replace("GetCallerIdentity", "AssumeRole")),
        "with one more parameter": forged(good, lambda url: url + "&X-More=1"),
        "with another date": forged(good, lambda url: re.sub(r"X-Amz-Date=\d{4}", "X-Amz-Date=2020", url)),
        "with another signed header": forged(good, lambda url: url.replace("x-k8s-aws-id", "x-k8s-aws-id%3Bx-more")),
        "that is none": "k8s-aws-v1.bm9uZQ",
    }
    for what, token in bad.items():
        with pytest.raises(Failed) as refused:
            with_token(admin, token)
        assert "Unauthorized" in str(refused.value) or "logged in" in str(refused.value), what


def finished(admin, name):
    def phase():
        return admin.kubectl("get", "pod", name, "-o", "jsonpath={.status.phase}") in ("Succeeded", "Failed")
    wait_for(f"pod {name}", phase, 60)
    return admin.kubectl("logs", name).strip()


def test_a_pod_has_the_role_of_its_service_account(real, admin):
    admin.kubectl("apply", "-f", "-", stdin=service_account("irsa", ROLE.format("app")))
    admin.kubectl("apply", "-f", "-", stdin=pod("irsa", "irsa"))
    assert finished(admin, "irsa").startswith("arn:aws:sts::000000000000:assumed-role/app/")
    admin.kubectl("apply", "-f", "-", stdin=pod("skipped", "irsa", {"eks.amazonaws.com/skip-containers": "whoami"}))
    assert "arn:aws" not in finished(admin, "skipped")


def test_a_pod_has_the_role_of_its_association(eks, admin):
    admin.kubectl("create", "serviceaccount", "identity")
    eks.create_pod_identity_association(clusterName=NAME, namespace="default", serviceAccount="identity", roleArn=ROLE.format("pods"))
    admin.kubectl("apply", "-f", "-", stdin=pod("identity", "identity"))
    who = finished(admin, "identity")
    assert who.startswith(f"arn:aws:sts::000000000000:assumed-role/pods/eks-{NAME}-identity-"), who


def test_the_agent_s_own_operation_gives_the_same_credentials(real, eks, admin):
    admin.kubectl("create", "serviceaccount", "agent")
    eks.create_pod_identity_association(clusterName=NAME, namespace="default", serviceAccount="agent", roleArn=ROLE.format("pods"))
    token = admin.kubectl("create", "token", "agent", "--audience", "pods.eks.amazonaws.com").strip()
    agent = client(real, "eks-auth")
    answer = agent.assume_role_for_pod_identity(clusterName=NAME, token=token)
    assert answer["subject"] == {"namespace": "default", "serviceAccount": "agent"}
    given = answer["credentials"]
    sts = client(real, "sts", given["accessKeyId"], given["secretAccessKey"], given["sessionToken"])
    assert sts.get_caller_identity()["Arn"] == answer["assumedRoleUser"]["arn"]
    wrong = admin.kubectl("create", "token", "agent", "--audience", "sts.amazonaws.com").strip()
    for bad in (wrong, token[:-6] + "AAAAAA", "x.y.z"):
        with pytest.raises(agent.exceptions.InvalidTokenException):
            agent.assume_role_for_pod_identity(clusterName=NAME, token=bad)


def test_pods_get_no_role_of_another_account_that_has_not_said_so(real, eks, admin, management):
    foreign = ROLE.format("app").replace("000000000000", "111122223333")
    admin.kubectl("create", "serviceaccount", "far")
    made = eks.create_pod_identity_association(clusterName=NAME, namespace="default", serviceAccount="far", roleArn=ROLE.format("pods"))["association"]
    token = admin.kubectl("create", "token", "far", "--audience", "pods.eks.amazonaws.com").strip()
    agent = client(real, "eks-auth")

    def refused():
        try:
            agent.assume_role_for_pod_identity(clusterName=NAME, token=token)
        except agent.exceptions.ClientError as error:
            return error.response["Error"]["Message"]

    # Past the EKS API, which takes no such role: as YAML.
    kubectl = ["kubectl", "--kubeconfig", management]
    all = json.loads(subprocess.run([*kubectl, "get", "podidentityassociations", "-A", "-o", "json"], check=True, capture_output=True).stdout)["items"]
    meta = next(a["metadata"] for a in all if a["spec"]["serviceAccount"] == "far")

    def patch(**spec):
        subprocess.run([*kubectl, "patch", "podidentityassociation", meta["name"], "-n", meta["namespace"], "--type", "merge", "-p", json.dumps({"spec": spec})], check=True, capture_output=True)
    assert agent.assume_role_for_pod_identity(clusterName=NAME, token=token)["podIdentityAssociation"]["associationId"] == made["associationId"]
    patch(roleArn=foreign)
    assert "isn't of the cluster's account" in wait_for("the role to be refused", refused)
    patch(roleArn=ROLE.format("pods"), targetRoleArn=foreign)
    wait_for("the target to be refused", lambda: "has no trust policy" in (refused() or ""))
    sts = client(real, "sts")
    web = admin.kubectl("create", "token", "far", "--audience", "sts.amazonaws.com").strip()
    with pytest.raises(sts.exceptions.ClientError) as error:
        sts.assume_role_with_web_identity(RoleArn=foreign, RoleSessionName="web", WebIdentityToken=web)
    assert error.value.response["Error"]["Code"] == "AccessDenied"
    # Nor by way of a role of its own account.
    own = sts.assume_role_with_web_identity(RoleArn=ROLE.format("app"), RoleSessionName="web", WebIdentityToken=web)["Credentials"]
    session = boto3.client("sts", endpoint_url=real, region_name="us-east-1", aws_access_key_id=own["AccessKeyId"],
                           aws_secret_access_key=own["SecretAccessKey"], aws_session_token=own["SessionToken"])
    with pytest.raises(sts.exceptions.ClientError) as error:
        session.assume_role(RoleArn=foreign, RoleSessionName="web")
    assert error.value.response["Error"]["Code"] == "AccessDenied"


def assume(sts, token):
    return sts.assume_role_with_web_identity(RoleArn=ROLE.format("app"), RoleSessionName="web", WebIdentityToken=token)


def test_web_identity_tokens_that_are_not_good_are_refused(real, admin):
    sts = client(real, "sts")
    good = admin.kubectl("create", "token", "default", "--audience", "sts.amazonaws.com").strip()
    assert assume(sts, good)["SubjectFromWebIdentityToken"] == "system:serviceaccount:default:default"
    claims = jwt.decode(good, options={"verify_signature": False})
    header = {"kid": jwt.get_unverified_header(good)["kid"]}
    keys = json.load(urllib.request.urlopen(f"{real}{urllib.parse.urlsplit(claims['iss']).path}/keys"))
    public = jwt.PyJWK(keys["keys"][0]).key
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    # By hand: PyJWT itself refuses to sign with a public key as the secret.
    def b64(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    shared = f"{b64(json.dumps({'alg': 'HS256', **header}).encode())}.{b64(json.dumps(claims).encode())}"
    bad = {
        "for somebody else": admin.kubectl("create", "token", "default", "--audience", "other").strip(),
        "without a signature": jwt.encode(claims, None, algorithm="none", headers=header),
        "with the public key as a secret": f"{shared}.{b64(hmac.new(pem, shared.encode(), hashlib.sha256).digest())}",
        "with another key": jwt.encode(claims, generate_private_key(65537, 2048), algorithm="RS256", headers=header),
        "of another issuer": jwt.encode({**claims, "iss": "https://evil.example"}, generate_private_key(65537, 2048), algorithm="RS256", headers=header),
    }
    for what, token in bad.items():
        with pytest.raises(sts.exceptions.InvalidIdentityTokenException):
            assume(sts, token)
            pytest.fail(what)
    found = json.load(urllib.request.urlopen(f"{real}{urllib.parse.urlsplit(claims['iss']).path}/.well-known/openid-configuration"))
    assert found["issuer"] == claims["iss"]


def test_sts_answers_the_cli(real):
    person = Person(real, role=ROLE.format("any"), session="cli")
    assert person.aws("sts", "get-caller-identity")["Arn"] == "arn:aws:sts::000000000000:assumed-role/any/cli"
    given = Person(real).aws("sts", "get-session-token")["Credentials"]
    sts = client(real, "sts", given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    assert sts.get_caller_identity()["Account"] == "000000000000"
    for key, secret in [("AKIAUNKNOWN", "x"), ("test", "guess")]:
        with pytest.raises(sts.exceptions.ClientError) as refused:
            client(real, "sts", key, secret).get_caller_identity()
        assert refused.value.response["Error"]["Code"] in ("InvalidClientTokenId", "SignatureDoesNotMatch")


@pytest.fixture
def provider():
    """An OIDC provider that nodes of the cluster reach, with a certificate of its own authority; makes tokens."""
    inspect = ["docker", "inspect", f"k3d-{os.path.basename(os.environ['K3EKS_E2E_KUBECONFIG']).removesuffix('.kubeconfig')}-server-0"]
    networks = json.loads(run(*inspect))[0]["NetworkSettings"]["Networks"].values()
    host = next(n["Gateway"] for n in networks if n["Gateway"])
    key = generate_private_key(65537, 2048)
    authority = trustme.CA()
    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), http.server.BaseHTTPRequestHandler)
    issuer = f"https://{host}:{server.server_port}"
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    pages = {"/.well-known/openid-configuration": {"issuer": issuer, "jwks_uri": f"{issuer}/keys", "response_types_supported": ["id_token"],
                                                   "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"]},
             "/keys": {"keys": [{**public, "kid": "k", "alg": "RS256", "use": "sig"}]}}

    def get(handler):
        body = json.dumps(pages[handler.path]).encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        handler.wfile.write(body)
    server.RequestHandlerClass = type("Pages", (http.server.BaseHTTPRequestHandler,), {"do_GET": get, "log_message": lambda *_: None})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def token(**claims):
        now = int(time.time())
        claims = {"iss": issuer, "aud": "kubectl", "sub": "ann", "groups": ["devs"], "iat": now, "exp": now + 300, **claims}
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": "k"})
    yield issuer, authority.cert_pem.bytes().decode(), token
    server.shutdown()


def test_tokens_of_an_oidc_provider_sign_in(eks, admin, management, provider):
    issuer, authority, token = provider
    # By YAML, since the issuer's certificate isn't a public one: EKS has no member for that, the resource has.
    spec = {"clusterName": NAME, "identityProviderConfigName": "here", "issuerUrl": issuer, "clientId": "kubectl", "usernamePrefix": "oidc:",
            "groupsClaim": "groups", "groupsPrefix": "oidc:", "certificateAuthority": authority}
    config = {"apiVersion": "k3eks.io/v1alpha1", "kind": "IdentityProviderConfig", "metadata": {"name": "here", "namespace": "default"}, "spec": spec}
    run("kubectl", "--kubeconfig", management, "apply", "-f", "-", stdin=json.dumps(config))

    def signs_in(**claims):
        try:
            return '"major"' in with_token(admin, token(**claims))
        except Failed:
            return False
    within(90, "the provider's tokens", signs_in)
    assert not signs_in(aud="other") and not signs_in(exp=1000)
    names = {"type": "oidc", "name": "here"}
    described = eks.describe_identity_provider_config(clusterName=NAME, identityProviderConfig=names)["identityProviderConfig"]["oidc"]
    assert described["status"] == "ACTIVE"
    eks.disassociate_identity_provider_config(clusterName=NAME, identityProviderConfig=names)
    within(90, "the end of the provider's tokens", lambda: not signs_in())


@pytest.fixture
def another(management, tmp_path):
    """Starts another replica of the API on this host, with these arguments; gives its endpoint."""
    running = []

    def start(*arguments):
        port = free_port()
        env = {**os.environ, "KUBECONFIG": management, "POD_NAMESPACE": "k3eks-system"}
        log = open(tmp_path / "log", "w")
        command = [os.environ["K3EKS_BINARY"], "api", "--listen", f"127.0.0.1:{port}", *arguments]
        running.append(subprocess.Popen(command, env=env, stdout=log, stderr=log))
        endpoint = f"{'https' if '--tls-cert' in arguments else 'http'}://127.0.0.1:{port}"
        wait_for("the other replica", lambda: answers(f"{endpoint}/_k3eks/health"))
        return endpoint
    yield start
    for process in running:
        process.terminate()
        process.wait()


def answers(url):
    try:
        # Whoever answers there is of this test's own making.
        return urllib.request.urlopen(url, timeout=1, context=ssl._create_unverified_context()).status == 200
    except OSError:
        return False


def test_roles_are_only_had_by_whom_they_trust(real, eks, admin, another, tmp_path):
    issuer = eks.describe_cluster(name=NAME)["cluster"]["identity"]["oidc"]["issuer"].removeprefix("https://")
    (tmp_path / "keys").mkdir()
    (tmp_path / "roles").mkdir()
    for name in ("ann", "bob"):
        (tmp_path / "keys" / f"AKIA{name.upper()}").write_text(
            json.dumps({"secretAccessKey": name, "principalArn": f"arn:aws:iam::000000000000:user/{name}"}))
    statements = {
        "team": {"Principal": {"AWS": "arn:aws:iam::000000000000:user/ann"}, "Action": "sts:AssumeRole"},
        "app": {"Principal": {"Federated": f"arn:aws:iam::000000000000:oidc-provider/{issuer}"}, "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": {f"{issuer}:sub": "system:serviceaccount:default:app", f"{issuer}:aud": "sts.amazonaws.com"}}},
        "pods": {"Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]},
    }
    for name, statement in statements.items():
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
        (tmp_path / "roles" / name).write_text(json.dumps({"roleArn": ROLE.format(name), "assumeRolePolicyDocument": trust}))
    strict_with_roles = ("--auth", "strict", "--keys", str(tmp_path / "keys"), "--roles", str(tmp_path / "roles"))
    endpoint, replica = another(*strict_with_roles), another(*strict_with_roles)

    def role(name, key):
        return client(endpoint, "sts", f"AKIA{key.upper()}", key).assume_role(RoleArn=ROLE.format(name), RoleSessionName="me")
    given = role("team", "ann")["Credentials"]
    for name, key in [("team", "bob"), ("nobody-described-it", "ann"), ("app", "ann")]:
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            role(name, key)
        assert refused.value.response["Error"]["Code"] == "AccessDenied"
    # A session of one replica is good for the other, and not for an API of another mode, which knows other keys.
    session = given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
    assert client(replica, "sts", *session).get_caller_identity()["Arn"] == "arn:aws:sts::000000000000:assumed-role/team/me"
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        client(real, "sts", *session).get_caller_identity()
    assert refused.value.response["Error"]["Code"] == "InvalidClientTokenId"
    with pytest.raises(botocore.exceptions.ClientError):
        client(endpoint, "eks", "test", "test").list_clusters()

    strict = client(endpoint, "sts", "AKIAANN", "ann")
    tokens = {}
    for account in ("app", "other"):
        admin.kubectl("create", "serviceaccount", account)
        tokens[account] = admin.kubectl("create", "token", account, "--audience", "sts.amazonaws.com").strip()
    assert assume(strict, tokens["app"])["AssumedRoleUser"]["Arn"] == "arn:aws:sts::000000000000:assumed-role/app/web"
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        assume(strict, tokens["other"])
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_strict_takes_signatures_of_clients_that_offer_http_2(another, tmp_path):
    """As browsers and the SDKs in Go send them, where there is TLS."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "tls.crt")
    certificate.private_key_pem.write_to_path(tmp_path / "tls.key")
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "AKIAANN").write_text(json.dumps({"secretAccessKey": "ann"}))
    endpoint = another("--auth", "strict", "--keys", str(tmp_path / "keys"), "--tls-cert", str(tmp_path / "tls.crt"), "--tls-key", str(tmp_path / "tls.key"))
    port = urllib.parse.urlsplit(endpoint).port

    def asked(version, secret):
        return run("curl", "-s", f"--http{version}", "--cacert", tmp_path / "ca.crt", "--aws-sigv4", "aws:amz:us-east-1:eks", "--user", f"AKIAANN:{secret}",
                   "-w", " %{http_version}", f"https://localhost:{port}/clusters")
    # HTTP/1.1 is what is spoken: the client is told while TLS is set up.
    assert asked("2", "ann").endswith("} 1.1") and "clusters" in asked("2", "ann") and "clusters" in asked("1.1", "ann")
    assert "signature" in asked("2", "guess")


def test_an_emulator_s_word_is_taken_where_it_is_asked(another):
    port = free_port()
    moto = subprocess.Popen([os.path.join(os.path.dirname(sys.executable), "moto_server"), "-p", str(port)], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for("moto", lambda: answers(f"{url}/moto-api/"), 90)
        endpoint = another("--sts-endpoint", url)
        theirs = client(url, "sts", "AKIAANY", "any").get_caller_identity()
        ours = client(endpoint, "sts", "AKIAANY", "any").get_caller_identity()
        assert ours["Arn"] == theirs["Arn"] and ours["Account"] == theirs["Account"]
    finally:
        moto.terminate()
        moto.wait()


def signed_in(person):
    """Whether the API server answers and knows who asks."""
    try:
        return person.may("*", "*")
    except Failed:
        return False


def test_another_key_comes_without_breaking_the_tokens_that_there_are(real, eks, admin, management):
    def token():
        return admin.kubectl("create", "token", "default", "--audience", "sts.amazonaws.com").strip()

    def key(token):
        return jwt.get_unverified_header(token)["kid"]
    old, sts = token(), client(real, "sts")
    run("kubectl", "--kubeconfig", management, "annotate", "eks", NAME, "k3eks.io/rotate-service-account-keys=1")

    def rotated():
        try:
            return key(token()) != key(old)
        except Failed:
            return False
    within(90, "another key", rotated)
    run("kubectl", "--kubeconfig", management, "wait", "--for=condition=Ready", f"eks/{NAME}", "--timeout=60s")
    wait_for("sign-in", lambda: signed_in(admin), 60)
    within(30, "the keys in the cluster's status", lambda: key(token()) in run(
        "kubectl", "--kubeconfig", management, "get", "eks", NAME, "-o", "jsonpath={.status.serviceAccountKeys}"))
    for good in (old, token()):
        assert assume(sts, good)["SubjectFromWebIdentityToken"] == "system:serviceaccount:default:default"
    admin.kubectl("apply", "-f", "-", stdin=pod("after", "irsa"))
    assert finished(admin, "after").startswith("arn:aws:sts::000000000000:assumed-role/app/")


def test_certificates_go_on_while_nobody_answers_for_tokens(real, eks, admin, management):
    """The last of these tests: the operator goes away and comes back."""
    certificate = urllib.request.urlopen(f"{real}/_k3eks/clusters/{NAME}/kubeconfig").read()
    path = f"{admin.home}/certificate"
    with open(path, "wb") as file:
        file.write(certificate)
    token = token_of(admin)
    scale = ["kubectl", "--kubeconfig", management, "-n", "k3eks-system", "scale", "deploy/k3eks", "deploy/k3eks-api"]
    subprocess.run([*scale, "--replicas", "0"], check=True, capture_output=True)
    try:
        def refused():
            try:
                with_token(admin, token)
            except Failed as failed:
                return "Unauthorized" in str(failed) or "logged in" in str(failed)
            return False
        within(60, "the end of sign-in", refused)
        assert '"major"' in run("kubectl", "--kubeconfig", path, "get", "--raw", "/version")
    finally:
        subprocess.run([*scale, "--replicas", "1"], check=True, capture_output=True)
    within(60, "sign-in", lambda: not refused())
    within(60, "the API", lambda: answers(f"{real}/_k3eks/health"))
