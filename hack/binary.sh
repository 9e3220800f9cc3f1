#!/usr/bin/env bash
# The program k3eks, in the cache's bin beside k3d and helm, where people find it. Prints its path. K3EKS_PROFILE names the
# profile of cargo's that it is built with (quick).
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/lib.sh"

cd "$ROOT"
profile=${K3EKS_PROFILE:-quick}
# For the tests, as they are built: nothing is compiled twice.
build=(-p k3eks --profile "$profile")
[ "$profile" != dev ] || build=(--bins --tests)
# With cargo's own count of how far it is, also where that goes to a file.
CARGO_TERM_PROGRESS_WHEN=always CARGO_TERM_PROGRESS_WIDTH=100 cargo build "${build[@]}" >&2
binary=$K3EKS_BIN_DIR/k3eks
strip -o "$binary.new" "$CARGO_TARGET_DIR/${profile/#dev/debug}/k3eks"
mv "$binary.new" "$binary"
echo "$binary"
