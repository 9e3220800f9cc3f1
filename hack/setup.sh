#!/usr/bin/env bash
# Installs what is missing: packages, a Docker engine that runs, k3d and helm.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/lib.sh"

packages() {
  local missing=() entry wanted=(jq:jq debootstrap:debootstrap gcc:gcc setpriv:util-linux python3:python3)
  docker info >/dev/null 2>&1 || wanted+=(dockerd:docker.io containerd:containerd runc:runc iptables:iptables ip:iproute2)
  for entry in "${wanted[@]}"; do
    command -v "${entry%%:*}" >/dev/null || missing+=("${entry##*:}")
  done
  python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
  [ -e /usr/include/stdlib.h ] || missing+=(libc6-dev)
  ((${#missing[@]} == 0)) && return
  [ "$(id -u)" = 0 ] || die "packages are missing (${missing[*]}) and installing them needs root: run as root, or apt-get install ${missing[*]}"
  command -v apt-get >/dev/null || die "packages are missing (${missing[*]}) and this isn't Debian: install them by hand"
  step "Installing ${missing[*]}" sh -c "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${missing[*]}"
}

toolchains() {
  command -v cargo >/dev/null || die "cargo is missing: install Rust with rustup (https://rustup.rs)"
  command -v go >/dev/null || die "go is missing: install Go 1.26.8 or newer (https://go.dev/doc/install)"
}

room() {
  local free
  free=$(df --output=avail -BG / | tail -1 | tr -dc 0-9)
  ((free >= 10)) || die "only $free GB are free on /, and 10 are needed: make room with docker image prune and docker builder prune (never docker system prune: it removes clusters that are stopped)"
}

# inotify: each node has several watchers of its own, and 128 instances are gone with the third cluster.
limits() {
  local now
  now=$(cat /proc/sys/fs/inotify/max_user_instances)
  ((now >= 1024)) && return
  sysctl -qw fs.inotify.max_user_instances=8192 fs.inotify.max_user_watches=524288 2>/dev/null ||
    echo "note: fs.inotify.max_user_instances is $now; raise it (sysctl fs.inotify.max_user_instances=8192) before making more than two clusters"
}

room
packages
toolchains
docker info >/dev/null 2>&1 || step "Starting Docker" "$ROOT/hack/docker.sh" start
limits
tool k3d github.com/k3d-io/k3d/v5 "-X github.com/k3d-io/k3d/v5/version.Version=v5.9.0"
tool helm helm.sh/helm/v3/cmd/helm "-X helm.sh/helm/v3/internal/version.version=v3.18.0"
tool health .
"$ROOT/hack/node-image/build.sh"
command -v kubectl >/dev/null || die "kubectl is missing: install it (https://kubernetes.io/docs/tasks/tools)"
