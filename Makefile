# Everything a user or a developer runs. `make` alone lists the commands.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export K3EKS_CACHE ?= $(HOME)/.cache/k3eks
export SAMPLE ?= yes
export CARGO_TARGET_DIR ?= $(K3EKS_CACHE)/target

export PATH := $(K3EKS_CACHE)/bin:$(PATH)

.PHONY: help up down setup clean test lint unit e2e chaos bench docs generate check-generated aws-models advisories \
	release-binary release-charts release-image release-index release-sbom release-notes release-checksums release-publish

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

up: ## Set up what is missing, then make the sample cluster from YAML; SAMPLE=no leaves that out
	hack/up.sh

down: ## Remove what `make up` made
	hack/down.sh

setup: ## Install what is missing: Docker, k3d, helm, kubectl, node images
	hack/setup.sh test

clean: down ## `make down`, and remove the caches
	rm -rf "$(K3EKS_CACHE)"

test: setup lint unit check-generated e2e ## Set up what is missing and pass everything

lint: ## Formatting, lints, dependencies, and the types of the page's scripts
	cargo fmt --check
	cargo clippy --quiet --all-targets -- -D warnings
	# Those that `cargo test` leaves out because they need a management cluster.
	cargo clippy --quiet --test '*' -- -D warnings
	helm lint --quiet charts/k3eks-crd charts/k3eks
	shellcheck hack/*.sh hack/addons/*.sh hack/docs/*.sh hack/node-image/build.sh
	hack/docs/check.py
	hack/cycles.py
	actionlint
	hack/page-types.sh
	hack/dependencies.sh

advisories: ## Known vulnerabilities of dependencies, by a database on GitHub
	hack/dependencies.sh . advisories

unit: ## Tests that need no management cluster; those of the provider use Docker
	bats tests/hack
	cargo test --quiet

e2e: ## Tests of the whole, with management clusters of their own
	hack/e2e.sh

chaos: setup ## Faults at random moments, for at most 15 minutes; K3EKS_CHAOS_SEED repeats a run
	hack/chaos.sh

bench: setup ## Speed and memory, as ratios to bare k3d in the same run
	hack/bench.sh

docs: ## Build the documents as a site in .k3eks/docs
	hack/docs/site.sh

generate: ## Write the custom resource definitions, the reference and the kustomize base from the code
	hack/generate.sh .

check-generated: ## Fail where generated files differ from what the code says
	rm -rf "$(K3EKS_CACHE)/drift" && hack/generate.sh "$(K3EKS_CACHE)/drift"
	diff -ru crds "$(K3EKS_CACHE)/drift/crds"
	diff -ru charts/k3eks-crd/files "$(K3EKS_CACHE)/drift/charts/k3eks-crd/files"
	for file in docs/reference/yaml.md docs/reference/eks-api.md docs/reference/kubernetes-versions.md config/operator/operator.yaml; do diff -u "$$file" "$(K3EKS_CACHE)/drift/$$file"; done

aws-models: ## Write the models of AWS's services anew from their published form
	hack/aws-models/generate.py

# The operator's image in a registry, which is where a released chart says that it is.
IMAGE ?=

release-binary: ## The program for Linux on this architecture, linked statically, into dist/
	hack/release.sh binary

release-charts: ## Both charts as files in dist/, naming the image in IMAGE, by its digest after release-index
	hack/release.sh charts "$(IMAGE)"

release-image: ## The operator's image for this architecture, as IMAGE:VERSION-ARCHITECTURE
	hack/tools.sh
	hack/release.sh image "$(IMAGE)"

release-index: ## One image for all architectures out of those in the registry of IMAGE, and its digest into dist/
	hack/release.sh index "$(IMAGE)"

release-sbom: ## What the program is made of, in CycloneDX, into dist/
	hack/release.sh sbom

release-notes: ## What the changelog says of this version, into dist/
	hack/release.sh notes

release-checksums: ## Checksums of what is in dist/
	hack/release.sh checksums

release-publish: ## The charts in dist/, to the registry of IMAGE
	hack/release.sh publish "$(IMAGE)"
