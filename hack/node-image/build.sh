#!/usr/bin/env bash
# build.sh RELEASE...: the node images of these releases: pulled where a registry answers, else built from package
# registries. Keyed by content.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/../lib.sh"
here=$ROOT/hack/node-image
work=$K3EKS_CACHE/node-image
want=$(built_from hack/node-image)
base=k3eks/node-base:2

# One that is built here says of which content it is; one that says nothing was pulled, or loaded by somebody.
have() {
  local content
  content=$(docker image inspect -f '{{or (index .Config.Labels "k3eks.io/content") "not built here"}}' "$1" 2>/dev/null) || return 1
  [ "$content" = "$want" ] || [ "$content" = "not built here" ]
}

scratch() { # IMAGE BINARY PATH-IN-IMAGE
  local folder
  folder=$(mktemp -d)
  cp "$2" "$folder/binary"
  printf 'FROM scratch\nCOPY binary %s\nENTRYPOINT ["%s"]\n' "$3" "$3" >"$folder/Dockerfile"
  DOCKER_BUILDKIT=0 docker build -q -t "$1" "$folder"
  rm -rf "$folder"
}

helpers() {
  gcc -static -O2 -o "$work/pause" "$here/pause.c"
  gcc -static -O2 -o "$work/tools" "$here/tools.c"
  scratch k3eks/pause:1 "$work/pause" /pause
  # The name that k3d itself looks for, so that nobody has to tell it another.
  scratch ghcr.io/k3d-io/k3d-tools:5.9.0 "$work/tools" /k3d-tools
}

# Under the name that k3d itself looks for, too.
proxy() {
  local root=$work/balancer
  mkdir -p "$root/usr/sbin"
  (go_build "$here/proxy" "$root/k3d-proxy" .)
  # By this name it is told to read its configuration again.
  ln -sf /k3d-proxy "$root/usr/sbin/nginx"
  called ghcr.io/k3d-io/k3d-proxy:5.9.0 "$root" /k3d-proxy
}

# One program under several names; each name is an image of its own, of the same layer.
pods() {
  local root=$work/pods
  mkdir -p "$root"
  (go_build "$here/pods" "$root/pods" .)
  ln -sf pods "$root/coredns"
  ln -sf pods "$root/metrics-server"
  called rancher/mirrored-coredns-coredns:1.14.1 "$root" /coredns
  called rancher/mirrored-metrics-server:v0.9.0 "$root" /metrics-server
  # A program of its own: it can't be called from another.
  root=$work/local-path-provisioner
  mkdir -p "$root/usr/bin"
  (go_build "$here/pods" "$root/usr/bin/local-path-provisioner" github.com/rancher/local-path-provisioner)
  called rancher/local-path-provisioner:v0.0.30 "$root" /usr/bin/local-path-provisioner
}

called() { # IMAGE FOLDER PROGRAM
  printf 'FROM scratch\nCOPY . /\nENTRYPOINT ["%s"]\n' "$3" >"$work/called.Dockerfile"
  DOCKER_BUILDKIT=0 docker build -q -t "$1" -f "$work/called.Dockerfile" "$2"
}

# The node's file system, and out of it a busybox with its applets as the public image has them: the one that is
# linked dynamically, since glibc can't resolve names in a static program.
base() {
  docker image inspect "$base" busybox:1.36 >/dev/null 2>&1 && return
  local rootfs=$work/rootfs folder=$work/busybox
  rm -rf "$rootfs" "$folder"
  debootstrap --variant=minbase --include=containerd,runc,containernetworking-plugins,iptables,iproute2,conntrack,busybox,procps,ca-certificates,kmod,mount bookworm "$rootfs"
  tar -C "$rootfs" --exclude=./var/cache --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./var/lib/apt -c . | docker import - "$base"
  mkdir -p "$folder"/{bin,tmp,etc,root}
  chmod 1777 "$folder/tmp"
  cp "$rootfs/bin/busybox" "$folder/bin/"
  chroot "$rootfs" ldd /bin/busybox | grep -o '/lib[^ ]*' | while read -r library; do
    install -D "$rootfs/$(chroot "$rootfs" readlink -f "$library")" "$folder/$library"
  done
  chroot "$rootfs" busybox --list | grep -vx busybox | while read -r applet; do ln -s busybox "$folder/bin/$applet"; done
  echo 'root:x:0:0:root:/root:/bin/sh' >"$folder/etc/passwd"
  tar -C "$folder" -c . | docker import -c 'CMD ["sh"]' -c 'ENV PATH=/bin' - busybox:1.36
  rm -rf "$rootfs" "$folder"
}

# The same code with another stamp is a cheap next version: it differs in nothing but what it says of itself.
kubernetes() { # RELEASE
  local git=${1/-/+} v=k8s.io/component-base/version minor
  minor=$(cut -d. -f2 <<<"$1")
  go_build "$here/kubernetes" "$work/$1/hyperkube" . "-X $v.gitVersion=$git -X $v.gitMajor=1 -X $v.gitMinor=$minor"
}

# kine's own driver for sqlite is written in C.
kine() {
  cd "$here/kine"
  CGO_ENABLED=1 go build -v -trimpath -tags netgo,osusergo -ldflags '-s -w -extldflags -static' -o "$work/kine" .
}

