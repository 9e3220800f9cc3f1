#!/usr/bin/env bash
# release.sh binary|charts|image|sbom|notes|checksums|publish: one part of a release, into dist/
# (K3EKS_DIST). Each is for the architecture that it runs on.
# shellcheck source=hack/tools.sh
source "$(dirname "$0")/tools.sh"

cd "$ROOT"
dist=${K3EKS_DIST:-$ROOT/dist}
mkdir -p "$dist"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)

# Linked statically, so that it runs on any Linux.
binary() {
  local target
  target=$(uname -m)-unknown-linux-musl
  rustup target add "$target"
  env "CC_${target//-/_}=musl-gcc" CARGO_TERM_PROGRESS_WHEN=always CARGO_TERM_PROGRESS_WIDTH=100 cargo build --release --locked --target "$target"
  install -m755 "$CARGO_TARGET_DIR/$target/release/k3eks" "$dist/k3eks-linux-$(architecture)"
}

charts() { # REPOSITORY of the operator's image, which the chart then names
  local folder
  folder=$(mktemp -d)
  cp -r charts/k3eks charts/k3eks-crd "$folder"
  [ -z "$1" ] || sed -i "s,^  repository: k3eks$,  repository: $1," "$folder/k3eks/values.yaml"
  helm package --version "$version" --app-version "$version" --destination "$dist" "$folder/k3eks-crd" "$folder/k3eks"
  rm -rf "$folder"
}

image() { # REPOSITORY
  docker tag "$(K3EKS_PROFILE=release hack/image.sh)" "$1:$version-$(architecture)"
}

sbom() {
  command -v cargo-cyclonedx >/dev/null || cargo install --quiet --locked cargo-cyclonedx --root "$K3EKS_CACHE"
  cargo cyclonedx --quiet --format json --target all --override-filename k3eks.cdx
  mv k3eks.cdx.json "$dist/"
}

# What the changelog says of this version, else of what isn't released yet.
notes() {
  local heading
  for heading in "$version" Unreleased; do
    awk -v heading="## [$heading]" 'index($0, "## [") == 1 {on = index($0, heading) == 1; next} on' CHANGELOG.md >"$dist/notes.md"
    ! grep -q . "$dist/notes.md" || return 0
  done
  die "CHANGELOG.md has no section for $version"
}

checksums() {
  (cd "$dist" && sha256sum -- k3eks* >SHA256SUMS)
}

# One name for both architectures, and the charts beside it.
publish() { # REPOSITORY
  local tag chart
  for tag in "$version" latest; do
    docker buildx imagetools create --tag "$1:$tag" "$1:$version-amd64" "$1:$version-arm64"
  done
  for chart in "$dist"/k3eks*.tgz; do helm push "$chart" "oci://$(dirname "$1")/charts"; done
}

case ${1:-} in
  binary) command -v musl-gcc >/dev/null || die "musl-gcc is missing: apt-get install musl-tools"; step "Building the program for a release" binary ;;
  charts) step "Packing the charts" charts "${2:-}" ;;
  image) step "Making the image of $version" image "${2:?usage: release.sh image REPOSITORY}" ;;
  sbom) step "Listing what the program is made of" sbom ;;
  notes) step "Taking the notes from the changelog" notes ;;
  checksums) step "Taking checksums" checksums ;;
  publish) step "Publishing $version" publish "${2:?usage: release.sh publish REPOSITORY}" ;;
  version) echo "$version" ;;
  *) die "usage: release.sh binary|charts [REPOSITORY]|image REPOSITORY|sbom|notes|checksums|publish REPOSITORY|version" ;;
esac
