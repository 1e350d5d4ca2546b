# Every target does its own set-up and says what is missing. `make` alone prints this help.
SHELL := /bin/bash
.DEFAULT_GOAL := help
ARGS ?=

.PHONY: help demo test test-client bench lint docs build venv clean

help: ## Print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: venv build ## A release on this machine: one URL to look at and click (ARGS=--approve or --reject clicks by itself)
	@scripts/demo.sh $(ARGS)

test: venv build ## All tests; the stories run the real stack in the local world
	@scripts/test.sh $(ARGS)

test-client: venv build ## A real registry client (skopeo, installed where that is allowed) pushes images, and that alone starts a release
	@scripts/test-client.sh $(ARGS)

bench: venv ## Figures of what ships, beside Python and Node, into target/bench/figures.md (release build; needs Node)
	@scripts/bench.sh

lint: ## Format, clippy, dependencies, template and state machines (this one needs Node)
	@scripts/lint.sh

docs: ## The API documentation of all crates, without a warning
	@scripts/docs.sh

build: ## The functions and the local world
	@scripts/build.sh

venv: ## The Python environment with the local AWS
	@scripts/venv.sh local .venv

clean: ## Remove everything that was built or installed here
	rm -rf target .venv .cache
