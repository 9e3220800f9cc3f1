# Shared by the scripts here: steps with their time, clear endings, the cache.
# shellcheck shell=bash disable=SC2034
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
K3EKS_CACHE=${K3EKS_CACHE:-$HOME/.cache/k3eks}
K3EKS_BIN_DIR=$K3EKS_CACHE/bin
export ROOT K3EKS_CACHE CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$K3EKS_CACHE/target}
export PATH=$K3EKS_BIN_DIR:$PATH
mkdir -p "$K3EKS_BIN_DIR"

# The releases that the test bed builds where no registry answers; each is in the operator's table of images.
NODE_RELEASES=(v1.35.7-k3s1 v1.36.4-k3s1)

# Others, where they can be pulled: K3EKS_NODE_RELEASES="v1.24.17-k3s1 v1.25.16-k3s4".
[ -z "${K3EKS_NODE_RELEASES:-}" ] || read -ra NODE_RELEASES <<<"$K3EKS_NODE_RELEASES"

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

# how_far LOG: what a builder's output says of how far it is: the packages that Go named after their number, or cargo's count.
how_far() {
  awk '/^[0-9]+ packages$/ {total = $1; done = NR} END {if (total) print NR - done " of " total " packages"; exit !total}' "$1" ||
    tail -c 4000 "$1" | grep -aoE '[0-9]+/[0-9]+: ' | tail -1 | sed -E 's,([0-9]+)/([0-9]+): ,\1 of \2 crates,'
}

# tell TITLE LOG BEGUN: how long a step has taken and how far it is, every second on a terminal, every minute elsewhere.
tell() {
  local pause=60 far silence
  [ ! -t 1 ] || pause=1
  # Nobody ever writes there: a pause without a process that would outlive this one.
  exec {silence}<> <(:)
  # The step that it tells of ends it; one that is killed can't, and then nobody is left to be told.
  while ! read -rt "$pause" -u "$silence" && kill -0 $$ 2>/dev/null; do
    far=$(how_far "$2" 2>/dev/null) || far=''
    if [ -t 1 ]; then
      printf '\r%-52s %s s%s\e[K' "$1" "$((SECONDS - $3))" "${far:+, $far}"
    else
      printf '\n  after %s s%s ... ' "$((SECONDS - $3))" "${far:+: $far}"
    fi
  done
}

# followed TITLE LOG BEGUN COMMAND...: runs it as a step: what is done, how long that usually takes, how far it is, how long it
# took. The log is shown only if it fails.
followed() {
  local title=$1 log=$2 begun=$3 status=0 line teller
  shift 3
  line="$title ... $(usual "$title")"
  printf '%-52s ' "$line"
  tell "$line" "$log" "$begun" &
  teller=$!
  # A shell of its own, outside any condition: the step ends at its first error, and what it said is shown here.
  set +e
  (
    set -e
    "$@"
  ) >>"$log" 2>&1
  status=$?
  set -e
  # Not asked to end: a shell that has only just begun would run what this script does at its own end.
  kill -KILL "$teller" 2>/dev/null && wait "$teller" 2>/dev/null || true
  [ ! -t 1 ] || printf '\r%-52s ' "$line"
  if ((status == 0)); then
    took "$title" "$((SECONDS - begun))"
    printf '%s s' "$((SECONDS - begun))"
    [ ! -t 1 ] || printf '\e[K'
    echo
    rm -f "$log"
  else
    echo "failed after $((SECONDS - begun)) s"
    tail -200 "$log" >&2
    die "$title failed; the whole output is in $log"
  fi
}

# step TITLE COMMAND...
step() {
  local title=$1
  shift
  followed "$title" "$(mktemp)" "$SECONDS" "$@"
}

