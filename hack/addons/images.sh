#!/usr/bin/env bash
# images.sh REGISTRY: has the container registry at that address, HOST:PORT, give nodes the images of the addons that the operator's image
# has charts of. Where their own registry answers, nodes pull them from there and nothing is done here; else they are built
# out of Go modules and pushed.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/../lib.sh"

registry=${1:?usage: images.sh REGISTRY}

# IMAGE FOLDER PACKAGE PROGRAM
images=("registry.k8s.io/metrics-server/metrics-server:v0.8.0 metrics-server sigs.k8s.io/metrics-server/cmd/metrics-server metrics-server")

answers() { # IMAGE: whether its registry answers
  curl -fsS --proto '=https' --max-time 3 -o /dev/null "https://${1%%/*}/v2/" 2>/dev/null
}

image() { # IMAGE FOLDER PACKAGE PROGRAM
  local built root
  built=k3eks-addon/$2:$(built_from "hack/addons/$2")
  if ! docker image inspect "$built" >/dev/null 2>&1; then
    root=$(mktemp -d)
    (go_build "$ROOT/hack/addons/$2" "$root/$4" "$3")
    printf 'FROM scratch\nCOPY %s /\nUSER 65534\nENTRYPOINT ["/%s"]\n' "$4" "$4" >"$root/Dockerfile"
    DOCKER_BUILDKIT=0 docker build -q -t "$built" "$root"
    rm -rf "$root"
  fi
  docker tag "$built" "$registry/$1"
  docker push -q "$registry/$1"
  docker rmi "$registry/$1" >/dev/null
}

for entry in "${images[@]}"; do
  read -r name folder package program <<<"$entry"
  answers "$name" && continue
  step "Pushing $name to the container registry" image "$name" "$folder" "$package" "$program" ||
    echo "note: nodes can't pull $name, so its addon won't start; push it to $registry/$name"
done
