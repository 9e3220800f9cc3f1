#!/usr/bin/env bash
# `make bench`: speed and memory of what the chart installs, as ratios within one run, in a management cluster of its own.
# bench.sh operator|flood|api|flux measures that part alone, and prepares nothing but that.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/lib.sh"

cd "$ROOT"
case ${1:-} in
  '') parts=(operator flood api flux) ;;
  operator | flood | api | flux) parts=("$1") ;;
  *) die "usage: bench.sh [operator|flood|api|flux]" ;;
esac
name=${K3EKS_BENCH_NAME:-k3eks-bench}
finish() {
  [[ ${parts[*]} != *operator* ]] || for cluster in bench-bare bench-four{0..3}; do k3d cluster delete "$cluster" >/dev/null 2>&1 || true; done
  docker rm -fv bench-raw >/dev/null 2>&1 || true
  docker network rm bench-raw >/dev/null 2>&1 || true
  "$ROOT/hack/management.sh" down "$name"
}
trap finish EXIT
K3EKS_API_PORT=${K3EKS_API_PORT:-$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')}
# Sign-ins are measured with a key that everybody knows.
export K3EKS_API_PORT K3EKS_WELL_KNOWN_KEYS=true
"$ROOT/hack/management.sh" up "$name"
export KUBECONFIG=$ROOT/.k3eks/$name.kubeconfig K3EKS_BENCH_NAME=$name K3EKS_BENCH_PORT=$K3EKS_API_PORT
export K3EKS_BENCH_IMAGE=rancher/k3s:${NODE_RELEASES[0]}
K3EKS_BENCH_VERSIONS=$(printf '%s\n' "${NODE_RELEASES[@]}" | sed -E 's/^v([0-9]+\.[0-9]+).*/\1/' | paste -sd' ')
export K3EKS_BENCH_VERSIONS

operator() {
  hack/bench/bench_operator.py
}

# An API of its own on the host, so that the memory is the API's alone.
flood() {
  local clients
  clients=$(python_with tests/clients/requirements.txt "boto3 and the aws CLI")
  K3EKS_BENCH_BINARY=$(hack/binary.sh) "$clients/bin/python" hack/bench/bench_flood.py
}

# With records alone behind it, and more of them than an account may have.
api() {
  local peers
  peers=$(python_with hack/bench/requirements.txt moto)
  browser
  command -v wrk >/dev/null || step "Installing wrk" sh -c 'apt-get update -qq && apt-get install -y -qq wrk'
  step "Having the operator keep records alone" helm upgrade k3eks charts/k3eks -n k3eks-system --reuse-values --wait --timeout 120s \
    --set operator.provider=metadata,api.quotas.clusters=100000
  "$peers/bin/python" hack/bench/bench_api.py
  step "Having the operator make clusters again" helm upgrade k3eks charts/k3eks -n k3eks-system --reuse-values --wait --timeout 120s --set operator.provider=auto
}

flux() {
  local clients
  clients=$(python_with tests/clients/requirements.txt "boto3 and the aws CLI")
  flux_tools
  PYTHONPATH=tests/clients "$clients/bin/python" hack/bench/bench_flux.py
}

for part in "${parts[@]}"; do "$part"; done
