#!/usr/bin/env bash
# Fetches what the page has of others: htm with the Preact inside it, from npm, in exactly this version. `--check` only compares.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/lib.sh"

VERSION=3.1.1
SHA256=2425b9bee11409177bcabc7f32e319926fc6690c1701c0b257c88bdff2d5ba90
file=$ROOT/crates/console/src/page/vendor/preact.js
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

(cd "$folder" && npm pack --silent "htm@$VERSION" >/dev/null)
echo "$SHA256  $folder/htm-$VERSION.tgz" | sha256sum --check --quiet
tar -xzf "$folder/htm-$VERSION.tgz" -C "$folder"
{
  echo "/* Third party, unchanged: preact/standalone.umd.js of htm $VERSION (Copyright 2018 Google, Apache-2.0), which has Preact in it"
  echo "   (Copyright (c) 2015-present Jason Miller, MIT). Fetched by hack/vendor.sh. */"
  cat "$folder/package/preact/standalone.umd.js"
  echo
} >"$folder/preact.js"
if [[ ${1:-} == --check ]]; then
  diff "$folder/preact.js" "$file"
else
  cp "$folder/preact.js" "$file"
fi
