#!/usr/bin/env bash
# build.sh RELEASE...: the node images of these releases: pulled where a registry answers, else built from package
# registries. Keyed by content.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/../lib.sh"
here=$ROOT/hack/node-image
work=$K3EKS_CACHE/node-image
want=$(key hack/node-image)
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
  (go_build "$here/proxy" "$work/proxy" .)
  scratch ghcr.io/k3d-io/k3d-proxy:5.9.0 "$work/proxy" /k3d-proxy
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

node() { # RELEASE
  local folder=$work/$1
  (cd "$here/k3s" && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$folder/k3s" .)
  docker save -o "$folder/base.tar" k3eks/pause:1 busybox:1.36
  docker save -o "$folder/coredns.tar" rancher/mirrored-coredns-coredns:1.14.1
  cp -r "$here"/{Dockerfile,config.toml,kubelet.yaml,manifests} "$folder"
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
mapfile -t missing <"$work/unpullable"
echo "${missing[*]} can't be pulled ($(<"$work/why")): built from package registries"
step "Building the helper images" helpers
step "Building the node's file system" base
step "Building k3d's proxy" proxy
for release in "${missing[@]}"; do
  mkdir -p "$work/$release"
  step "Building Kubernetes as $release" kubernetes "$release"
done
# Afterwards: most of it is compiled by then.
step "Building CoreDNS and metrics-server" pods
for release in "${missing[@]}"; do step "Building rancher/k3s:$release" node "$release"; done
