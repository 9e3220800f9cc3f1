# The types of the page's scripts, with the real compiler.

setup() {
  ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
  PAGE=$BATS_TEST_TMPDIR/page
  cp -r "$ROOT/crates/console/src/page" "$PAGE"
}

@test "the page's own scripts pass" {
  run "$ROOT/hack/page-types.sh" "$PAGE"
  [ "$status" = 0 ]
}

@test "a member that a cluster doesn't have is found" {
  echo 'const first = [...clusters.values()][0].nmae;' >>"$PAGE/cluster/nodes.js"
  run "$ROOT/hack/page-types.sh" "$PAGE"
  [ "$status" != 0 ]
  [[ $output == *"nodes.js"*"'nmae' does not exist on type 'Cluster'"* ]]
}

@test "what may be missing isn't used as if it were there" {
  echo 'const letters = [...clusters.values()][0].endpoint.length;' >>"$PAGE/cluster/nodes.js"
  run "$ROOT/hack/page-types.sh" "$PAGE"
  [ "$status" != 0 ]
  [[ $output == *"nodes.js"*"possibly 'null'"* ]]
}
