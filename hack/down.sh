#!/usr/bin/env bash
# `make down`: removes what `make up` made, and the Docker engine only where that started it. Keeps the caches.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/lib.sh"

"$ROOT/hack/management.sh" down "${K3EKS_NAME:-k3eks}"
rm -f "$ROOT/.k3eks/demo.kubeconfig" "$ROOT/.k3eks/demo.kubeconfig.aws"
pid=$(cat "$K3EKS_CACHE/run/dockerd.pid" 2>/dev/null || true)
if [ -n "$pid" ] && [ "$(docker ps -q 2>/dev/null | wc -l)" = 0 ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ]; then
  step "Stopping the Docker engine that was started here" sh -c "kill $pid; while [ -d /proc/$pid ]; do sleep 0.1; done"
  rm -f "$K3EKS_CACHE/run/dockerd.pid"
fi
