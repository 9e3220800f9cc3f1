#!/usr/bin/env bash
# `make bench`: speed and memory as ratios within one run, in a management cluster of its own. `hack/bench.sh operator`,
# `api` or `flux` measures that part alone.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/lib.sh"

cd "$ROOT"
step "Building the operator" cargo build --release --quiet
finish() {
  for cluster in bench-bare bench-four0 bench-four1 bench-four2 bench-four3; do k3d cluster delete "$cluster" >/dev/null 2>&1 || true; done
  "$ROOT/hack/management.sh" down k3eks-bench
}
trap finish EXIT
"$ROOT/hack/management.sh" bare k3eks-bench
export KUBECONFIG=$ROOT/.k3eks/k3eks-bench.kubeconfig
export K3EKS_BENCH_IMAGE=rancher/k3s:${NODE_RELEASES[0]} K3EKS_BENCH_BINARY=$CARGO_TARGET_DIR/release/k3eks
part() { [ -z "$only" ] || [ "$only" = "$1" ]; }
only=${1:-}
! part operator || hack/bench/bench_operator.py

peers=$(python_with hack/bench/requirements.txt moto)
clients=$(python_with tests/clients/requirements.txt "boto3 and the aws CLI")
browser
flux_tools
command -v wrk >/dev/null || step "Installing wrk" sh -c 'apt-get update -qq && apt-get install -y -qq wrk'
kubectl create namespace bench-api >/dev/null
! part api || "$peers/bin/python" hack/bench/bench_api.py
! part flux || PYTHONPATH=tests/clients "$clients/bin/python" hack/bench/bench_flux.py
