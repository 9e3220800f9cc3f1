#!/usr/bin/env bash
# registry.sh IMAGE: a machine that has nothing but a container registry. In namespaces of its own it has a Docker engine without
# images, whose mirror is a registry with what was built here; everything is then pulled, nothing is built, and an image that the
# registry lacks is told to the user. IMAGE is the operator's, in the Docker engine that all else here uses.
# shellcheck source=hack/tools.sh
source "$(dirname "$0")/tools.sh"

cd "$ROOT"
registry=127.0.0.1:5000 folder=$K3EKS_CACHE/registry-test
release=${NODE_RELEASES[0]}
# What k3d itself has in its clusters beside the nodes.
tools=ghcr.io/k3d-io/k3d-tools:${TOOL_RELEASE[k3d]}
version=$(hack/release.sh version)

# Debian's registry without its service.
registry_program() {
  [ -x "$K3EKS_CACHE/docker-registry/usr/bin/docker-registry" ] && return
  local unpacked
  unpacked=$(mktemp -d)
  (cd "$unpacked" && apt-get update -qq && apt-get download -qq docker-registry && dpkg -x docker-registry_*.deb .)
  rm -rf "$K3EKS_CACHE/docker-registry"
  mv "$unpacked" "$K3EKS_CACHE/docker-registry"
}

serve() { # ADDRESS: until it is ended
  printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s/storage}}\nhttp: {addr: "%s"}\n' "$folder" "$1" >"$folder/registry.yaml"
  exec "$K3EKS_CACHE/docker-registry/usr/bin/docker-registry" serve "$folder/registry.yaml"
}

push() { # IMAGE NAME-IN-REGISTRY
  docker tag "$1" "$outside/$2"
  docker push -q "$outside/$2"
  docker rmi "$outside/$2" >/dev/null
}

