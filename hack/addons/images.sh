#!/usr/bin/env bash
# images.sh REGISTRY [ADDON...]: has the container registry at that address, HOST:PORT, give nodes the images of these addons, metrics-server
# alone if none is named; of an earlier version by a name with its number, such as metrics-server-v0.7. Where their own registry answers, nodes pull them from there and nothing is done here; else they are built
# out of Go modules and pushed.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/../lib.sh"

registry=${1:?usage: images.sh REGISTRY [ADDON...]}
shift

# IMAGE ADDON PACKAGE ARGUMENT: the program of the image is PACKAGE, built in the folder of the addon's name, called with ARGUMENT first.
# Another version of an addon has a folder, and a name, of its own: its libraries are others.
images=(
  "registry.k8s.io/metrics-server/metrics-server:v0.8.0 metrics-server sigs.k8s.io/metrics-server/cmd/metrics-server"
  "registry.k8s.io/metrics-server/metrics-server:v0.7.2 metrics-server-v0.7 sigs.k8s.io/metrics-server/cmd/metrics-server"
  "quay.io/jetstack/cert-manager-controller:v1.18.2 cert-manager . controller"
  "quay.io/jetstack/cert-manager-webhook:v1.18.2 cert-manager . webhook"
  "quay.io/jetstack/cert-manager-cainjector:v1.18.2 cert-manager . cainjector"
  "quay.io/jetstack/cert-manager-startupapicheck:v1.18.2 cert-manager . startupapicheck"
  "quay.io/jetstack/cert-manager-acmesolver:v1.18.2 cert-manager . acmesolver"
)

answers() { # IMAGE: whether its registry answers
  # One that wants a token, which it gives to everybody, says 401.
  [[ $(curl -sS --proto '=https' --max-time 3 -o /dev/null -w '%{http_code}' "https://${1%%/*}/v2/" 2>/dev/null) =~ ^(200|401)$ ]]
}

image() { # IMAGE ADDON PACKAGE ARGUMENT
  local built root
  built=k3eks-addon/$2:$(built_from "hack/addons/$2")
  root=$(mktemp -d)
  if ! docker image inspect "$built" >/dev/null 2>&1; then
    (go_build "$ROOT/hack/addons/$2" "$root/$2" "$3")
    printf 'FROM scratch\nCOPY %s /\nUSER 65534\n' "$2" >"$root/Dockerfile"
    DOCKER_BUILDKIT=0 docker build -q -t "$built" "$root"
  fi
  # The same layer for all programs of an addon.
  printf 'FROM %s\nENTRYPOINT ["/%s"%s]\n' "$built" "$2" "${4:+, \"$4\"}" | DOCKER_BUILDKIT=0 docker build -q -t "$registry/$1" -
  docker push -q "$registry/$1"
  docker rmi "$registry/$1" >/dev/null
  rm -rf "$root"
}

for addon in "$@"; do
  [[ "${images[*]}" == *" $addon "* ]] || die "addon $addon has no images here"
done
for entry in "${images[@]}"; do
  read -r name addon package argument <<<"$entry"
  [[ " ${*:-metrics-server} " == *" $addon "* ]] || continue
  answers "$name" && continue
  step "Pushing $name to the container registry" image "$name" "$addon" "$package" "$argument"
done
