# What the chart makes of its values.

setup() {
  ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
}

# chart NAME=VALUE...: the objects
chart() {
  local sets=() value
  for value in "$@"; do sets+=(--set "$value"); done
  helm template k3eks "$ROOT/charts/k3eks" --kube-version 1.36 --set operator.network=k3d-mgmt "${sets[@]}"
}

@test "a registry that asks for credentials, its API and its operator have one key" {
  run chart registry.enabled=true api.auth=strict api.keysSecret=keys
  [ "$status" -eq 0 ]
  for argument in --key-file=/etc/k3eks/registry/key --registry-key-file=/etc/k3eks/registry/key --registry-auth=strict; do
    [ "$(grep -c -- "- $argument\$" <<<"$output")" -eq 1 ] || { echo "$argument"; false; }
  done
  [ "$(grep -c 'secretName: k3eks-registry$' <<<"$output")" -eq 2 ]
  # The operator makes it; the API has it as a file and needs no right to read it.
  [ "$(grep -c 'resourceNames: \[k3eks-identity, k3eks-registry\]' <<<"$output")" -eq 1 ]
}

@test "a registry that asks nobody has no key" {
  run chart registry.enabled=true
  [ "$status" -eq 0 ]
  ! grep -e registry-key -e key-file -e registry-auth -e 'secretName: k3eks-registry' <<<"$output"
}

@test "a registry that asks nobody isn't opened to everybody" {
  run chart registry.enabled=true registry.service.type=NodePort
  [ "$status" -ne 0 ]
  [[ $output == *"or api.auth=strict"* ]]
  run chart registry.enabled=true registry.service.type=NodePort api.auth=strict api.keysSecret=keys
  [ "$status" -eq 0 ]
}
