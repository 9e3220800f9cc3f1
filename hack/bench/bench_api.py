#!/usr/bin/env python3
"""The installed EKS API, sign-in included, against the moto server, as ratios within one run. Started by hack/bench.sh."""
import base64
import hashlib
import json
import os
import re
import secrets
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import bench_page
import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.model import ServiceId
from botocore.signers import RequestSigner
from measure import NAME, Installed, in_turn, run, spread, verdict

# The port that `make up` publishes, and the API's own ports on the management cluster's node.
PUBLISHED = f"http://127.0.0.1:{os.environ['K3EKS_BENCH_PORT']}"
NODE_PORT, SIGN_IN_PORT = 30456, 30457
SECONDS = os.environ.get("K3EKS_BENCH_SECONDS", "5")
MANY = int(os.environ.get("K3EKS_BENCH_CLUSTERS", "1000"))
NETWORK = {"subnetIds": ["subnet-1", "subnet-2"]}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eks(endpoint, account="123456789012"):
    return boto3.client("eks", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=account, aws_secret_access_key="any")


def create(client, name):
    return client.create_cluster(name=name, roleArn="arn:aws:iam::123456789012:role/r", resourcesVpcConfig=NETWORK)


def wait_until(what, done, seconds=300):
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            sys.exit(f"waited {seconds} s for {what}")
        time.sleep(0.1)


def answers(url):
    try:
        urllib.request.urlopen(url, timeout=1)
        return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def load(url, connections):
    """Requests per second and the 99th percentile in milliseconds, with a signed request."""
    request = AWSRequest("GET", url)
    SigV4Auth(Credentials("123456789012", "any"), "eks", "us-east-1").add_auth(request)
    headers = [part for name, value in request.headers.items() for part in ("-H", f"{name}: {value}")]
    return wrk(url, connections, *headers)


def wrk(url, connections, *arguments):
    text = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", *arguments, url], check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text:
        sys.exit(f"{url} answers with errors:\n{text}")
    if re.search(r"Requests/sec:\s+0\.00", text):
        sys.exit(f"{url} answered nothing in {SECONDS} s: the machine is too busy to measure")
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def token(cluster):
    """What `aws eks get-token` makes."""
    signer = RequestSigner(ServiceId("sts"), "us-east-1", "sts", "v4", Credentials("123456789012", "test"), boto3.session.Session().events)
    request = {"method": "GET", "url": "https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15", "body": {},
               "headers": {"x-k8s-aws-id": cluster}, "context": {}}
    url = signer.generate_presigned_url(request, region_name="us-east-1", expires_in=60, operation_name="")
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def knows_server(resource):
    """Has the identity service know an API server of this cluster, as it would one that k3eks had made; what that one shows."""
    shown = secrets.token_hex(16)
    digest = hashlib.sha256(shown.encode()).hexdigest()
    run("kubectl", "-n", "default", "patch", f"eks/{resource}", "--subresource=status", "--type=merge", "-p", json.dumps({"status": {"webhookTokens": [digest]}}))
    return shown


def sign_in(node, resource, server):
    """Sign-ins per second and the 99th percentile in milliseconds, each checked from the beginning. `server` is what the API server shows."""
    url = f"https://{node}:{SIGN_IN_PORT}/clusters/default/{resource}/review"
    review = json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token("one")}})
    asked = urllib.request.Request(url, review.encode(), {"Content-Type": "application/json", "Authorization": f"Bearer {server}"})

    def accepted():
        try:
            answer = json.load(urllib.request.urlopen(asked, context=ssl._create_unverified_context()))
        except urllib.error.HTTPError:
            return False
        if not answer["status"].get("authenticated"):
            sys.exit(f"the token is refused: {answer}")
        return True
    wait_until("the identity service to know the API server", accepted)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f"wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\nwrk.headers['Authorization'] = 'Bearer {server}'\nwrk.body = [[{review}]]\n")
        script.flush()
        return wrk(url, 16, "-s", script.name)


