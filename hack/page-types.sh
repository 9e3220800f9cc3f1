#!/usr/bin/env bash
# page-types.sh [FOLDER]: checks the types of the page's scripts, which say them in comments; nothing is made of them.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/lib.sh"

packages=$(node_with hack/page-types TypeScript)
exec "$packages/node_modules/.bin/tsc" -p "${1:-$ROOT/crates/console/src/page}"
