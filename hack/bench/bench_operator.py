#!/usr/bin/env python3
"""The installed operator against bare k3d, as ratios within one run. Started by hack/bench.sh.

Every figure is the median of K3EKS_BENCH_ROUNDS pairs (5), ours and bare k3d in turns, with the least and the most. Goals are
printed beside the figures; one that is missed is marked and doesn't fail the run, since the machine may be busy.
"""
import itertools
import json
import os
import ssl
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

from measure import IMAGE, LONGEST, ROUNDS, Installed, apply, bound, cluster, group, in_turn, ratio, run, spread, timed, verdict, wait

MANY = int(os.environ.get("K3EKS_BENCH_CLUSTERS", "500"))
UNVERIFIED = ssl._create_unverified_context()
VERSION, NEXT = os.environ["K3EKS_BENCH_VERSIONS"].split()


# What the operator asks of k3s.
K3S = ["--disable=traefik", "--service-cidr=10.100.0.0/16", "--cluster-dns=10.100.0.10", "--tls-san=127.0.0.1"]


def bare_command(name):
    arguments = [*K3S, f"--tls-san=k3d-{name}-server-0"]
    return ["k3d", "cluster", "create", name, "--image", IMAGE, "--no-lb", "--wait", "--timeout", "120s", "--kubeconfig-update-default=false", "--api-port", "127.0.0.1:random",
            *(part for a in arguments for part in ("--k3s-arg", f"{a}@server:*"))]


def bare(name):
    run(*bare_command(name))


