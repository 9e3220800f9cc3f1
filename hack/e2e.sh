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
    docker ps -a || true
  fi
  "$ROOT/hack/management.sh" down k3eks-test || true
  "$ROOT/hack/management.sh" down k3eks-bare || true
  exit "$status"
}
trap finish EXIT

"$ROOT/hack/management.sh" up k3eks-test
"$ROOT/hack/management.sh" bare k3eks-bare
export K3EKS_E2E_KUBECONFIG=$ROOT/.k3eks/k3eks-test.kubeconfig K3EKS_E2E_BARE_KUBECONFIG=$ROOT/.k3eks/k3eks-bare.kubeconfig
cargo test --features e2e --test e2e -- --test-threads "${K3EKS_E2E_THREADS:-2}" "$@"
