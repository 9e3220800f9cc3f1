#!/usr/bin/env bash
# docker.sh start|restart: a Docker engine where none answers; ends and starts it as a machine that comes up again would.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/lib.sh"

run=$K3EKS_CACHE/run

# A privileged container asks for every capability; where the host itself lacks one, runc must not be asked for it.
# What the host's own daemon.json says is kept, and the file isn't touched.
configuration() {
  local bounding own=/etc/docker/daemon.json
  [ -e "$own" ] || own=/dev/null
  bounding=$(awk '/CapBnd/{print $2}' /proc/self/status)
  if (((16#$bounding >> 24 & 1) == 1)); then
    jq -s '.[0] // {}' "$own"
    return
  fi
  install -m755 "$ROOT/hack/runc-node" "$K3EKS_BIN_DIR/k3eks-runc"
  jq -s --arg path "$K3EKS_BIN_DIR/k3eks-runc" \
    '(.[0] // {}) | .runtimes.k3eks = {path: $path} | ."default-runtime" = "k3eks"' "$own"
}

start() {
  docker info >/dev/null 2>&1 && return
  [ "$(id -u)" = 0 ] || die "Docker doesn't answer, and starting it needs root: start it (systemctl start docker), or run as root"
  mkdir -p "$run"
  configuration >"$run/daemon.json"
  setsid dockerd --config-file "$run/daemon.json" >>"$run/dockerd.log" 2>&1 </dev/null &
  echo $! >"$run/dockerd.pid"
  until_ready 60 docker info || die "dockerd didn't start within 60 s; see $run/dockerd.log"
}

ours() {
  [ "$(cat "/proc/$(cat "$run/dockerd.pid" 2>/dev/null)/comm" 2>/dev/null)" = dockerd ]
}

ended() { # PID
  [ ! -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status"
}

restart() {
  if ours; then
    local pid
    pid=$(cat "$run/dockerd.pid")
    kill "$pid"
    until_ready 60 ended "$pid" || die "dockerd doesn't end; see $run/dockerd.log"
    start
  else
    systemctl restart docker || die "Docker wasn't started by this project and systemd doesn't know it: restart it by hand"
    until_ready 60 docker info
  fi
}

case ${1:-} in
  start | restart) "$1" ;;
  *) die "usage: docker.sh start|restart" ;;
esac
