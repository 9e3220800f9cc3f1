#!/usr/bin/env bash
# The operator's image: the binary (hack/binary.sh), k3d, helm, setpriv and the libraries they need, and charts of addons. Prints its name.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/lib.sh"

cd "$ROOT"
binary=$(hack/binary.sh)
k3d=$(command -v k3d) helm=$(command -v helm)
charts=$(hack/addons/charts.sh)
content=$({ sha256sum "$binary" "$k3d" "$helm" hack/image.sh && basename "$charts"; } | sha256sum | cut -c1-12)
image=k3eks:$content
if ! docker image inspect "$image" >/dev/null 2>&1; then
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  mkdir -p "$root"/{tmp,etc/ssl/certs,usr/local/bin,usr/share/k3eks}
  cp -r "$charts" "$root/usr/share/k3eks/charts"
  chmod 755 "$root/usr/share/k3eks/charts"
  chmod 1777 "$root/tmp"
  # From scratch, with the host's own libraries: works the same with and without a registry.
  for program in "$binary" "$k3d" "$helm" "$(command -v setpriv)"; do
    install -m755 "$program" "$root/usr/local/bin/"
    libraries "$program" | while read -r library; do
      mkdir -p "$root$(dirname "$library")"
      cp -Ln "$library" "$root$library"
    done
  done
  [ -e /etc/ssl/certs/ca-certificates.crt ] && cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  printf 'FROM scratch\nCOPY . /\nENV PATH=/usr/local/bin HOME=/tmp\nENTRYPOINT ["k3eks"]\n' >"$root.Dockerfile"
  DOCKER_BUILDKIT=0 docker build -q -t "$image" -f "$root.Dockerfile" "$root" >&2
  rm -f "$root.Dockerfile"
fi
echo "$image"
