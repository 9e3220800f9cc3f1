# Shared by the scripts here: steps with their time, clear endings, the cache.
# shellcheck shell=bash
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
K3EKS_CACHE=${K3EKS_CACHE:-$HOME/.cache/k3eks}
K3EKS_BIN_DIR=$K3EKS_CACHE/bin
export ROOT K3EKS_CACHE CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$K3EKS_CACHE/target}
export PATH=$K3EKS_BIN_DIR:$PATH
mkdir -p "$K3EKS_BIN_DIR"

# The releases that the test bed builds where no registry answers; each is in the operator's table of images.
NODE_RELEASES=(v1.33.5-k3s1 v1.34.1-k3s1)

die() {
  echo "error: $*" >&2
  exit 1
}

# usual TITLE: how long the step took the last time on this machine, else on a small one (hack/usual-times), if it is worth a word.
usual() {
  local seconds
  seconds=$(grep -hs "^$1	" "$K3EKS_CACHE/usual-times" "$ROOT/hack/usual-times" | head -1 | cut -f2)
  ((${seconds:-0} < 10)) || echo "(usually $seconds s) "
}

# took TITLE SECONDS: remembers it for the next time.
took() {
  local times=$K3EKS_CACHE/usual-times
  { printf '%s\t%s\n' "$1" "$2" && grep -vs "^$1	" "$times"; } >"$times.$$" || true
  mv "$times.$$" "$times"
}

# step NAME COMMAND...: says what is being done, how long that usually takes and how long it took; the output is shown only if it fails.
step() {
  local title=$1 log begun=$SECONDS
  shift
  log=$(mktemp)
  printf '%-52s ' "$title ... $(usual "$title")"
  # A shell of its own, outside any condition: the step ends at its first error, and what it said is shown here.
  local status=0
  set +e
  (
    set -e
    "$@"
  ) >"$log" 2>&1
  status=$?
  set -e
  if ((status == 0)); then
    took "$title" "$((SECONDS - begun))"
    echo "$((SECONDS - begun)) s"
    rm -f "$log"
  else
    echo "failed after $((SECONDS - begun)) s"
    tail -40 "$log" >&2
    die "$title failed; the whole output is in $log"
  fi
}

# until_ready SECONDS COMMAND...: repeats until the command succeeds.
until_ready() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.3
  done
}

# key FILE|FOLDER...: a short digest of their content.
key() {
  (cd "$ROOT" && find "$@" -type f -print0 | sort -z | xargs -0 sha256sum) | sha256sum | cut -c1-12
}

# tool NAME PACKAGE LDFLAGS: builds a Go tool unless this very version is in the cache.
tool() {
  local name=$1 package=$2 flags=${3:-} stamp
  stamp=$(key "hack/tools/$name")
  [ -x "$K3EKS_BIN_DIR/$name" ] && [ "$(cat "$K3EKS_BIN_DIR/.$name" 2>/dev/null)" = "$stamp" ] && return
  step "Building $name" sh -c "cd '$ROOT/hack/tools/$name' && go build -o '$K3EKS_BIN_DIR/$name' -ldflags '-s -w $flags' $package"
  echo "$stamp" >"$K3EKS_BIN_DIR/.$name"
}

# python_with REQUIREMENTS TITLE: an environment keyed by what is asked for; prints its folder.
python_with() {
  local folder
  folder=$K3EKS_CACHE/python-$(key "$1")
  [ -e "$folder/complete" ] || step "Installing $2" sh -c "python3 -m venv '$folder' && '$folder/bin/pip' install -q -r '$ROOT/$1' && touch '$folder/complete'" >&2
  echo "$folder"
}

# Flux's own controllers, which carry out what is in git.
flux_tools() {
  tool source-controller github.com/fluxcd/source-controller
  tool kustomize-controller github.com/fluxcd/kustomize-controller
}

# The console page is looked at in a real browser.
browser() {
  command -v chromium chromium-browser google-chrome >/dev/null && return
  command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || die "chromium is missing: install it with your package manager"
  step "Installing Chromium" sh -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium'
}
