#!/usr/bin/env python3
"""The operator against bare k3d, as ratios within one run. Started by hack/bench.sh.

Every figure is the median of K3EKS_BENCH_ROUNDS rounds (3), ours and bare k3d in turns. Goals are printed beside the
figures; one that is missed is marked and doesn't fail the run, since the machine may be busy.
"""
import json
import os
import re
import ssl
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

IMAGE = os.environ["K3EKS_BENCH_IMAGE"]
BINARY = os.environ["K3EKS_BENCH_BINARY"]
ADMIN = "127.0.0.1:18080"
ROUNDS = int(os.environ.get("K3EKS_BENCH_ROUNDS", "3"))
MANY = int(os.environ.get("K3EKS_BENCH_CLUSTERS", "500"))


def run(*args, stdin=None, check=True):
    done = subprocess.run(args, input=stdin, text=True, capture_output=True)
    if check and done.returncode:
        sys.exit(f"{' '.join(args)}\n{done.stderr}")
    return done.stdout


def apply(*objects):
    run("kubectl", "apply", "-f", "-", stdin="\n---\n".join(json.dumps(o) for o in objects))


def cluster(name, **spec):
    return {"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": {"name": name, "namespace": "default"}, "spec": spec}


def group(name, owner, size):
    scaling = {"minSize": 0, "maxSize": size, "desiredSize": size}
    return {"apiVersion": "k3eks.io/v1alpha1", "kind": "Nodegroup", "metadata": {"name": name, "namespace": "default"},
            "spec": {"clusterName": owner, "scalingConfig": scaling}}


def wait(*resources):
    """Until all are Active."""
    args = ["kubectl", "wait", "--for=jsonpath={.status.phase}=Active", "--timeout=300s", *resources]
    run(*args)


def timed(work):
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