def describe_cluster(ours, theirs, goal):
    for connections in (1, 16):
        pairs = in_turn(lambda: load(f"{ours}/clusters/one", connections), lambda: load(f"{theirs}/clusters/one", connections))
        mine, moto = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        ratios = [one[0] / other[0] for one, other in pairs]
        late = [p99 for _, p99 in mine]
        met = statistics.median(ratios) >= goal and (connections == 1 or statistics.median(late) < 2)
        wanted = f" (goal: {goal} x{', p99 under 2 ms' if connections > 1 else ''}){verdict(met)}" if goal else ""
        print(f"  {connections:2} connections: {spread([rate for rate, _ in mine], 0)} /s, p99 {spread(late, 2)} ms; "
              f"moto {spread([rate for rate, _ in moto], 0)} /s; {spread(ratios, 0)} x{wanted}", flush=True)


def times_of(work, count):
    """How long each took, in milliseconds."""
    times = []
    for number in range(count):
        begun = time.monotonic()
        work(number)
        times.append((time.monotonic() - begun) * 1000)
    return times


moto_port = free_port()
theirs = f"http://127.0.0.1:{moto_port}"
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
moto = subprocess.Popen([os.path.join(os.path.dirname(sys.executable), "moto_server"), "-p", str(moto_port)], **quiet)
api = Installed()
try:
    wait_until("the API", lambda: answers(f"{PUBLISHED}/_k3eks/health"))
    wait_until("moto", lambda: answers(theirs))
    memory = api.memory("api")
    print(f"resident memory idle: {memory:.0f} MB (goal: under 40){verdict(memory < 40)}")
    client = eks(PUBLISHED)
    create(client, "one")
    create(eks(theirs), "one")
    wait_until("the cluster", lambda: client.describe_cluster(name="one")["cluster"]["status"] == "ACTIVE")
    node = run("docker", "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", f"k3d-{NAME}-server-0").split()[0]
    print("DescribeCluster through the published port")
    describe_cluster(PUBLISHED, theirs, 40)
    # What Docker's proxy for loopback costs is the difference.
    print("DescribeCluster through the node's own port, without Docker's proxy")
    describe_cluster(f"http://{node}:{NODE_PORT}", theirs, 0)

    resource = run("kubectl", "-n", "default", "get", "eks", "-o", "jsonpath={.items[0].metadata.name}")
    server = knows_server(resource)
    signed_in = [sign_in(node, resource, server) for _ in range(5)]
    rates = [rate for rate, _ in signed_in]
    print(f"sign-ins at 16 connections: {spread(rates, 0)} /s, p99 {spread([late for _, late in signed_in], 2)} ms (goal: 200 /s){verdict(statistics.median(rates) >= 200)}", flush=True)

    times = times_of(lambda number: create(client, f"many-{number}"), 20)
    print(f"CreateCluster answers in {spread(times, 0)} ms (goal: under 50){verdict(statistics.median(times) < 50)}")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: create(client, f"many-{number}"), range(20, MANY)))
    groups = [(f"many-{n}", g) for n in range(MANY) for g in ("a", "b")]
    wait_until("the last cluster", lambda: client.describe_cluster(name=f"many-{MANY - 1}")["cluster"]["status"] == "ACTIVE")

    def add(pair):
        client.create_nodegroup(clusterName=pair[0], nodegroupName=pair[1], nodeRole="arn:aws:iam::123456789012:role/r", subnets=["subnet-1"])
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, groups))
    page = urllib.request.Request(f"{PUBLISHED}/clusters?maxResults=100", headers={"Authorization": "AWS4-HMAC-SHA256 Credential=123456789012/20260101/us-east-1/eks/aws4_request, SignedHeaders=host, Signature=0"})
    times = times_of(lambda _: urllib.request.urlopen(page).read(), 50)
    print(f"ListClusters over {MANY} clusters, a page of 100: {spread(times)} ms (goal: under 5){verdict(statistics.median(times) < 5)}")
    memory = api.memory("api")
    print(f"resident memory with {MANY} clusters and {2 * MANY} node groups: {memory:.0f} MB (goal: under 80){verdict(memory < 80)}")
    size, painted, rows, loaded, change = bench_page.measure(PUBLISHED, MANY + 1, lambda name: create(client, name))
    print(f"console page: {size:.0f} KB as it is sent (goal: under 150){verdict(size < 150)}; with {MANY} clusters painted after {painted:.0f} ms, the first rows after {rows:.0f} ms, all to be searched after {loaded:.0f} ms (goal: 300){verdict(loaded < 300)}; a change is shown after {change:.0f} ms (goal: 500){verdict(change < 500)}")
finally:
    moto.send_signal(signal.SIGTERM)
    moto.wait()