# meanwhile TITLE COMMAND...: begins it beside the steps that follow; joined waits for it as a step. One at a time: it and the
# step beside it use all cores that there are.
meanwhile() {
  meanwhile_title=$1 meanwhile_begun=$SECONDS meanwhile_log=$(mktemp)
  shift
  # A group of its own, so that all of it ends where this script does.
  set -m
  (
    set +e
    (
      set -e
      "$@"
    )
    echo $? >"$meanwhile_log.status"
  ) >"$meanwhile_log" 2>&1 </dev/null &
  meanwhile_pid=$!
  set +m
  trap 'kill -- -$meanwhile_pid 2>/dev/null || true' EXIT
  echo "$meanwhile_title begins, beside the steps that follow"
}

joined() {
  followed "$meanwhile_title" "$meanwhile_log" "$meanwhile_begun" meanwhile_ended
  rm -f "$meanwhile_log.status"
  trap - EXIT
}

# Its own exit code, once there is one.
meanwhile_ended() {
  until [ -s "$meanwhile_log.status" ]; do
    kill -0 "$meanwhile_pid" 2>/dev/null || [ -s "$meanwhile_log.status" ] || die "it was ended from outside"
    sleep 0.3
  done
  return "$(cat "$meanwhile_log.status")"
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

# private FILE: writes standard input where nobody but its owner can read it, also where the file is there already.
private() {
  (umask 077 && : >>"$1") && chmod 600 "$1" && cat >"$1"
}

# key FILE|FOLDER...: a short digest of their content.
key() {
  (cd "$ROOT" && find "$@" -type f -print0 | sort -z | xargs -0 sha256sum) | sha256sum | cut -c1-12
}

# libraries PROGRAM: the loader and the libraries of this machine that it needs; none for a static one.
libraries() {
  ldd "$1" 2>/dev/null | grep -oE '/[^ ]+' || true
}

# built_from FOLDER: a short digest of the folder's content and of the way to build it.
built_from() {
  { key "$1" && declare -f go_build; } | sha256sum | cut -c1-12
}

# go_build FOLDER OUTPUT PACKAGE LDFLAGS: a static program out of a module here; says what it compiles, after how much that is.
go_build() {
  cd "$1"
  echo "$(go list -deps "$3" | wc -l) packages"
  CGO_ENABLED=0 go build -v -trimpath -ldflags "-s -w ${4:-}" -o "$2" "$3"
}

# tool NAME PACKAGE LDFLAGS: builds a Go tool unless this very version is in the cache.
tool() {
  local name=$1 package=$2 flags=${3:-} stamp
  stamp=$(built_from "hack/tools/$name")
  [ -x "$K3EKS_BIN_DIR/$name" ] && [ "$(cat "$K3EKS_BIN_DIR/.$name" 2>/dev/null)" = "$stamp" ] && return
  step "Building $name" go_build "$ROOT/hack/tools/$name" "$K3EKS_BIN_DIR/$name" "$package" "$flags"
  echo "$stamp" >"$K3EKS_BIN_DIR/.$name"
}

# image_values KEY IMAGE: what Helm's --set-string takes for an image. As --set, it would take a tag of digits alone for a number.
image_values() {
  echo "$1.repository=${2%:*},$1.tag=${2##*:}"
}

# python_with REQUIREMENTS TITLE: an environment keyed by what is asked for; prints its folder.
python_with() {
  local folder
  folder=$K3EKS_CACHE/python-$(key "$1")
  [ -e "$folder/complete" ] || step "Installing $2" sh -c "python3 -m venv '$folder' && '$folder/bin/pip' install -q -r '$ROOT/$1' && touch '$folder/complete'" >&2
  echo "$folder"
}

# node_with FOLDER TITLE: the npm packages that FOLDER's lock file names, keyed by it; prints where they are.
node_with() {
  local folder
  folder=$K3EKS_CACHE/node-$(key "$1")
  [ -e "$folder/complete" ] || step "Installing $2" sh -c "mkdir -p '$folder' && cp '$ROOT/$1'/package*.json '$folder' && npm ci --silent --no-audit --no-fund --ignore-scripts --prefix '$folder' && touch '$folder/complete'" >&2
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
