#!/usr/bin/env bash
# release.sh binary|image|index|charts|sbom|notes|checksums|publish: one part of a release, into dist/
# (K3EKS_DIST). binary and image are for the architecture that they run on.
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
  env "CC_${target//-/_}=musl-gcc" CARGO_TERM_PROGRESS_WHEN=always CARGO_TERM_PROGRESS_WIDTH=100 cargo build -p k3eks --release --locked --target "$target"
  install -m755 "$CARGO_TARGET_DIR/$target/release/k3eks" "$dist/k3eks-linux-$(architecture)"
}

# The chart names the image by the digest of its index, where there is one: a tag can be moved.
charts() { # REPOSITORY of the operator's image, which the chart then names
  local folder values digest
  folder=$(mktemp -d)
  values=$folder/k3eks/values.yaml
  cp -r charts/k3eks charts/k3eks-crd "$folder"
  [ -z "$1" ] || sed -i "s,^  repository: k3eks$,  repository: $1," "$values"
  if [ -n "$1" ] && [ -s "$dist/image.digest" ]; then
    digest=$(cat "$dist/image.digest")
    sed -i "s,^  digest: \"\"$,  digest: $digest," "$values"
    grep -q "^  digest: $digest$" "$values" || die "charts/k3eks/values.yaml has no empty image.digest to be filled in"
  fi
  helm package --version "$version" --app-version "$version" --destination "$dist" "$folder/k3eks-crd" "$folder/k3eks"
  rm -rf "$folder"
}

image() { # REPOSITORY
  docker tag "$(K3EKS_PROFILE=release hack/image.sh)" "$1:$version-$(architecture)"
}

# One name for the images of all architectures that were pushed; its digest goes to dist/image.digest.
index() { # REPOSITORY
  local images=() arch
  for arch in amd64 arm64; do
    ! crane digest "$1:$version-$arch" >/dev/null 2>&1 || images+=(-m "$1:$version-$arch")
  done
  ((${#images[@]})) || die "there is no $1:$version-amd64 and no $1:$version-arm64: make release-image, and push it first"
  crane index append "${images[@]}" -t "$1:$version"
  crane tag "$1:$version" latest
  crane digest "$1:$version" >"$dist/image.digest"
}

sbom() {
  command -v cargo-cyclonedx >/dev/null || cargo install --quiet --locked cargo-cyclonedx --root "$K3EKS_CACHE"
  cargo cyclonedx --quiet --format json --target all --override-filename k3eks.cdx
  mv crates/k3eks/k3eks.cdx.json "$dist/"
  rm -f crates/*/k3eks.cdx.json
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

# The charts, beside the image.
publish() { # REPOSITORY
  local chart
  for chart in "$dist"/k3eks*.tgz; do helm push "$chart" "oci://$(dirname "$1")/charts"; done
}

case ${1:-} in
  binary) command -v musl-gcc >/dev/null || die "musl-gcc is missing: apt-get install musl-tools"; step "Building the program for a release" binary ;;
  charts) step "Packing the charts" charts "${2:-}" ;;
  image) step "Making the image of $version" image "${2:?usage: release.sh image REPOSITORY}" ;;
  index)
    tool crane github.com/google/go-containerregistry/cmd/crane
    step "Naming the image of $version for all architectures" index "${2:?usage: release.sh index REPOSITORY}"
    ;;
  sbom) step "Listing what the program is made of" sbom ;;
  notes) step "Taking the notes from the changelog" notes ;;
  checksums) step "Taking checksums" checksums ;;
  publish) step "Publishing the charts of $version" publish "${2:?usage: release.sh publish REPOSITORY}" ;;
  version) echo "$version" ;;
  *) die "usage: release.sh binary|image REPOSITORY|index REPOSITORY|charts [REPOSITORY]|sbom|notes|checksums|publish REPOSITORY|version" ;;
esac