# helm as k3s's helm-controller starts it in pods.
klipper_helm() {
  local root=$work/klipper-helm helm
  helm=$(command -v helm)
  rm -rf "$root"
  mkdir -p "$root"/{usr/local/bin,home/klipper-helm,etc}
  install -m755 "$helm" "$here/helm/entry" "$root/usr/local/bin/"
  libraries "$helm" | while read -r library; do install -D "$library" "$root$library"; done
  printf 'FROM busybox:1.36\nCOPY . /\nENV PATH=/usr/local/bin:/bin HOME=/home/klipper-helm\nUSER 1000\nENTRYPOINT ["entry"]\n' >"$work/klipper-helm.Dockerfile"
  DOCKER_BUILDKIT=0 docker build -q -t rancher/klipper-helm:v0.10.0 -f "$work/klipper-helm.Dockerfile" "$root"
}

# blob FOLDER TYPE FILE: puts a file into an image layout; prints its descriptor.
blob() {
  local digest
  digest=$(sha256sum "$3" | cut -d' ' -f1)
  mkdir -p "$1/blobs/sha256"
  cp -L "$3" "$1/blobs/sha256/$digest"
  jq -cn --arg type "$2" --arg digest "sha256:$digest" --argjson size "$(stat -Lc %s "$3")" '{mediaType: $type, digest: $digest, size: $size}'
}

# layout FOLDER IMAGE...: an OCI image layout of images that Docker has.
layout() {
  local folder=$1 saved entry name oci=application/vnd.oci.image
  shift
  rm -rf "$folder"
  mkdir -p "$folder"
  saved=$(mktemp -d)
  docker save "$@" | tar -x -C "$saved"
  jq -c '.[]' "$saved/manifest.json" | while read -r entry; do
    jq -r '.Layers[]' <<<"$entry" | while read -r name; do
      blob "$folder" $oci.layer.v1.tar "$saved/$name"
    done >"$saved/layers"
    jq -cs --argjson config "$(blob "$folder" $oci.config.v1+json "$saved/$(jq -r .Config <<<"$entry")")" --arg type $oci.manifest.v1+json \
      '{schemaVersion: 2, mediaType: $type, config: $config, layers: .}' "$saved/layers" >"$saved/one"
    # The name in full, as containerd asks for it.
    name=$(jq -r '.RepoTags[0]' <<<"$entry")
    [[ $name == */* ]] || name=library/$name
    blob "$folder" $oci.manifest.v1+json "$saved/one" | jq -c --arg name "docker.io/$name" '.annotations = {"org.opencontainers.image.ref.name": $name}'
  done | jq -s '{schemaVersion: 2, manifests: .}' >"$folder/index.json"
  echo '{"imageLayoutVersion": "1.0.0"}' >"$folder/oci-layout"
  rm -rf "$saved"
}

images() {
  klipper_helm
  layout "$work/images" k3eks/pause:1 busybox:1.36 rancher/mirrored-coredns-coredns:1.14.1 rancher/mirrored-metrics-server:v0.9.0 \
    rancher/local-path-provisioner:v0.0.30 rancher/klipper-helm:v0.10.0
}

k3s() {
  (go_build "$here/k3s" "$work/k3s" .)
}

node() { # RELEASE
  local folder=$work/$1
  rm -rf "$folder"/{*.tar,images,manifests,certs.d}
  cp -rl "$work/images" "$folder/images"
  cp -f "$work"/{k3s,kine} "$folder"
  cp -r "$here"/{Dockerfile,config.toml,certs.d,kubelet.yaml,manifests} "$folder"
  echo "${1/-/+}" >"$folder/k3s-version"
  DOCKER_BUILDKIT=0 docker build -q --label "k3eks.io/content=$want" -t "rancher/k3s:$1" "$folder"
}

# What can't be pulled is no failure: it is built.
pull() { # RELEASE
  local said
  said=$(timeout 600 docker pull -q "rancher/k3s:$1" 2>&1) && return
  echo "$1" >>"$work/unpullable"
  echo "${said##*$'\n'}" >"$work/why"
}

missing=()
for release in "$@"; do
  have "rancher/k3s:$release" || missing+=("$release")
done
((${#missing[@]} == 0)) && exit
mkdir -p "$work"
rm -f "$work/unpullable"
for release in "${missing[@]}"; do step "Pulling rancher/k3s:$release" pull "$release"; done
if [ ! -s "$work/unpullable" ]; then exit; fi
# Another release is the same code with another stamp, and takes seconds: all are built, so that the default version is there
# and one that it can be upgraded to or from.
mapfile -t missing < <(for release in "${NODE_RELEASES[@]}"; do have "rancher/k3s:$release" || echo "$release"; done)
echo "${missing[*]} can't be pulled ($(<"$work/why")): built from package registries"
step "Building the helper images" helpers
step "Building the node's file system" base
step "Building k3d's proxy" proxy
for release in "${missing[@]}"; do
  mkdir -p "$work/$release"
  step "Building Kubernetes as $release" kubernetes "$release"
done
step "Building CoreDNS, metrics-server and local-path-provisioner" pods
step "Building kine" kine
step "Building helm-controller and flannel into k3s" k3s
step "Packing the nodes' own images" images
for release in "${missing[@]}"; do step "Building rancher/k3s:$release" node "$release"; done
