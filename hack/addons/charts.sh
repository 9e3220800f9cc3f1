#!/usr/bin/env bash
# Charts of the addons that the operator's image brings along: from their repositories, else out of the Go modules of those who publish
# them. Prints the path of a folder, keyed by content, with NAME-VERSION.tgz of each.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/../lib.sh"

# NAME VERSION REPOSITORY MODULE FOLDER-IN-MODULE
charts=(
  "metrics-server 3.13.1 https://kubernetes-sigs.github.io/metrics-server/ sigs.k8s.io/metrics-server charts/metrics-server"
  "metrics-server 3.12.2 https://kubernetes-sigs.github.io/metrics-server/ k3eks/addons/metrics-server-3.12.2 charts/metrics-server"
  "cert-manager v1.18.2 https://charts.jetstack.io github.com/cert-manager/cert-manager deploy/charts/cert-manager"
)

folder=$K3EKS_CACHE/charts-$(key hack/addons/charts hack/addons/charts.sh)

# complete CHART VERSION SOURCE: does to a copy of the chart what its publisher does only for a release.
complete() {
  [ ! -e "$1/Chart.template.yaml" ] ||
    sed -e "s/: v0\.0\.0$/: $2/" -e 's/{{IS_PRERELEASE}}/false/' "$1/Chart.template.yaml" >"$1/Chart.yaml"
  [ "${1##*/}" != cert-manager ] || sed -s '1i---' "$3"/deploy/crds/crd-*.yaml >"$1/templates/crds.yaml"
}

pack() {
  local new name version repository module path source
  new=$(mktemp -d "$K3EKS_CACHE/charts-XXXXXX")
  for chart in "${charts[@]}"; do
    read -r name version repository module path <<<"$chart"
    if ! timeout 30 helm pull "$name" --repo "$repository" --version "$version" --destination "$new" 2>/dev/null; then
      source=$(cd "$ROOT/hack/addons/charts" && go mod download -json "$module" | jq -er .Dir)
      # What is in the cache of modules can't be written.
      cp -r --no-preserve=mode "$source/$path" "$new/$name"
      complete "$new/$name" "$version" "$source"
      helm package --destination "$new" "$new/$name" >/dev/null
      rm -r "${new:?}/$name"
    fi
    [ -e "$new/$name-$version.tgz" ] || die "chart $name isn't $version, which crates/crd/src/addon_catalogue.yaml names"
  done
  mv "$new" "$folder"
}
[ -d "$folder" ] || step "Packing the charts of addons" pack >&2
echo "$folder"
