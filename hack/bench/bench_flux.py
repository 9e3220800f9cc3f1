"""A cluster out of git, by Flux's own controllers, against the same YAML applied by hand, in turns. Started by hack/bench.sh."""
import json
import os
import pathlib
import statistics
import tempfile

from bench_operator import Operator, cluster, run, timed, wait
from flux import Flux
from git_http import Repository, serve

ROUNDS = int(os.environ.get("K3EKS_BENCH_ROUNDS", "3"))
NOTHING = {"clusters/kustomization.yaml": "resources: []\n"}
SOURCES = """
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: clusters, namespace: flux-system}}
spec: {{interval: 1h, url: {url}, ref: {{branch: main}}}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: clusters, namespace: flux-system}}
spec: {{interval: 1h, sourceRef: {{kind: GitRepository, name: clusters}}, path: ./clusters, prune: true}}
"""


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        server, operator, flux = serve(folder), Operator("--provider", "k3d", "--watch-namespace", "default"), Flux(os.environ["KUBECONFIG"], folder)
        git = Repository(folder, "clusters")
        first = git.commit("nothing yet", NOTHING)
        flux.kubectl("apply", "-f", "-", input=SOURCES.format(url=f"{server.url}/clusters.git"))
        flux.carried_out("clusters", first)
        by_git, by_hand = [], []
        for _ in range(ROUNDS):
            manifest = json.dumps(cluster("bench-flux"))
            git.commit("a cluster", {"clusters/kustomization.yaml": None, "clusters/bench.yaml": manifest})

            def carried_out():
                flux.reconcile("gitrepository", "clusters")
                run("kubectl", "wait", "--for=create", "--timeout=60s", "eks/bench-flux")
                wait("eks/bench-flux")
            by_git.append(timed(carried_out))
            commit = git.commit("none", {**NOTHING, "clusters/bench.yaml": None})
            flux.reconcile("gitrepository", "clusters")
            flux.carried_out("clusters", commit)
            run("kubectl", "wait", "--for=delete", "--timeout=60s", "eks/bench-flux")

            def applied():
                run("kubectl", "apply", "-f", "-", stdin=manifest)
                wait("eks/bench-flux")
            by_hand.append(timed(applied))
            run("kubectl", "delete", "eks", "bench-flux", "--timeout=60s")
        flux.kubectl("delete", "kustomization,gitrepository", "-A", "--all", "--timeout=60s")
        flux.end()
        operator.stop()
        server.shutdown()
    ours, theirs = statistics.median(by_git), statistics.median(by_hand)
    verdict = "" if ours - theirs < 2 else "   MISSED"
    print(f"a cluster out of git, from Flux being told to Active: {ours:.1f} s; applied by hand: {theirs:.1f} s; {ours - theirs:.1f} s later (goal: under 2){verdict}")


if __name__ == "__main__":
    main()