class Operator:
    def __init__(self, *options):
        command = [BINARY, "operator", "--admin-address", ADMIN, "--log-level", "warn", *options]
        self.process = subprocess.Popen(command)
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"http://{ADMIN}/readyz", timeout=1).read()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    sys.exit("the operator didn't start")
                time.sleep(0.1)

    def metrics(self):
        text = urllib.request.urlopen(f"http://{ADMIN}/metrics", timeout=5).read().decode()
        return {m[1]: float(m[2]) for m in re.finditer(r"^(k3eks_\S+) (\S+)$", text, re.M)}

    def total(self, prefix):
        return sum(value for name, value in self.metrics().items() if name.startswith(prefix))

    def memory(self):
        """Resident, in MB."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()


def bare(name):
    # What the operator asks of k3d.
    arguments = ["--disable=traefik", "--service-cidr=10.100.0.0/16", "--cluster-dns=10.100.0.10", "--tls-san=127.0.0.1", f"--tls-san=k3d-{name}-server-0"]
    run("k3d", "cluster", "create", name, "--image", IMAGE, "--no-lb", "--wait", "--timeout", "120s", "--kubeconfig-update-default=false",
        *(part for a in arguments for part in ("--k3s-arg", f"{a}@server:*")))


def side_by_side(work, names):
    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def report(what, ours, theirs, goal):
    ours, theirs = statistics.median(ours), statistics.median(theirs)
    ratio = ours / theirs
    verdict = "" if ratio <= goal else "   MISSED"
    print(f"{what:<58} {ours:6.1f} s  {theirs:6.1f} s  {ratio:5.2f}  (goal {goal}){verdict}", flush=True)


def creation():
    ours, theirs = [], []
    for turn in range(ROUNDS):
        theirs.append(timed(lambda: bare("bench-bare")))
        run("k3d", "cluster", "delete", "bench-bare")

        def make():
            apply(cluster("one"))
            wait("eks/one")
        ours.append(timed(make))
        if turn < ROUNDS - 1:
            run("kubectl", "delete", "eks/one")
    report("apply to Active : k3d cluster create --wait", ours, theirs, 0.85)


def nodes():
    bare("bench-bare")
    one, four, theirs = [], [], []
    for turn in range(ROUNDS):
        theirs.append(timed(lambda: run("k3d", "node", "create", f"b{turn}", "--cluster", "bench-bare", "--replicas", "4", "--image", IMAGE, "--wait")))
        run("k3d", "node", "delete", *(f"k3d-b{turn}-{n}" for n in range(4)))
        for size, times in ((4, four), (1, one)):
            def make():
                apply(group("g", "one", size))
                wait("ng/g")
            times.append(timed(make))
            run("kubectl", "delete", "ng/g")
    run("k3d", "cluster", "delete", "bench-bare")
    run("kubectl", "delete", "eks/one")
    report("node group of 4 Ready : k3d node create --replicas 4", four, theirs, 1.25)
    report("node group of 4 Ready : node group of 1", four, one, 2.0)


def four_at_once():
    ours, theirs = [], []
    names = [f"four{n}" for n in range(4)]
    for _ in range(max(1, ROUNDS - 1)):
        theirs.append(timed(lambda: side_by_side(bare, [f"bench-{n}" for n in names])))
        run("k3d", "cluster", "delete", *(f"bench-{n}" for n in names))

        def make():
            apply(*(cluster(n) for n in names))
            wait(*(f"eks/{n}" for n in names))
        ours.append(timed(make))
        run("kubectl", "delete", "eks", *names)
    report("4 clusters applied at once : 4 k3d at once", ours, theirs, 1.15)


def phase(name, wanted):
    """Until the cluster says this of its newest spec."""
    while True:
        found = json.loads(run("kubectl", "get", f"eks/{name}", "-o", "json"))
        status = found.get("status", {})
        if status.get("phase") == wanted and status.get("observedGeneration") == found["metadata"]["generation"]:
            return
        time.sleep(0.1)


def patch(resource, spec):
    run("kubectl", "patch", resource, "--type", "merge", "-p", json.dumps({"spec": spec}))


def away(endpoint, work):
    """The longest time that the API server didn't answer while `work` ran, in seconds."""
    longest, over = [0.0], threading.Event()
    context = ssl._create_unverified_context()

    def look():
        answered = time.monotonic()
        while not over.is_set():
            try:
                urllib.request.urlopen(f"{endpoint}/readyz", timeout=1, context=context)
                answered = time.monotonic()
            except urllib.error.HTTPError as error:
                # It answers that nobody is allowed to ask without a name.
                if error.code in (401, 403):
                    answered = time.monotonic()
            except OSError:
                pass
            longest[0] = max(longest[0], time.monotonic() - answered)
            time.sleep(0.05)
    thread = threading.Thread(target=look)
    thread.start()
    work()
    over.set()
    thread.join()
    return longest[0]


def life():
    ours, theirs, gaps = [], [], []
    bare("bench-bare")
    for _ in range(ROUNDS):
        theirs.append(timed(lambda: (run("k3d", "cluster", "stop", "bench-bare"), run("k3d", "cluster", "start", "bench-bare", "--wait"))))
    for _ in range(ROUNDS):
        apply(cluster("one", kubernetesVersion="1.33"))
        # k3d as well has finished with it, as with the bare one.
        run("kubectl", "wait", "--for=condition=Provisioned", "--timeout=120s", "eks/one")

        def stop_and_start():
            patch("eks/one", {"state": "Stopped"})
            phase("one", "Stopped")
            patch("eks/one", {"state": "Running"})
            phase("one", "Active")
        ours.append(timed(stop_and_start))
        endpoint = run("kubectl", "get", "eks/one", "-o", "jsonpath={.status.endpoint}")

        def upgrade():
            patch("eks/one", {"kubernetesVersion": "1.34"})
            phase("one", "Active")
        gaps.append(away(endpoint, upgrade))
        run("kubectl", "delete", "eks/one")
    report("stop and start : k3d cluster stop and start", ours, theirs, 1.1)
    gap = statistics.median(gaps)
    print(f"upgrade of a cluster: its API away for {gap:.1f} s (goal: under 5){'' if gap < 5 else '   MISSED'}", flush=True)
    ours, theirs = [], []
    apply(cluster("one"))
    wait("eks/one")
    for turn in range(ROUNDS):
        theirs.append(timed(lambda: run("k3d", "node", "create", f"s{turn}", "--cluster", "bench-bare", "--replicas", "4", "--image", IMAGE, "--wait")))
        run("k3d", "node", "delete", *(f"k3d-s{turn}-{n}" for n in range(4)))
        apply(group("g", "one", 1))
        wait("ng/g")

        def scale():
            apply(group("g", "one", 5))
            run("kubectl", "wait", "--for=jsonpath={.status.readyReplicas}=5", "--timeout=300s", "ng/g")
        ours.append(timed(scale))
        run("kubectl", "delete", "ng/g")
    run("k3d", "cluster", "delete", "bench-bare")
    run("kubectl", "delete", "eks/one")
    report("node group from 1 to 5 : k3d node create --replicas 4", ours, theirs, 1.25)


