"""A cluster out of git, by Flux's own controllers, against the same YAML applied by hand, in turns. Started by hack/bench.sh."""
import json
import os
import pathlib
import statistics
import tempfile

from flux import Flux
from git_http import Repository, serve
from measure import cluster, in_turn, run, spread, timed, verdict, wait

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
        server, flux = serve(folder), Flux(os.environ["KUBECONFIG"], folder)
        git = Repository(folder, "clusters")
        first = git.commit("nothing yet", NOTHING)
        flux.kubectl("apply", "-f", "-", input=SOURCES.format(url=f"{server.url}/clusters.git"))
        flux.carried_out("clusters", first)
        manifest = json.dumps(cluster("bench-flux"))

        def by_git():
            git.commit("a cluster", {"clusters/kustomization.yaml": None, "clusters/bench.yaml": manifest})

            def carried_out():
                flux.reconcile("gitrepository", "clusters")
                run("kubectl", "wait", "--for=create", "--timeout=60s", "eks/bench-flux")
                wait("eks/bench-flux")
            took = timed(carried_out)
            commit = git.commit("none", {**NOTHING, "clusters/bench.yaml": None})
            flux.reconcile("gitrepository", "clusters")
            flux.carried_out("clusters", commit)
            run("kubectl", "wait", "--for=delete", "--timeout=60s", "eks/bench-flux")
            return took

        def by_hand():
            took = timed(lambda: (run("kubectl", "apply", "-f", "-", stdin=manifest), wait("eks/bench-flux")))
            run("kubectl", "delete", "eks", "bench-flux", "--timeout=60s")
            return took
        pairs = in_turn(by_git, by_hand)
        flux.kubectl("delete", "kustomization,gitrepository", "-A", "--all", "--timeout=60s")
        flux.end()
        server.shutdown()
    later = [git - hand for git, hand in pairs]
    print(f"a cluster out of git, from Flux being told to Active: {spread([p[0] for p in pairs])} s; applied by hand: {spread([p[1] for p in pairs])} s; "
          f"{spread(later)} s later (goal: under 2){verdict(statistics.median(later) < 2)}")


if __name__ == "__main__":
    main()
