# Where k3d, helm and kubectl come from, and what is told at once where something can't be had.

setup() {
  export K3EKS_CACHE=$BATS_TEST_TMPDIR/cache TMPDIR=$BATS_TEST_TMPDIR
  fakes=$BATS_TEST_TMPDIR/fakes
  mkdir "$fakes"
  # What the scripts need of any machine, and nothing that this one has beside it.
  local program
  for program in awk basename bash cat cp cut df dirname find grep gzip head install ln mkdir mktemp mv rm sed sh sha256sum sleep sort tail tar timeout tr uname xargs; do
    ln -s "$(command -v "$program")" "$fakes/$program"
  done
}

# program NAME LINE: one that is on the PATH.
program() {
  printf '#!/bin/bash\n%s\n' "$2" >"$fakes/$1"
  chmod +x "$fakes/$1"
}

script() {
  run env PATH="$fakes" timeout 60 bash -c "source '$BATS_TEST_DIRNAME/../../hack/tools.sh'
$1"
}

# release FILE-IN-URL...: a curl that has these files and nothing else.
internet() {
  program curl 'while [ $# -gt 1 ]; do [ "$1" != -o ] || to=$2; shift; done; [ -e "'"$BATS_TEST_TMPDIR/internet/"'${1##*/}" ] && cp "'"$BATS_TEST_TMPDIR/internet/"'${1##*/}" "$to"'
  mkdir -p "$BATS_TEST_TMPDIR/internet"
  cd "$BATS_TEST_TMPDIR/internet" || return
}

@test "a tool of the PATH is taken where it is new enough" {
  program k3d 'echo "k3d version v5.10.1"'
  program helm 'echo "v3.9.4+gdbc6d8e"'
  script missing_tools
  [ "$status" = 0 ] || { echo "$output"; false; }
  [ "$output" = $'helm\nkubectl' ]
}

@test "a tool that was installed here is taken only as the release that is wanted" {
  program k3d 'echo "k3d version v5.10.1"'
  mkdir -p "$K3EKS_CACHE/bin"
  mv "$fakes/k3d" "$K3EKS_CACHE/bin/"
  script 'have_tool k3d || echo another; TOOL_RELEASE[k3d]=5.10.1; have_tool k3d && echo the same'
  [ "$output" = $'another\nthe same' ]
}

@test "releases are downloaded, checked and installed" {
  internet
  printf '#!/bin/sh\necho k3d version v5.9.0\n' >k3d-linux-amd64
  cp k3d-linux-amd64 k3d-linux-arm64
  printf 'aaaa  _dist/k3d-darwin-amd64\n%s  _dist/k3d-linux-amd64\n%s  _dist/k3d-linux-arm64\n' "$(sha256sum <k3d-linux-amd64 | cut -d' ' -f1)" "$(sha256sum <k3d-linux-arm64 | cut -d' ' -f1)" >checksums.txt
  mkdir linux
  printf '#!/bin/sh\necho v3.18.0+g1\n' >linux/helm
  chmod +x linux/helm
  for arch in amd64 arm64; do
    tar -czf "helm-v3.18.0-linux-$arch.tar.gz" linux
    sha256sum "helm-v3.18.0-linux-$arch.tar.gz" >"helm-v3.18.0-linux-$arch.tar.gz.sha256sum"
  done
  script 'printf "#!/bin/sh\necho Client Version: v%s\n" "${TOOL_RELEASE[kubectl]}" >kubectl; sha256sum <kubectl | cut -d" " -f1 | tr -d "\n" >kubectl.sha256; have_tools; missing_tools; k3d version; helm version --short'
  [ "$status" = 0 ] || { echo "$output"; false; }
  [[ $output == *"Downloading k3d 5.9.0"*"Downloading helm 3.18.0"*"Downloading kubectl"*"k3d version v5.9.0"*"v3.18.0+g1" ]]
  [[ $output != *Building* ]]
}

@test "a release that isn't what its checksum says is not used" {
  internet
  for arch in amd64 arm64; do
    echo '#!/bin/sh' >"k3d-linux-$arch"
    echo "$(echo other | sha256sum | cut -d' ' -f1)  _dist/k3d-linux-$arch" >>checksums.txt
  done
  script 'download k3d'
  [ "$status" != 0 ]
  [[ $output == *"isn't what"*"isn't used"* ]]
  [ ! -e "$K3EKS_CACHE/bin/k3d" ]
}

@test "a checksum that nobody gives is no checksum" {
  internet
  for arch in amd64 arm64; do echo '#!/bin/sh' >"k3d-linux-$arch"; done
  echo 'aaaa  _dist/k3d-darwin-amd64' >checksums.txt
  script 'download k3d'
  [ "$status" != 0 ]
  [ ! -e "$K3EKS_CACHE/bin/k3d" ]
}

# A machine where nothing of what is needed is there, and whose user isn't root.
bare_machine() {
  program curl 'exit 6'
  program docker 'exit 1'
  program id 'echo 1000'
}

@test "what can't be installed is told at once, all of it, before anything is begun" {
  bare_machine
  program cargo 'echo cargo 1.70.0'
  run env PATH="$fakes" timeout 20 "$BATS_TEST_DIRNAME/../../hack/setup.sh" up
  [ "$status" = 1 ]
  [[ $output == *"Rust is 1.70.0, and too old"*rustup.rs* ]]
  [[ $output == *"Go is missing: install Go 1.21 or newer"* ]]
  [[ $output == *"isn't Debian or Ubuntu"*jq*debootstrap* ]]
  [[ $output == *"Docker doesn't answer"* ]]
  [[ $output != *" ... "* ]]
}

@test "what the package manager has is not asked of a person" {
  bare_machine
  program apt-get 'exit 1'
  program apt-cache 'echo "  Candidate: 2:1.99.1-1"'
  run env PATH="$fakes" timeout 20 "$BATS_TEST_DIRNAME/../../hack/setup.sh" up
  [ "$status" = 1 ]
  [[ $output == *"sudo apt-get install"*rustup*golang-go* ]]
  [[ $output != *"Go is"* && $output != *"Rust is"* ]]
}

@test "with a registry, and an operator's image out of it, neither Rust nor Go is asked for" {
  bare_machine
  program curl 'exit 0'
  K3EKS_IMAGE=somewhere/k3eks:1 run env PATH="$fakes" timeout 20 "$BATS_TEST_DIRNAME/../../hack/setup.sh" up
  [ "$status" = 1 ]
  [[ $output == *"Docker doesn't answer"* && $output != *"Go is"* && $output != *"Rust is"* ]]
}