def bare_server(name):
    """Has k3d make a cluster; how long until its server is up. What k3d does afterwards is for pods, and no client of the API waits for it."""
    began = time.monotonic()
    with subprocess.Popen(bare_command(name), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as k3d:
        took = next((time.monotonic() - began for line in k3d.stdout if "Injecting records" in line), None)
        k3d.communicate(timeout=LONGEST)
    if took is None or k3d.returncode:
        sys.exit(f"{name}: k3d didn't make the cluster")
    return took


def raw(name):
    """A server of the same image without k3d, until its API server answers."""
    run("docker", "network", "create", name)
    run("docker", "run", "-d", "--name", name, "--network", name, "--privileged", "--tmpfs", "/run", "--tmpfs", "/var/run", "-e", "K3S_TOKEN=bench",
        "-p", "127.0.0.1::6443", IMAGE, "server", *K3S)
    answered(name)


def answered(name):
    address = run("docker", "port", name, "6443").split()[0]
    while not answers(f"https://{address}"):
        time.sleep(0.05)


def remove_raw(name):
    run("docker", "rm", "-fv", name)
    run("docker", "network", "rm", name)


def answers(endpoint):
    """Whether the API server there answers, also that nobody is allowed to ask without a name."""
    try:
        urllib.request.urlopen(f"{endpoint}/readyz", timeout=1, context=UNVERIFIED)
        return True
    except urllib.error.HTTPError as error:
        return error.code in (401, 403)
    except OSError:
        return False


def side_by_side(work, names):
    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def creation():
    def ours():
        took = timed(lambda: (apply(cluster("one", kubernetesVersion=VERSION)), wait("eks/one")))
        run("kubectl", "delete", "eks/one")
        return took

    def theirs():
        took = timed(lambda: bare("bench-bare"))
        run("k3d", "cluster", "delete", "bench-bare")
        return took

    def servers():
        took = bare_server("bench-bare")
        run("k3d", "cluster", "delete", "bench-bare")
        return took

    def floor():
        took = timed(lambda: raw("bench-raw"))
        remove_raw("bench-raw")
        return took
    ratio("apply to Active : k3d cluster create --wait", in_turn(ours, theirs), 0.75)
    bound("k3d until its server is up : k3d cluster create --wait", in_turn(servers, theirs), "nothing that has k3d make it is faster")
    bound("docker run until it answers : k3d cluster create --wait", in_turn(floor, theirs), "nothing on this image is faster")


def nodes():
    bare("bench-bare")
    apply(cluster("one", kubernetesVersion=VERSION))
    wait("eks/one")

    def ours(size):
        took = timed(lambda: (apply(group("g", "one", size)), wait("ng/g")))
        run("kubectl", "delete", "ng/g")
        return took

    # Names of their own each time: k3d leaves the Node objects, and k3s takes a name again only from who has its password.
    names = (f"bare{n}" for n in itertools.count())

    def theirs():
        name = next(names)
        took = timed(lambda: run("k3d", "node", "create", name, "--cluster", "bench-bare", "--replicas", "4", "--image", IMAGE, "--wait"))
        run("k3d", "node", "delete", *(f"k3d-{name}-{n}" for n in range(4)))
        return took

    def grown():
        apply(group("g", "one", 1))
        wait("ng/g")
        took = timed(lambda: (apply(group("g", "one", 5)), wait("ng/g", condition="jsonpath={.status.readyReplicas}=5")))
        run("kubectl", "delete", "ng/g")
        return took
    ratio("node group of 4 Ready : k3d node create --replicas 4", in_turn(lambda: ours(4), theirs), 1.25)
    ratio("node group of 4 Ready : node group of 1", in_turn(lambda: ours(4), lambda: ours(1)), 2.0)
    ratio("node group from 1 to 5 : k3d node create --replicas 4", in_turn(grown, theirs), 1.25)
    run("k3d", "cluster", "delete", "bench-bare")
    run("kubectl", "delete", "eks/one")


def four_at_once():
    names = [f"four{n}" for n in range(4)]

    def ours():
        took = timed(lambda: (apply(*(cluster(n, kubernetesVersion=VERSION) for n in names)), wait(*(f"eks/{n}" for n in names))))
        run("kubectl", "delete", "eks", *names)
        return took

    def theirs():
        took = timed(lambda: side_by_side(bare, [f"bench-{n}" for n in names]))
        run("k3d", "cluster", "delete", *(f"bench-{n}" for n in names))
        return took
    ratio("4 clusters applied at once : 4 k3d at once", in_turn(ours, theirs), 1.1)


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

    def look():
        answered = time.monotonic()
        while not over.is_set():
            if answers(endpoint):
                answered = time.monotonic()
            longest[0] = max(longest[0], time.monotonic() - answered)
            time.sleep(0.05)
    thread = threading.Thread(target=look)
    thread.start()
    work()
    over.set()
    thread.join()
    return longest[0]


def life():
    bare("bench-bare")
    apply(cluster("one", kubernetesVersion=VERSION))
    # k3d as well has finished with it, as with the bare one.
    wait("eks/one", condition="condition=Provisioned")

    def ours():
        def stop_and_start():
            patch("eks/one", {"state": "Stopped"})
            phase("one", "Stopped")
            patch("eks/one", {"state": "Running"})
            phase("one", "Active")
        return timed(stop_and_start)

    def theirs():
        return timed(lambda: (run("k3d", "cluster", "stop", "bench-bare"), run("k3d", "cluster", "start", "bench-bare", "--wait")))
    def floor():
        return timed(lambda: (run("docker", "stop", "-t", "30", "bench-raw"), run("docker", "start", "bench-raw"), answered("bench-raw")))
    ratio("stop and start : k3d cluster stop and start", in_turn(ours, theirs), 1.1)
    raw("bench-raw")
    bound("docker stop and start : k3d cluster stop and start", in_turn(floor, theirs), "nothing on this image is faster")
    remove_raw("bench-raw")
    run("k3d", "cluster", "delete", "bench-bare")
    run("kubectl", "delete", "eks/one")

    gaps = []
    for _ in range(ROUNDS):
        apply(cluster("one", kubernetesVersion=VERSION))
        wait("eks/one", condition="condition=Provisioned")
        endpoint = run("kubectl", "get", "eks/one", "-o", "jsonpath={.status.endpoint}")
        gaps.append(away(endpoint, lambda: (patch("eks/one", {"kubernetesVersion": NEXT}), phase("one", "Active"))))
        run("kubectl", "delete", "eks/one")
    print(f"upgrade of a cluster: its API away for {spread(gaps)} s (goal: under 5){verdict(statistics.median(gaps) < 5)}", flush=True)


def readopted(operator):
    names = [f"ten{n}" for n in range(10)]
    apply(*(cluster(n) for n in names))
    # k3d as well has finished with them.
    wait(*(f"eks/{n}" for n in names), condition="condition=Provisioned")

    def containers():
        return run("docker", "ps", "--filter", "label=k3eks.io/cluster", "--format", "{{.ID}} {{.Names}}")
    before, calls, times = containers(), 0, []
    for _ in range(ROUNDS):
        began = operator.restart()
        times.append(operator.quiet() - began)
        calls += operator.total("k3eks_provision_duration_seconds_count")
    touched = containers() != before or calls > 0
    print(f"restart with 10 running clusters: quiet after {spread(times)} s, containers {'touched' if touched else 'untouched'} (goal: under 3){verdict(statistics.median(times) < 3 and not touched)}", flush=True)
    run("kubectl", "delete", "eks", *names)


def active(count):
    phases = run("kubectl", "get", "eks,ng", "-o", "jsonpath={.items[*].status.phase}").split()
    return phases.count("Active") == count


def many(operator):
    inline = [{"nodegroupName": n, "minSize": 1, "desiredSize": 2, "maxSize": 3} for n in ("a", "b")]
    objects = [cluster(f"many{n}", provider="metadata", nodeGroups=inline) for n in range(MANY)]
    operator.restart()
    before = operator.total("k3eks_kubernetes_requests_total")

    def make():
        apply(*objects)
        while not active(3 * MANY):
            time.sleep(0.5)
    took = timed(make)
    requests = operator.total("k3eks_kubernetes_requests_total") - before
    print(f"{MANY} metadata clusters with 2 node groups each, all Active: {took:.1f} s, kubectl's own part included")
    print(f"  API requests per cluster, its node groups included: {requests / MANY:.1f}")
    memory = operator.memory("operator")
    print(f"  resident memory: {memory:.0f} MB (goal: under 60){verdict(memory < 60)}")
    began = operator.restart()
    quiet = operator.quiet()
    writes = operator.total("k3eks_kubernetes_requests_total") - operator.metrics().get('k3eks_kubernetes_requests_total{method="GET"}', 0)
    calls = operator.total("k3eks_provision_duration_seconds_count")
    print(f"  restart: quiet after {quiet - began:.1f} s, {writes:.0f} writes, {calls:.0f} provider calls, {operator.memory('operator'):.0f} MB")
    run("kubectl", "delete", "eks", "--all", "--timeout=300s")


def main():
    operator = Installed()
    print(f"{'median (least-most)':<56} {'ours':>19} {'bare':>19} {'ratio of pairs':>17}")
    creation()
    nodes()
    four_at_once()
    life()
    readopted(operator)
    many(operator)


if __name__ == "__main__":
    main()
