"""Flux's own source-controller and kustomize-controller, beside a management cluster."""
import json
import os
import pathlib
import subprocess
import time

from conftest import free_port, wait_for

# Whose definitions serve the versions of the API that both controllers know.
DEFINITIONS = {"source-controller": "v1.7.0", "kustomize-controller": "v1.9.5"}
ROOT = pathlib.Path(__file__).parents[2]


class Flux:
    def __init__(self, kubeconfig, folder):
        self.env = {**os.environ, "KUBECONFIG": str(kubeconfig), "RUNTIME_NAMESPACE": "flux-system"}
        self.log = open(folder / "flux.log", "w+")
        for tool, version in DEFINITIONS.items():
            module = subprocess.run(["go", "mod", "download", "-json", f"github.com/fluxcd/{tool}@{version}"], check=True, capture_output=True, text=True)
            self.kubectl("apply", "--server-side", "-f", json.loads(module.stdout)["Dir"] + "/config/crd/bases")
        self.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}))
        self.kubectl("wait", "--for=condition=Established", "crd/gitrepositories.source.toolkit.fluxcd.io", "crd/kustomizations.kustomize.toolkit.fluxcd.io")
        storage = f"127.0.0.1:{free_port()}"
        self.running = [self.start("source-controller", "--storage-path", str(folder), "--storage-addr", storage, "--storage-adv-addr", storage),
                        self.start("kustomize-controller", "--requeue-dependency", "1s")]

    def start(self, tool, *arguments):
        common = ["--watch-all-namespaces", "--metrics-addr", "127.0.0.1:0", "--health-addr", "127.0.0.1:0", "--log-level", "info"]
        return subprocess.Popen([tool, *common, *arguments], env=self.env, stdout=self.log, stderr=self.log)

    def kubectl(self, *arguments, **options):
        done = subprocess.run(["kubectl", *arguments], env=self.env, capture_output=True, text=True, **options)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def get(self, kind, name, namespace="flux-system"):
        return json.loads(self.kubectl("-n", namespace, "get", kind, name, "-o", "json"))

    def reconcile(self, kind, name, namespace="flux-system"):
        """What `flux reconcile` does."""
        self.kubectl("-n", namespace, "annotate", "--overwrite", kind, name, f"reconcile.fluxcd.io/requestedAt={time.time_ns()}")

    def ready(self, name, namespace="flux-system"):
        status = self.get("kustomization", name, namespace).get("status", {})
        return next((c for c in status.get("conditions", []) if c["type"] == "Ready"), {"status": "Unknown", "message": ""}), status

    def carried_out(self, name, commit, namespace="flux-system", seconds=240):
        """Waits until the commit is what the Kustomization says is applied and healthy."""
        def done():
            ready, status = self.ready(name, namespace)
            return ready["status"] == "True" and status.get("lastAppliedRevision", "").endswith(commit)
        self.wait(f"{name} at {commit}", done, seconds)

    def failed(self, name, commit, namespace="flux-system", seconds=120):
        """Waits until the commit is what the Kustomization says it can't bring about; gives why."""
        def why():
            ready, status = self.ready(name, namespace)
            return ready["status"] == "False" and status.get("lastAttemptedRevision", "").endswith(commit) and ready["message"]
        return self.wait(f"{name} to fail at {commit}", why, seconds)

    def wait(self, what, found, seconds):
        try:
            return wait_for(what, found, seconds)
        except AssertionError:
            self.log.seek(0)
            print("--- Flux", self.log.read()[-8000:])
            print(self.kubectl("get", "gitrepositories,kustomizations,eks,ng", "-A"))
            raise

    def end(self):
        for process in self.running:
            process.terminate()
        for process in self.running:
            process.wait()
