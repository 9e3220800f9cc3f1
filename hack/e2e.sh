#!/usr/bin/env bash
# `make e2e`: the product end to end. One management cluster with the operator in it, one with the definitions alone
# for operators that tests start and kill. Both go afterwards, whatever came of it.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/lib.sh"

cd "$ROOT"
finish() {
  local status=$?
  if ((status != 0)); then
    echo "--- operator" && kubectl --kubeconfig "$ROOT/.k3eks/k3eks-test.kubeconfig" -n k3eks-system logs deploy/k3eks --tail 60 || true
    kubectl --kubeconfig "$ROOT/.k3eks/k3eks-test.kubeconfig" -n k3eks-system logs deploy/k3eks-api --tail 60 || true
    kubectl --kubeconfig "$ROOT/.k3eks/k3eks-test.kubeconfig" get nodes,pods,events -A || true
    docker ps -a || true
  fi
  remove
  # Last, where it is seen: what of it failed.
  ((status == 0)) || grep -hE '^(FAILED|ERROR|E  |error|test .* FAILED|.* panicked at)' "$said" | head -60 || true
  rm -f "$said"
  exit "$status"
}
remove() {
  "$ROOT/hack/management.sh" down k3eks-test || true
  "$ROOT/hack/management.sh" down k3eks-bare || true
}
said=$(mktemp)
trap finish EXIT
# What a run that was cut short left; its port is another one's.
remove

clients=$(python_with tests/clients/requirements.txt "boto3 and the aws CLI")
browser
flux_tools
# What a container registry has to do, as a program.
tool oci-conformance github.com/opencontainers/distribution-spec/conformance
K3EKS_SDKS=$("$ROOT/hack/sdks.sh")
export K3EKS_SDKS

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
K3EKS_API_PORT=$(free_port) K3EKS_REGISTRY_PORT=$(free_port)
export K3EKS_API_PORT K3EKS_REGISTRY_PORT
suite() { "$@" 2>&1 | tee -a "$said"; }
# What `make up` does, with the binary that the tests have already: optimizing it would take minutes and prove nothing more.
# The tests sign with the keys that everybody knows.
K3EKS_WELL_KNOWN_KEYS=true K3EKS_PROFILE=dev K3EKS_NAME=k3eks-test suite "$ROOT/hack/up.sh"
kubectl --kubeconfig "$ROOT/.k3eks/k3eks-test.kubeconfig" delete -f "$ROOT/config/samples/" --timeout=120s
"$ROOT/hack/management.sh" bare k3eks-bare
export K3EKS_E2E_KUBECONFIG=$ROOT/.k3eks/k3eks-test.kubeconfig K3EKS_E2E_BARE_KUBECONFIG=$ROOT/.k3eks/k3eks-bare.kubeconfig
export K3EKS_E2E_REGISTRY=127.0.0.1:$K3EKS_REGISTRY_PORT
export K3EKS_E2E_ENDPOINT=http://127.0.0.1:$K3EKS_API_PORT K3EKS_BINARY=$CARGO_TARGET_DIR/debug/k3eks
export K3EKS_CONTROLLER_KUBECONFIG=$K3EKS_E2E_BARE_KUBECONFIG
suite cargo test --test controller
# The same stories in every run; `make chaos` tells new ones.
K3EKS_CHAOS_SEED=1 K3EKS_CHAOS_SECONDS=20 suite cargo test --test chaos -- in_memory::
suite cargo test --test e2e -- --test-threads "${K3EKS_E2E_THREADS:-2}"
# The operators that tests killed had the machine to themselves for minutes; the one in the cluster may have to catch up.
until_ready 120 curl -fsS "$K3EKS_E2E_ENDPOINT/_k3eks/health" || { echo "error: the EKS API at $K3EKS_E2E_ENDPOINT doesn't answer" >>"$said"; exit 1; }
# Not beside the tests, which the build would slow down.
suite hack/addons/images.sh "$K3EKS_E2E_REGISTRY" cert-manager metrics-server-v0.7
suite "$clients/bin/python" -m pytest -q -p no:cacheprovider -n 2 --dist loadgroup --durations 12 tests/clients
# Where the node images were pulled, all of this was a test of that; and such an image has nothing in it for a node without a network.
if [ -n "$(docker image inspect -f '{{index .Config.Labels "k3eks.io/content"}}' "rancher/k3s:${NODE_RELEASES[0]}")" ]; then
  suite hack/registry.sh "$(cat "$ROOT/.k3eks/k3eks-test.image")"
fi
