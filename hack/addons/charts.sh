#!/usr/bin/env bash
# Charts of the addons that the operator's image brings along, out of the Go modules of those who publish them: NAME-VERSION.tgz in a
# folder, keyed by content, whose path is printed.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/../lib.sh"

# NAME MODULE FOLDER-IN-MODULE
charts=("metrics-server sigs.k8s.io/metrics-server charts/metrics-server")

folder=$K3EKS_CACHE/charts-$(key hack/addons/charts hack/addons/charts.sh)
pack() {
  local new name module path source
  new=$(mktemp -d "$K3EKS_CACHE/charts-XXXXXX")
  for chart in "${charts[@]}"; do
    read -r name module path <<<"$chart"
    source=$(cd "$ROOT/hack/addons/charts" && go mod download -json "$module" | jq -er .Dir)
    helm package --destination "$new" "$source/$path" >/dev/null
    echo "chart $name"
  done
  mv "$new" "$folder"
}
[ -d "$folder" ] || step "Packing the charts of addons" pack >&2
echo "$folder"
