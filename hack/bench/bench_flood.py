#!/usr/bin/env python3
"""A signed DescribeCluster while strangers flood the port, and the memory that they take. Started by hack/bench.sh."""
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

BINARY = os.environ["K3EKS_BENCH_BINARY"]
KEY, SECRET = "AKIABENCH", "bench-secret"
# The chart's limit.
LIMIT_MIB = 256
# Connections that the flood keeps at once.
CONNECTIONS = 2000
UPLOAD = b"POST /clusters HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 100_000
SLOW = b"GET /clusters HTTP/1.1\r\nx-a: "


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=1)
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{url} doesn't answer")


def describe(endpoint):
    """Milliseconds until the answer; what the answer is doesn't matter as long as it isn't about who asks."""
    request = AWSRequest("GET", f"{endpoint}/clusters/none")
    SigV4Auth(Credentials(KEY, SECRET), "eks", "us-east-1").add_auth(request)
    begun = time.monotonic()
    try:
        urllib.request.urlopen(urllib.request.Request(request.url, headers=dict(request.headers)), timeout=10)
    except urllib.error.HTTPError as error:
        if error.code != 404:
            sys.exit(f"DescribeCluster: {error.code} {error.read()}")
    return (time.monotonic() - begun) * 1000


def resident(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) // 1024


def flood(port, stop):
    held = []
    while not stop.is_set():
        try:
            connection = socket.create_connection(("127.0.0.1", port), timeout=2)
            connection.setblocking(False)
            connection.send(UPLOAD if len(held) % 2 else SLOW)
            held.append(connection)
        except OSError:
            pass
        if len(held) > CONNECTIONS:
            held.pop(0).close()
        # A flood that leaves the processor to nobody would measure that alone.
        time.sleep(0.001)


def main():
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as keys:
        with open(os.path.join(keys, KEY), "w") as file:
            file.write(f"secretAccessKey: {SECRET}\naccount: '111111111111'\n")
        options = ["--listen", f"127.0.0.1:{port}", "--auth", "strict", "--keys", keys, "--log-level", "warn"]
        server = subprocess.Popen([BINARY, "api", *options])
        try:
            wait_for(f"{endpoint}/_k3eks/health")
            quiet = statistics.median(describe(endpoint) for _ in range(50))
            stop, peak, times = threading.Event(), 0, []
            stranger = threading.Thread(target=flood, args=(port, stop))
            stranger.start()
            end = time.monotonic() + 20
            while time.monotonic() < end:
                times.append(describe(endpoint))
                peak = max(peak, resident(server.pid))
                time.sleep(0.05)
            stop.set()
            stranger.join()
        finally:
            server.terminate()
            server.wait()
    worst = statistics.quantiles(times, n=100)[98]
    print(f"flood: DescribeCluster {quiet:.1f} ms alone, in a flood {statistics.median(times):.1f} ms, 99th percentile {worst:.1f} ms; memory {peak} MiB")
    if worst > 50 or peak > LIMIT_MIB:
        sys.exit(f"flood: 50 ms and {LIMIT_MIB} MiB are the most")


if __name__ == "__main__":
    main()
