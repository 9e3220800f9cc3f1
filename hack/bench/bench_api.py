#!/usr/bin/env python3
"""The EKS API against the moto server, as ratios within one run. Started by hack/bench.sh."""
import base64
import json
import os
import re
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

BINARY = os.environ["K3EKS_BENCH_BINARY"]
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
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def token(cluster):
    """What `aws eks get-token` makes."""
    signer = RequestSigner(ServiceId("sts"), "us-east-1", "sts", "v4", Credentials("123456789012", "test"), boto3.session.Session().events)
    request = {"method": "GET", "url": "https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15", "body": {},
               "headers": {"x-k8s-aws-id": cluster}, "context": {}}
    url = signer.generate_presigned_url(request, region_name="us-east-1", expires_in=60, operation_name="")
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def sign_in(port, resource):
    """Sign-ins per second and the 99th percentile in milliseconds, each checked from the beginning."""
    url = f"https://127.0.0.1:{port}/clusters/bench-api/{resource}/review"
    review = json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token("one")}})
    asked = urllib.request.Request(url, review.encode(), {"Content-Type": "application/json"})
    answer = json.load(urllib.request.urlopen(asked, context=ssl._create_unverified_context()))
    if not answer["status"].get("authenticated"):
        sys.exit(f"the token is refused: {answer}")
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f"wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\nwrk.body = [[{review}]]\n")
        script.flush()
        return wrk(url, 16, "-s", script.name)


def memory(process):
    with open(f"/proc/{process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) / 1024


def goal(met):
    return "" if met else "   MISSED"


port, moto_port, identity = free_port(), free_port(), free_port()
ours, theirs = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{moto_port}"
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
running = [
    subprocess.Popen([BINARY, "operator", "--provider", "metadata", "--watch-namespace", "bench-api", "--admin-address", "127.0.0.1:0", "--log-level", "warn"]),
    subprocess.Popen([BINARY, "api", "--listen", f"127.0.0.1:{port}", "--namespace", "bench-api", "--watch-namespace", "bench-api", "--quota-clusters", "100000", "--log-level", "warn,rustls=error", "--identity-listen", f"127.0.0.1:{identity}"]),
    subprocess.Popen([os.path.join(os.path.dirname(sys.executable), "moto_server"), "-p", str(moto_port)], **quiet),
]
api = running[1]
try:
    wait_until("the API", lambda: answers(f"{ours}/_k3eks/health"))
    wait_until("moto", lambda: answers(theirs))
    time.sleep(1)
    print(f"resident memory idle: {memory(api):.0f} MB (goal: under 40){goal(memory(api) < 40)}")
    create(eks(ours), "one")
    create(eks(theirs), "one")
    wait_until("the cluster", lambda: eks(ours).describe_cluster(name="one")["cluster"]["status"] == "ACTIVE")
    for connections in (1, 16):
        (mine, p99), (moto, _) = load(f"{ours}/clusters/one", connections), load(f"{theirs}/clusters/one", connections)
        met = mine / moto >= 40 and (connections == 1 or p99 < 2)
        print(f"DescribeCluster, {connections:2} connections: {mine:7.0f} /s, p99 {p99:.2f} ms; moto {moto:5.0f} /s; {mine / moto:.0f} x (goal: 40 x{', p99 under 2 ms' if connections > 1 else ''}){goal(met)}", flush=True)

    resource = subprocess.run(["kubectl", "-n", "bench-api", "get", "eks", "-o", "jsonpath={.items[0].metadata.name}"], check=True, capture_output=True, text=True)
    rate, p99 = sign_in(identity, resource.stdout)
    print(f"sign-ins at 16 connections: {rate:.0f} /s, p99 {p99:.2f} ms (goal: 200 /s){goal(rate >= 200)}", flush=True)

    client, times = eks(ours), []

    def make(number):
        begun = time.monotonic()
        create(client, f"many-{number}")
        times.append((time.monotonic() - begun) * 1000)
    for number in range(20):
        make(number)
    median = statistics.median(times)
    print(f"CreateCluster answers in {median:.0f} ms (goal: under 50){goal(median < 50)}")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(20, MANY)))
    groups = [(f"many-{n}", g) for n in range(MANY) for g in ("a", "b")]
    wait_until("the last cluster", lambda: client.describe_cluster(name=f"many-{MANY - 1}")["cluster"]["status"] == "ACTIVE")

    def add(pair):
        client.create_nodegroup(clusterName=pair[0], nodegroupName=pair[1], nodeRole="arn:aws:iam::123456789012:role/r", subnets=["subnet-1"])
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, groups))
    times = []
    for _ in range(50):
        begun = time.monotonic()
        urllib.request.urlopen(urllib.request.Request(f"{ours}/clusters?maxResults=100", headers={"Authorization": "AWS4-HMAC-SHA256 Credential=123456789012/20260101/us-east-1/eks/aws4_request, SignedHeaders=host, Signature=0"})).read()
        times.append((time.monotonic() - begun) * 1000)
    median = statistics.median(times)
    print(f"ListClusters over {MANY} clusters, a page of 100: {median:.1f} ms (goal: under 5){goal(median < 5)}")
    print(f"resident memory with {MANY} clusters and {2 * MANY} node groups: {memory(api):.0f} MB (goal: under 80){goal(memory(api) < 80)}")
    size, load, whole, change = bench_page.measure(ours, MANY + 1, lambda name: create(client, name))
    print(f"console page: {size:.0f} KB (goal: under 150){goal(size < 150)}; usable with {MANY} clusters after {load:.0f} ms (goal: 300){goal(load < 300)}, the last row is there after {whole:.0f} ms; a change is shown after {change:.0f} ms (goal: 500){goal(change < 500)}")
finally:
    for process in running:
        process.send_signal(signal.SIGTERM)
    for process in running:
        process.wait()
