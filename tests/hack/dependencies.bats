# What hack/dependencies.sh finds in the dependencies of a workspace, with the real tools.

setup() {
  ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
  folder=$BATS_TEST_TMPDIR/workspace
  mkdir -p "$folder/src" "$folder/other/src"
  cp "$ROOT/deny.toml" "$folder"
  printf '[package]\nname = "one"\nversion = "0.1.0"\nedition = "2024"\nlicense = "Apache-2.0"\n[dependencies]\nother = {path = "other", version = "0.1.0"}\n' >"$folder/Cargo.toml"
  echo 'pub use other::answer;' >"$folder/src/lib.rs"
  manifest other MIT
  echo 'pub fn answer() {}' >"$folder/other/src/lib.rs"
}

# manifest NAME LICENCE: of the other package.
manifest() {
  printf '[package]\nname = "%s"\nversion = "0.1.0"\nedition = "2024"\nlicense = "%s"\n' "$1" "$2" >"$folder/other/Cargo.toml"
}

check() {
  (cd "$folder" && cargo generate-lockfile --offline --quiet)
  run "$ROOT/hack/dependencies.sh" "$folder"
}

@test "dependencies that are allowed and used are fine" {
  check
  [ "$status" = 0 ] || { echo "$output"; false; }
}

@test "a licence that nobody allowed is found" {
  manifest other GPL-3.0-only
  check
  [ "$status" != 0 ]
  [[ $output == *"GPL-3.0"* ]] || { echo "$output"; false; }
}

@test "a library that is given up is found" {
  manifest openssl-sys MIT
  sed -i 's/^other = .*/openssl-sys = {path = "other", version = "0.1.0"}/' "$folder/Cargo.toml"
  echo 'pub use openssl_sys::answer;' >"$folder/src/lib.rs"
  check
  [ "$status" != 0 ]
  [[ $output == *"openssl-sys"* ]] || { echo "$output"; false; }
}

@test "a dependency that nothing uses is found" {
  : >"$folder/src/lib.rs"
  echo 'pub fn unrelated() {}' >"$folder/src/lib.rs"
  check
  [ "$status" != 0 ]
  [[ $output == *"other"* ]] || { echo "$output"; false; }
}