def readopted(operator):
    names = [f"ten{n}" for n in range(10)]
    apply(*(cluster(n) for n in names))
    # k3d as well has finished with them.
    run("kubectl", "wait", "--for=condition=Provisioned", "--timeout=300s", *(f"eks/{n}" for n in names))

    def containers():
        return run("docker", "ps", "--filter", "label=k3eks.io/cluster", "--format", "{{.ID}} {{.Names}}")
    before, calls, times = containers(), 0, []
    for _ in range(ROUNDS):
        operator.stop()
        operator = Operator("--provider", "k3d")
        began, quiet = quiet_after(operator)
        times.append(quiet - began)
        calls += operator.total("k3eks_provision_duration_seconds_count")
    touched, median = containers() != before or calls > 0, statistics.median(times)
    verdict = "" if median < 3 and not touched else "   MISSED"
    print(f"restart with 10 running clusters: quiet after {median:.1f} s, containers {'touched' if touched else 'untouched'} (goal: under 3){verdict}", flush=True)
    run("kubectl", "delete", "eks", *names)
    return operator


def quiet_after(operator):
    """When it was started, and when its reconciles came to rest."""
    begun, last, since = time.monotonic(), -1.0, time.monotonic()
    while time.monotonic() - since < 3:
        now = operator.total("k3eks_reconciles_total")
        if now != last:
            last, since = now, time.monotonic()
        time.sleep(0.1)
    return begun, since


def active(count):
    phases = run("kubectl", "get", "eks,ng", "-o", "jsonpath={.items[*].status.phase}").split()
    return phases.count("Active") == count


def many(operator):
    inline = [{"nodegroupName": n, "minSize": 1, "desiredSize": 2, "maxSize": 3} for n in ("a", "b")]
    objects = [cluster(f"many{n}", provider="metadata", nodeGroups=inline) for n in range(MANY)]
    before = operator.total("k3eks_kubernetes_requests_total")

    def make():
        apply(*objects)
        while not active(3 * MANY):
            time.sleep(0.5)
    took = timed(make)
    requests = operator.total("k3eks_kubernetes_requests_total") - before
    print(f"{MANY} metadata clusters with 2 node groups each, all Active: {took:.1f} s, kubectl's own part included")
    print(f"  API requests per cluster, its node groups included: {requests / MANY:.1f}")
    verdict = "" if operator.memory() < 60 else "   MISSED"
    print(f"  resident memory: {operator.memory():.0f} MB (goal: under 60){verdict}")
    operator.stop()
    operator = Operator()
    begun, since = quiet_after(operator)
    writes = operator.total("k3eks_kubernetes_requests_total") - operator.metrics().get('k3eks_api_requests_total{method="GET"}', 0)
    calls = operator.total("k3eks_provision_duration_seconds_count")
    print(f"  restart: quiet after {since - begun:.1f} s, {writes:.0f} writes, {calls:.0f} provider calls, {operator.memory():.0f} MB")
    return operator


def main():
    operator = Operator("--provider", "k3d")
    try:
        print(f"{'':<58} {'ours':>8}  {'bare':>8}  ratio")
        creation()
        nodes()
        four_at_once()
        life()
        operator = readopted(operator)
        operator = many(operator)
    finally:
        operator.stop()


if __name__ == "__main__":
    main()
