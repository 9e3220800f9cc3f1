"""What the benchmarks share: resources, pairs of measurements in turn, and the operator and the API as the chart installed them."""
import json
import os
import re
import statistics
import subprocess
import sys
import time
from datetime import datetime

IMAGE = os.environ["K3EKS_BENCH_IMAGE"]
NAME = os.environ["K3EKS_BENCH_NAME"]
ROUNDS = int(os.environ.get("K3EKS_BENCH_ROUNDS", "5"))
NAMESPACE = "k3eks-system"


# Nothing that is measured takes that long: what hangs ends the run.
LONGEST = 600


def run(*args, stdin=None, check=True):
    try:
        done = subprocess.run(args, input=stdin, text=True, capture_output=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        sys.exit(f"{' '.join(args)}\ndidn't end within {LONGEST} s")
    if check and done.returncode:
        sys.exit(f"{' '.join(args)}\n{done.stderr}")
    return done.stdout


def timed(work):
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def apply(*objects):
    run("kubectl", "apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def cluster(name, **spec):
    return {"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": {"name": name, "namespace": "default"}, "spec": spec}


def group(name, owner, size):
    scaling = {"minSize": 0, "maxSize": size, "desiredSize": size}
    return {"apiVersion": "k3eks.io/v1alpha1", "kind": "Nodegroup", "metadata": {"name": name, "namespace": "default"},
            "spec": {"clusterName": owner, "scalingConfig": scaling}}


def wait(*resources, condition="jsonpath={.status.phase}=Active"):
    run("kubectl", "wait", f"--for={condition}", "--timeout=300s", *resources)


def in_turn(ours, theirs, rounds=ROUNDS):
    """Both sides, one right after the other, and the other way round the next time; pairs of what they give."""
    pairs = []
    for turn in range(rounds):
        if turn % 2:
            second = ours()
            pairs.append((second, theirs()))
        else:
            first = theirs()
            pairs.append((ours(), first))
    return pairs


def spread(values, digits=1):
    """The median, and the least and the most of all."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def verdict(met):
    return "" if met else "   MISSED"


def ratio(what, pairs, goal):
    """The median of the pairs' own ratios: what the machine does meanwhile is in both sides of a pair."""
    show(what, pairs, f"goal {goal}", verdict(statistics.median(ours / theirs for ours, theirs in pairs) <= goal))


def bound(what, pairs, why):
    """The same for the least that is possible, which has no goal."""
    show(what, pairs, why, "")


def show(what, pairs, note, judged):
    ratios = [ours / theirs for ours, theirs in pairs]
    print(f"{what:<56} {spread([p[0] for p in pairs]):>17} s {spread([p[1] for p in pairs]):>17} s {spread(ratios, 2):>17}  ({note}){judged}", flush=True)


class Installed:
    """The Deployment that the chart made."""

    def pod(self):
        return json.loads(run("kubectl", "-n", NAMESPACE, "get", "pods", "-l", "app.kubernetes.io/component=operator", "-o", "json"))["items"][0]

    def restart(self):
        """Another pod in its place; gives when its operator began."""
        run("kubectl", "-n", NAMESPACE, "delete", "pod", "-l", "app.kubernetes.io/component=operator")
        run("kubectl", "-n", NAMESPACE, "rollout", "status", "deployment/k3eks", "--timeout=120s")
        began = [c["state"]["running"]["startedAt"] for c in self.pod()["status"]["containerStatuses"]]
        return max(datetime.fromisoformat(b).timestamp() for b in began)

    def metrics(self):
        text = run("kubectl", "get", "--raw", f"/api/v1/namespaces/{NAMESPACE}/services/k3eks-metrics:8080/proxy/metrics")
        return {m[1]: float(m[2]) for m in re.finditer(r"^(k3eks_\S+) (\S+)$", text, re.M)}

    def total(self, prefix):
        return sum(value for name, value in self.metrics().items() if name.startswith(prefix))

    def quiet(self):
        """When its reconciles came to rest."""
        last, since = -1.0, time.time()
        while time.time() - since < 3:
            now = self.total("k3eks_reconciles_total")
            if now != last:
                last, since = now, time.time()
            time.sleep(0.1)
        return since

    def memory(self, part):
        """Resident memory of `operator` or `api`, in MB."""
        top = run("docker", "top", f"k3d-{NAME}-server-0", "-eo", "pid,args")
        pid = re.search(rf"^ *(\d+) +\S*k3eks {part}\b", top, re.M)[1]
        with open(f"/proc/{pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) / 1024
