#!/usr/bin/env bash
# Builds the programs of tests/clients/sdk into the cache and prints the folder: one for each SDK, one for a pod, and
# aws-iam-authenticator.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/lib.sh"

sources=$ROOT/tests/clients/sdk
folder=$K3EKS_CACHE/sdks-$(key tests/clients/sdk hack/sdks.sh)

packages() {
  local missing=() entry
  for entry in node:nodejs npm:npm javac:default-jdk-headless mvn:maven; do
    command -v "${entry%%:*}" >/dev/null || missing+=("${entry##*:}")
  done
  ((${#missing[@]} == 0)) ||
    step "Installing ${missing[*]}" sh -c "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${missing[*]}"
}

program() { # NAME LINE: the program that runs it
  printf '#!/bin/sh\nexec %s "$@"\n' "$2" >"$folder/$1"
  chmod +x "$folder/$1"
}

go_sdk() {
  (cd "$sources/go" && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$folder/go" .)
}

pod_programs() {
  cd "$sources/pod"
  CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$folder/whoami" .
  CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$folder/aws-iam-authenticator" sigs.k8s.io/aws-iam-authenticator/cmd/aws-iam-authenticator
}

javascript_sdk() {
  cp -r "$sources/javascript" "$folder/javascript.d"
  (cd "$folder/javascript.d" && npm ci --ignore-scripts --no-audit --no-fund)
  program javascript "node $folder/javascript.d/life.js"
}

java_sdk() {
  cp -r "$sources/java" "$folder/java.d"
  (cd "$folder/java.d" && mvn -B -q compile dependency:copy-dependencies -DincludeScope=runtime)
  program java "java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp $folder/java.d/target/classes:$folder/java.d/target/dependency/* Life"
}

rust_sdk() {
  CARGO_TARGET_DIR=$K3EKS_CACHE/sdk-target cargo build --locked --manifest-path "$sources/rust/Cargo.toml"
  cp "$K3EKS_CACHE/sdk-target/debug/sdk-life" "$folder/rust"
}

if [ ! -e "$folder/complete" ]; then
  rm -rf "$folder"
  mkdir -p "$folder"
  packages >&2
  step "Building the SDK client in Go" go_sdk >&2
  step "Building a program for pods and aws-iam-authenticator" pod_programs >&2
  step "Building the SDK client in JavaScript" javascript_sdk >&2
  step "Building the SDK client in Java" java_sdk >&2
  step "Building the SDK client in Rust" rust_sdk >&2
  touch "$folder/complete"
fi
echo "$folder"
