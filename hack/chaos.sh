#!/usr/bin/env bash
# `make chaos`: faults at random moments, with a provider in memory and with the real one. It prints the seed that a run
# can be repeated with (K3EKS_CHAOS_SEED). Docker is restarted on the way: nothing else should need it meanwhile.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/lib.sh"

cd "$ROOT"
name=k3eks-chaos
trap '"$ROOT/hack/management.sh" down $name || true' EXIT
"$ROOT/hack/management.sh" bare $name
export K3EKS_E2E_BARE_KUBECONFIG=$ROOT/.k3eks/$name.kubeconfig K3EKS_CONTROLLER_KUBECONFIG=$ROOT/.k3eks/$name.kubeconfig
export K3EKS_CHAOS_SEED=${K3EKS_CHAOS_SEED:-$(date +%s)}
chaos() { # SECONDS TEST
  K3EKS_CHAOS_SECONDS=${K3EKS_CHAOS_SECONDS:-$1} cargo test --quiet --test chaos -- "$2" --nocapture
}
chaos 60 in_memory::
chaos 420 real::
