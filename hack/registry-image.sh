#!/usr/bin/env bash
# The container registry's image: registry:3 where it is there or can be pulled, else CNCF distribution out of its Go module.
# Prints its name. K3EKS_REGISTRY_IMAGE names another.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/lib.sh"

have() { docker image inspect "$1" >/dev/null 2>&1; }

if [ -n "${K3EKS_REGISTRY_IMAGE:-}" ]; then
  have "$K3EKS_REGISTRY_IMAGE" || docker pull "$K3EKS_REGISTRY_IMAGE" >&2
  echo "$K3EKS_REGISTRY_IMAGE"
  exit
fi
image=k3eks-registry:$(built_from hack/tools/registry)
if ! have "$image"; then
  if have registry:3 || timeout 120 docker pull -q registry:3 >&2; then
    echo registry:3
    exit
  fi
  tool registry . >&2
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  cp "$K3EKS_BIN_DIR/registry" "$root/registry"
  printf 'FROM scratch\nCOPY registry /bin/registry\nENTRYPOINT ["/bin/registry", "serve"]\n' >"$root/Dockerfile"
  DOCKER_BUILDKIT=0 docker build -q -t "$image" "$root" >&2
fi
echo "$image"
