#!/usr/bin/env bash
# management.sh up|bare|down NAME: a management cluster with the operator in it, or with the definitions alone; its
# kubeconfig is .k3eks/NAME.kubeconfig.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/lib.sh"

verb=${1:-} name=${2:-}
# The EKS API on the host, and the port of its Service on the node.
api_port=${K3EKS_API_PORT:-4566} node_port=30456
# The same of the container registry.
registry_port=${K3EKS_REGISTRY_PORT:-4567} registry_node_port=30460
[ -n "$name" ] || die "usage: management.sh up|bare|down NAME"
kubeconfig=$ROOT/.k3eks/$name.kubeconfig
export KUBECONFIG=$kubeconfig

# Child clusters have a network of their own, on which the management cluster's node is as well: whoever is on a network can pass for every
# address there, and the EKS API believes the address of this host on the management cluster's.
children_network=k3d-$name-children

apart() {
  local subnet a b c d bits base
  docker network inspect "$children_network" >/dev/null 2>&1 && return
  docker network create "$children_network" >/dev/null
  subnet=$(docker network inspect "$children_network" -f '{{(index .IPAM.Config 0).Subnet}}')
  docker network rm "$children_network" >/dev/null
  # With a subnet that is named, the node can have an address that stays, below those that Docker gives to others.
  IFS=./ read -r a b c d bits <<<"$subnet"
  base=$(((a << 24) + (b << 16) + (c << 8) + d))
  docker network create --subnet "$subnet" --gateway "$(dotted $((base + 1)))" \
    --ip-range "$(dotted $((base + (1 << (31 - bits)))))/$((bits + 1))" "$children_network" >/dev/null
  docker network connect --ip "$(dotted $((base + 2)))" "$children_network" "k3d-$name-server-0"
}

dotted() { # NUMBER: as an address
  echo "$(($1 >> 24 & 255)).$(($1 >> 16 & 255)).$(($1 >> 8 & 255)).$(($1 & 255))"
}

