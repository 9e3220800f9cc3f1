# What hack/lib.sh gives Helm for an image, with the real chart.

setup() {
  ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
}

# operator IMAGE: the image that the chart then names
operator() {
  # shellcheck source=/dev/null
  (source "$ROOT/hack/lib.sh" && helm template k3eks "$ROOT/charts/k3eks" --kube-version 1.36 --set operator.network=k3d-mgmt \
    --set-string "$(image_values image "$1")") | sed -n 's/^ *image: //p' | head -1 | jq -r .
}

@test "a tag that looks like a number stays as it is" {
  for image in k3eks:640175290213 k3eks:0123 k3eks:12e456789012; do
    [ "$(operator $image)" = "$image" ] || { operator $image; false; }
  done
}

@test "a registry's port isn't taken for a tag" {
  [ "$(operator localhost:5000/team/k3eks:abc)" = "localhost:5000/team/k3eks:abc" ]
}
