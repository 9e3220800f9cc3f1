# The steps that hack/*.sh tell of: how they end, how far they say they are, and what runs beside them.

setup() {
  export K3EKS_CACHE=$BATS_TEST_TMPDIR/cache TMPDIR=$BATS_TEST_TMPDIR
}

# script LINE...: runs them in a shell of their own that has hack/lib.sh.
script() {
  run timeout "${LIMIT:-30}" bash -c "source '$BATS_TEST_DIRNAME/../../hack/lib.sh'
$1"
}

@test "a step says what it does and how long it took, and keeps its output to itself" {
  script 'step "Doing it" echo words'
  [ "$status" = 0 ]
  [[ $output =~ ^Doing\ it\ \.\.\.\ +[0-9]+\ s$ ]]
}

@test "a step ends at its first error and shows what it said" {
  script 'work() { echo before; false; echo after; }; step "Doing it" work; echo went on'
  [ "$status" = 1 ]
  [[ $output == *"failed after"*before*"Doing it failed"* ]]
  [[ $output != *after$'\n'* && $output != *"went on"* ]]
}

@test "what runs meanwhile is joined with its own ending" {
  script 'meanwhile "Beside" sh -c "echo beside; exit 3"; step "First" true; joined; echo went on'
  [ "$status" = 1 ]
  [[ $output == *"First ..."*"Beside ..."*"failed after"*beside*"Beside failed"* ]]
  [[ $output != *"went on"* ]]
  script 'meanwhile "Beside" sleep 0.2; joined; echo went on'
  [ "$status" = 0 ]
  [[ $output == *"Beside ..."*"went on" ]]
}

@test "what runs meanwhile ends with the script, its children too" {
  script 'meanwhile "Beside" sh -c "sleep 29.371 & sleep 29.372"; step "First" false'
  [ "$status" = 1 ]
  for _ in $(seq 50); do
    pgrep -f 'sleep 29\.37[12]' >/dev/null || return 0
    sleep 0.1
  done
  false
}

@test "a job that was killed is no success" {
  script 'meanwhile "Beside" sleep 20; kill -9 -- -"$meanwhile_pid"; joined'
  [ "$status" = 1 ]
  [[ $output == *"ended from outside"* ]]
}

@test "how far a build is comes from its own output" {
  printf 'go: downloading x\n900 packages\nfmt\nos\nio\n' >"$BATS_TEST_TMPDIR/go"
  printf '   Compiling a\n\r Building [=>  ] 21/410: serde, syn\r Building [==> ] 210/410: tokio(build)' >"$BATS_TEST_TMPDIR/cargo"
  echo 'nothing of the kind' >"$BATS_TEST_TMPDIR/other"
  script 'how_far "$TMPDIR/go"; how_far "$TMPDIR/cargo"; how_far "$TMPDIR/other"'
  [ "${lines[0]}" = "3 of 900 packages" ]
  [ "${lines[1]}" = "210 of 410 crates" ]
  [ "${#lines[@]}" = 2 ]
}

@test "what a script does at its end is done once, and not by what tells of its steps" {
  LIMIT=120 script 'trap "echo ended >>$TMPDIR/endings" EXIT; for _ in {1..300}; do step "Quick" true; done'
  [ "$status" = 0 ]
  [ "$(wc -l <"$BATS_TEST_TMPDIR/endings")" = 1 ]
}