# The registry as somebody else filled it, before this machine came up.
fill() {
  outside=127.0.0.1:$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  serve "$outside" >"$folder/registry.log" 2>&1 &
  server=$!
  trap 'kill "$server"' EXIT
  until_ready 20 curl -fsS "http://$outside/v2/"
  push "rancher/k3s:$release" "rancher/k3s:$release"
  push "rancher/k3s:$release" "mine/k3s:another"
  push "$tools" "${tools#*/}"
  push "$1" "k3eks:$version-$(architecture)"
  K3EKS_DIST=$folder/dist hack/release.sh index "$outside/k3eks"
  K3EKS_DIST=$folder/dist hack/release.sh charts "$registry/k3eks"
  for chart in "$folder"/dist/*.tgz; do helm push --plain-http "$chart" "oci://$outside/charts"; done
}

# What follows happens on the other machine.

engine() {
  ip link set lo up
  serve "$registry" >"$folder/registry.log" 2>&1 &
  # What is needed of this machine's own engine is how nodes are run.
  local config=$K3EKS_CACHE/run/daemon.json
  [ -e "$config" ] || config=/dev/null
  jq -s '.[0] // {}' "$config" >"$folder/daemon.json"
  dockerd --config-file "$folder/daemon.json" --data-root "$folder/docker" --registry-mirror "http://$registry" >"$folder/dockerd.log" 2>&1 &
  until_ready 60 docker info || die "dockerd didn't start: see $folder/dockerd.log"
  [ -z "$(docker image ls -q)" ] || die "the other machine has images already"
}

pulled() {
  local said
  said=$(hack/node-image/build.sh "$release")
  grep -q "^Pulling rancher/k3s:$release" <<<"$said" || die "the node image wasn't pulled: $said"
  ! grep -q "^Building" <<<"$said" || die "something was built: $said"
}

# For a registry without TLS, and where a node couldn't pull from this machine's own loopback address: the image under the name by
# which the chart asks for it, its digest.
prepare() {
  local image layout=$folder/layout
  k3d kubeconfig get mgmt >"$KUBECONFIG"
  image=$registry/k3eks@$(cat "$folder/dist/image.digest")
  crane pull --format oci "$image" "$layout"
  jq --arg name "$image" '.manifests[].annotations = {"io.containerd.image.name": $name}' "$layout/index.json" >"$folder/index.json"
  mv "$folder/index.json" "$layout/index.json"
  tar -C "$layout" -c . | docker exec -i k3d-mgmt-server-0 ctr -a /run/k3s/containerd/containerd.sock -n k8s.io images import -
}

# The documents' way for a release, word for word but for names that this registry has.
installed() {
  local commands
  commands=$(awk '/^## From a release/ {on = 1} on && code && /^```$/ {exit} on && code {print} on && /^```sh/ {code = 1}' docs/operations/install.md)
  [ -n "$commands" ] || die "docs/operations/install.md doesn't say how a release is installed"
  commands=${commands//oci:\/\/ghcr.io\/OWNER/--plain-http oci:\/\/$registry}
  commands=${commands/cluster create mgmt/cluster create mgmt --kubeconfig-update-default=false --image rancher/k3s:$release}
  commands=${commands/helm install k3eks-crd/prepare$'\n'helm install k3eks-crd}
  eval "$commands --set 'operator.extraEnv[0].name=K3D_IMAGE_TOOLS,operator.extraEnv[0].value=$K3D_IMAGE_TOOLS' \
    --set-string 'operator.images.1\\.39=$registry/mine/k3s:another'"
}

says() { # RESOURCE WORDS: until its condition Ready says so
  local said
  until_ready 90 sh -c "kubectl get '$1' -o 'jsonpath={.status.conditions[?(@.type==\"Ready\")]}' | grep -q -- '$2'" && return
  said=$(kubectl get "$1" -o 'jsonpath={.status.conditions[?(@.type=="Ready")]}')
  seen
  die "$1 doesn't say $2 but: $said"
}

cluster() { # NAME VERSION
  kubectl apply -f - <<<'{"apiVersion": "eks.cattle.io/v1", "kind": "EKSClusterConfig", "metadata": {"name": "'"$1"'"}, "spec": {"kubernetesVersion": "'"$2"'"}}'
}

# What there is where it didn't come as expected.
seen() {
  df -h "$folder"
  docker ps -a
  kubectl get eks,ng,nodes,pods,events -A
  kubectl get eks -o yaml
  kubectl -n k3eks-system logs deploy/k3eks --tail 40
}

clusters() {
  cluster there 1.39
  cluster missing 1.30
  kubectl wait --for=condition=Ready eks/there --timeout=90s || { seen; die "cluster there isn't Ready after 90 s"; }
  docker image inspect "$registry/mine/k3s:another" >/dev/null
  says eks/missing '"reason":"ImageUnavailable"'
  says eks/missing 'rancher/k3s:v1.30'
}

other_machine() {
  export KUBECONFIG=$folder/kubeconfig K3D_IMAGE_TOOLS=$registry/${tools#*/}
  step "Starting a Docker engine without images" engine
  step "Having the node image pulled" pulled
  step "Installing a release out of the registry" installed
  step "Making clusters of images that are and aren't there" clusters
}

if [ "${1:-}" = --inside ]; then
  # Whatever this machine's engine left in /run isn't there.
  mount -t tmpfs tmpfs /run
  other_machine
  exit
fi

[ "$(id -u)" = 0 ] || die "another machine's namespaces need root"
trap 'rm -rf "$folder"' EXIT
rm -rf "$folder"
mkdir -p "$folder"
step "Unpacking a registry" registry_program
step "Filling the registry" fill "${1:?usage: registry.sh IMAGE}"
# All of it ends with its first process.
unshare --net --mount --pid --fork --kill-child --mount-proc "$0" --inside
echo "With a registry alone: images pulled, nothing built, a release installed, a missing image told"