cluster() { # K3D-ARGUMENT...
  local new=
  k3d cluster list "$name" >/dev/null 2>&1 || new=1
  [ -z "$new" ] || k3d cluster create "$name" "$@" --image "rancher/k3s:${NODE_RELEASES[0]}" --no-lb --wait --timeout 120s \
    --api-port 127.0.0.1:random --kubeconfig-update-default=false --volume /var/run/docker.sock:/var/run/docker.sock@server:0 \
    --k3s-arg '--disable=traefik@server:*'
  # Children of one that was made without it stay where they are.
  [ -z "$new" ] || [ $# = 0 ] || apart
  mkdir -p "$ROOT/.k3eks"
  k3d kubeconfig get "$name" | private "$kubeconfig"
  until_ready 60 kubectl get --raw /readyz
}

published() { # the ports on the host, unless the cluster has them already
  k3d cluster list "$name" >/dev/null 2>&1 && return
  free "$api_port" "the EKS API" K3EKS_API_PORT
  free "$registry_port" "the container registry" K3EKS_REGISTRY_PORT
}

free() { # PORT WHAT VARIABLE
  if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
    die "port $1, for $2, is taken: end what listens there, or set $3 to another port"
  fi
}

# The registry's port on the host; nothing where the cluster was made without it.
registry_published() {
  docker port "k3d-$name-server-0" "$registry_node_port/tcp" 2>/dev/null | head -1
}

registry_image() {
  "$ROOT/hack/registry-image.sh" >"$ROOT/.k3eks/$name.registry"
}

image() { # its name goes to a file: what it says while it is built is a step's output
  if [ -n "${K3EKS_IMAGE:-}" ]; then
    docker image inspect "$K3EKS_IMAGE" >/dev/null 2>&1 || docker pull "$K3EKS_IMAGE"
    echo "$K3EKS_IMAGE" >"$ROOT/.k3eks/$name.image"
  else
    "$ROOT/hack/image.sh" >"$ROOT/.k3eks/$name.image"
  fi
}

load() { # IMAGE: into the node, unless it is there
  local ctr="ctr -a /run/k3s/containerd/containerd.sock -n k8s.io"
  docker exec "k3d-$name-server-0" sh -c "$ctr images ls -q" | grep "/$1\$" >/dev/null && return
  docker save "$1" | docker exec -i "k3d-$name-server-0" sh -c "$ctr images import -"
}

definitions() {
  kubectl get namespace kube-system -o 'jsonpath={.metadata.uid}' >"$ROOT/.k3eks/$name.instance"
  helm upgrade --install k3eks-crd "$ROOT/charts/k3eks-crd" -n k3eks-system --create-namespace --wait
}

# Who may use the EKS API: this host, by its address on the management cluster's network, and the management cluster's pods; not the node's
# own address among those, behind which whoever has it forward is hidden. Whoever may use the API rules all child clusters.
sources() {
  local cidrs='{.items[*].spec.podCIDR}'
  # A node that has just come has none yet.
  until_ready 60 sh -c "kubectl get nodes -o 'jsonpath=$cidrs' | grep -q /" || die "the node of $name doesn't register"
  {
    docker network inspect "k3d-$name" -f '{{range .IPAM.Config}}{{.Gateway}} {{end}}'
    kubectl get nodes -o "jsonpath=$cidrs"
  } | jq -Rsc '[scan("\\S+") | ., (select(endswith(".0/24")) | "!" + sub("0/24$"; "1"))]'
}

# A key of this installation's own, and the variables with which the aws CLI uses it. With the keys that everybody knows a pod of any
# child cluster could sign in to all others.
key_of_its_own() {
  local own id secret
  own=$(kubectl -n k3eks-system get secret k3eks-make-up -o json 2>/dev/null || true)
  if [ -z "$own" ]; then
    id=AKIA$(head -c 10 /dev/urandom | base32)
    secret=$(head -c 30 /dev/urandom | base64 | tr '+/' 'pq')
    printf '{"secretAccessKey": "%s"}' "$secret" |
      kubectl -n k3eks-system create secret generic k3eks-make-up --from-file="$id=/dev/stdin"
    own=$(kubectl -n k3eks-system get secret k3eks-make-up -o json)
  fi
  jq -r --arg endpoint "http://127.0.0.1:$api_port" '.data | to_entries[0] |
    "export AWS_ENDPOINT_URL=\($endpoint) AWS_DEFAULT_REGION=us-east-1",
    "export AWS_ACCESS_KEY_ID=\(.key) AWS_SECRET_ACCESS_KEY=\(.value | @base64d | fromjson.secretAccessKey)"' \
    <<<"$own" | private "$ROOT/.k3eks/$name.env"
}

operator() { # IMAGE [REGISTRY-IMAGE]
  local sources network=k3d-$name host='' images=(--set registry.enabled=false)
  key_of_its_own
  if docker network inspect "$children_network" >/dev/null 2>&1; then
    network=$children_network
    host=$(docker inspect "k3d-$name-server-0" -f "{{(index .NetworkSettings.Networks \"$network\").IPAddress}}")
  fi
  sources=$(sources)
  [ -z "${2:-}" ] || images=(
    --set "registry.enabled=true,registry.service.type=NodePort,registry.service.nodePort=$registry_node_port"
    --set "registry.address=$(registry_published)" --set-string "$(image_values registry.image "$2")"
  )
  helm upgrade --install k3eks "$ROOT/charts/k3eks" -n k3eks-system --reset-then-reuse-values --wait --timeout 120s \
    --set "api.service.type=NodePort,api.service.nodePort=$node_port" --set-json "api.sources=$sources" \
    --set "api.keysSecret=k3eks-make-up,identity.wellKnownKeys=${K3EKS_WELL_KNOWN_KEYS:-false}" \
    --set "docker.group=$(stat -c %g /var/run/docker.sock)" \
    --set-string "$(image_values image "$1")" --set image.pullPolicy=IfNotPresent \
    --set "operator.network=$network,identity.host=$host" "${images[@]}"
}

# Child clusters carry the uid of this cluster's kube-system namespace.
instance() {
  [ -e "$kubeconfig" ] || { mkdir -p "$ROOT/.k3eks" && k3d kubeconfig get "$name" 2>/dev/null | private "$kubeconfig"; } || true
  kubectl get namespace kube-system -o 'jsonpath={.metadata.uid}' --request-timeout=5s 2>/dev/null || cat "$ROOT/.k3eks/$name.instance" 2>/dev/null || true
}

children() { # INSTANCE
  [ -z "$1" ] || docker ps -a --filter "label=k3eks.io/instance=$1" --format '{{.Label "k3d.cluster"}}' | sort -u
}

case $verb in
  up)
    published
    step "Creating management cluster $name" cluster -p "127.0.0.1:$api_port:$node_port@server:0:direct" \
      -p "127.0.0.1:$registry_port:$registry_node_port@server:0:direct"
    step "Installing the definitions with Helm" definitions
    step "Building the operator's image" image
    image=$(cat "$ROOT/.k3eks/$name.image")
    step "Loading the operator's image" load "$image"
    registry=''
    if [ -n "$(registry_published)" ]; then
      step "Building the container registry's image" registry_image
      registry=$(cat "$ROOT/.k3eks/$name.registry")
      step "Loading the container registry's image" load "$registry"
    else
      echo "note: $name was made without a port for the container registry, so there is none: make down and make up give it one"
    fi
    step "Installing the operator with Helm" operator "$image" "$registry"
    [ -z "$registry" ] || "$ROOT/hack/addons/images.sh" "$(registry_published)" ||
      echo "note: nodes may be unable to pull the image of metrics-server, and then that addon won't start; push it to $(registry_published)"
    ;;
  bare)
    step "Creating management cluster $name" cluster
    step "Installing the definitions with Helm" definitions
    ;;
  down)
    command -v k3d >/dev/null && docker info >/dev/null 2>&1 || exit 0
    # The operator goes first, or it would replace what is removed.
    instance=$(instance)
    k3d cluster list "$name" >/dev/null 2>&1 && step "Deleting management cluster $name" k3d cluster delete "$name"
    for child in $(children "$instance"); do step "Deleting child cluster $child" k3d cluster delete "$child"; done
    docker network rm "$children_network" >/dev/null 2>&1 || true
    rm -f "$kubeconfig" "$ROOT/.k3eks/$name".{instance,image,registry,env}
    ;;
  *) die "usage: management.sh up|bare|down NAME" ;;
esac
