#!/usr/bin/env bash
# Fetches what the page has of others, from npm, in exactly these versions. `--check` only compares.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/lib.sh"

page=$ROOT/crates/console/src/page/vendor
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mode=${1:-}

vendored() { # PACKAGE VERSION SHA256 FILE NAME WORDS
  (cd "$folder" && npm pack --silent "$1@$2" >/dev/null)
  echo "$3  $folder/$1-$2.tgz" | sha256sum --check --quiet
  rm -rf "$folder/package"
  tar -xzf "$folder/$1-$2.tgz" -C "$folder"
  {
    echo "/* Third party, unchanged: $4 of $1 $2 $6. Fetched by hack/vendor.sh. */"
    # Its own heading has an address, and the page has none of elsewhere.
    sed '1{/^\/\*\*$/!b;:more;N;/\*\/$/!b more;d}' "$folder/package/$4"
    echo
  } >"$folder/$5"
  if [[ $mode == --check ]]; then
    diff "$folder/$5" "$page/$5"
  else
    cp "$folder/$5" "$page/$5"
  fi
}

vendored htm 3.1.1 2425b9bee11409177bcabc7f32e319926fc6690c1701c0b257c88bdff2d5ba90 preact/standalone.umd.js preact.js \
  "(Copyright 2018 Google, Apache-2.0), which has Preact in it
   (Copyright (c) 2015-present Jason Miller, MIT)"
# Browsers' own has to be waited for, and over plain HTTP there is none.
vendored js-sha256 1.0.0 3a66e57c670fbb6a56861add7db278c13e0b7278f7d345de3566399e070d70c2 build/sha256.min.js sha256.js \
  "(Copyright Chen, Yi-Cyuan 2014-2026, MIT)"
