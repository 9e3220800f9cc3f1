#!/usr/bin/env bash
# k3d, helm and kubectl: from the PATH where they are new enough, else their releases, else built from Go modules.
# shellcheck source=hack/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The oldest that will do, and what is installed where there is none.
declare -A TOOL_OLDEST=([k3d]=5.9.0 [helm]=3.17.0 [kubectl]=1.31.0)
declare -A TOOL_RELEASE=([k3d]=5.9.0 [helm]=3.18.0 [kubectl]=$(sed -E 's/^v([0-9.]+).*/\1/' <<<"${NODE_RELEASES[0]}"))

# at_least VERSION OLDEST
at_least() { [ -n "$1" ] && [ "$(printf '%s\n' "$2" "$1" | sort -V | head -1)" = "$2" ]; }

# version_of TOOL: as it says itself; nothing where there is none.
version_of() {
  local said
  case $1 in
    k3d) said=$(k3d version 2>/dev/null) ;;
    helm) said=$(helm version --short 2>/dev/null) ;;
    kubectl) said=$(kubectl version --client 2>/dev/null) ;;
  esac
  grep -m1 -oE '[0-9]+\.[0-9]+\.[0-9]+' <<<"${said:-}" | head -1 || true
}

# have_tool TOOL: one that is new enough; of one that was installed here, exactly the release that is wanted.
have_tool() {
  local version
  version=$(version_of "$1")
  if [ "$(command -v "$1")" = "$K3EKS_BIN_DIR/$1" ]; then
    [ "$version" = "${TOOL_RELEASE[$1]}" ]
  else
    at_least "$version" "${TOOL_OLDEST[$1]}"
  fi
}

# missing_tools: those of which none, or too old a one, is on the PATH.
missing_tools() {
  local name
  for name in k3d helm kubectl; do have_tool "$name" || echo "$name"; done
}

architecture() {
  case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64 | arm64) echo arm64 ;;
    *) die "$(uname -m) is no architecture that k3d, helm and kubectl have releases for" ;;
  esac
}

# releases_of TOOL: where its release is, and where the publisher's checksum of it is.
releases_of() {
  local arch version=${TOOL_RELEASE[$1]}
  arch=$(architecture)
  case $1 in
    k3d) echo "https://github.com/k3d-io/k3d/releases/download/v$version/"{"k3d-linux-$arch",checksums.txt} ;;
    helm) echo "https://get.helm.sh/helm-v$version-linux-$arch.tar.gz"{,.sha256sum} ;;
    kubectl) echo "https://dl.k8s.io/release/v$version/bin/linux/$arch/kubectl"{,.sha256} ;;
  esac
}

get() { # URL FILE
  curl -fsSL --proto '=https' --connect-timeout 3 --speed-limit 20000 --speed-time 10 --max-time 300 -o "$2" "$1"
}

# reachable TOOL...: whether the releases of all of them can be had, within three seconds.
reachable() {
  local name url waiting=() status=0
  command -v curl >/dev/null || return 1
  for name in "$@"; do
    read -r _ url < <(releases_of "$name")
    curl -fsSL --proto '=https' --max-time 3 -o /dev/null "$url" 2>/dev/null &
    waiting+=($!)
  done
  for name in "${waiting[@]}"; do wait "$name" || status=1; done
  return "$status"
}

# download TOOL: fails where the release can't be had, or isn't what its publisher's checksum says.
download() {
  local name=$1 url sums folder sum
  read -r url sums < <(releases_of "$name")
  folder=$(mktemp -d)
  get "$sums" "$folder/sums"
  get "$url" "$folder/$(basename "$url")"
  # A line for each file of the release, or the sum alone.
  sum=$(awk -v file="$(basename "$url")" 'NF == 1 || $2 == file || $2 ~ ("/" file "$") {print $1; exit}' "$folder/sums")
  (cd "$folder" && echo "$sum  $(basename "$url")" | sha256sum --check --quiet --strict) || die "$url isn't what $sums says: it isn't used"
  [[ $url != *.tar.gz ]] || tar -xzf "$folder/$(basename "$url")" -C "$folder" --strip-components 1
  [ -e "$folder/$name" ] || mv "$folder/$(basename "$url")" "$folder/$name"
  install -m755 "$folder/$name" "$K3EKS_BIN_DIR/$name"
  rm -rf "$folder"
}

build_tool() {
  case $1 in
    k3d) tool k3d github.com/k3d-io/k3d/v5 "-X github.com/k3d-io/k3d/v5/version.Version=v${TOOL_RELEASE[k3d]}" ;;
    helm) tool helm helm.sh/helm/v3/cmd/helm "-X helm.sh/helm/v3/internal/version.version=v${TOOL_RELEASE[helm]}" ;;
    # Of the packages that the node image's Kubernetes has anyway.
    kubectl)
      step "Building kubectl" go_build "$ROOT/hack/node-image/kubernetes" "$K3EKS_BIN_DIR/kubectl" k8s.io/kubernetes/cmd/kubectl \
        "-X k8s.io/component-base/version.gitVersion=v${TOOL_RELEASE[kubectl]}"
      ;;
  esac
}

# have_tools: all three, from wherever they can be had soonest.
have_tools() {
  local name missing=() downloads=()
  mapfile -t missing < <(missing_tools)
  for name in "${missing[@]}"; do ! reachable "$name" || downloads+=("$name"); done
  for name in "${downloads[@]}"; do
    # One that can't be had is built.
    (step "Downloading $name ${TOOL_RELEASE[$name]}" download "$name") || true
  done
  for name in "${missing[@]}"; do have_tool "$name" || build_tool "$name"; done
}

# Called, not read: installs the tools.
if [ "${BASH_SOURCE[0]}" = "$0" ]; then have_tools; fi
