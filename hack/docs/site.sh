#!/usr/bin/env bash
# site.sh: builds the documents as a site in .k3eks/docs, with mdBook, which it installs into the cache.
# shellcheck source=hack/lib.sh
source "$(dirname "$0")/../lib.sh"

release=0.5.4
cd "$ROOT"
hack/docs/check.py

install() {
  cargo install mdbook --version "$release" --locked --no-default-features --features search --root "$K3EKS_CACHE"
}
[ "$(mdbook --version 2>/dev/null)" = "mdbook v$release" ] || step "Building mdBook $release" install

# Documents of the repository's own folder become pages too, and links to them follow.
stage=$K3EKS_CACHE/site
rm -rf "$stage" && mkdir -p "$stage"
cp -r book.toml docs "$stage"
cp CONTRIBUTING.md "$stage/docs/contributing.md"
cp SECURITY.md "$stage/docs/reporting.md"
cp CHANGELOG.md "$stage/docs/changelog.md"
sed -i -E -e 's#\]\(docs/#](#g' -e 's#\]\(CHANGELOG\.md#](changelog.md#g' -e 's#\[(license)\]\(LICENSE\)#\1#g' "$stage"/docs/{contributing,reporting,changelog}.md
grep -rl '\.\./CHANGELOG\.md' "$stage/docs" | xargs -r sed -i 's#\.\./\.\./CHANGELOG\.md#../changelog.md#g'
mdbook build --dest-dir "$ROOT/.k3eks/docs" "$stage"
echo "The site is in .k3eks/docs: open .k3eks/docs/index.html"
