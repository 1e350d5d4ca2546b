# Every target does its own set-up and says what is missing. `make` alone prints this help.
SHELL := /bin/bash
.DEFAULT_GOAL := help
ARGS ?=
ARCH ?=
ONLY ?=

.PHONY: help demo test test-client test-browser test-deploy pictures bench lint docs package deploy build venv clean

help: ## Print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: venv build ## A release on this machine: one URL to look at and click (ARGS=--approve or --reject clicks by itself)
	@scripts/demo.sh $(ARGS)

test: venv build ## All tests; the stories run the real stack in the local world
	@scripts/test.sh $(ARGS)

test-client: venv build ## A real registry client (skopeo, installed where that is allowed) pushes images, and that alone starts a release
	@scripts/test-client.sh $(ARGS)

bench: venv ## Figures of what ships, beside Python and Node, into target/bench/figures.md (release build; needs Node)
	@scripts/bench.sh

test-browser: venv build ## The page of the real demo, driven in headless Chromium (needs Node 20)
	@scripts/test-browser.sh $(ARGS)

pictures: venv build ## Takes the README's pictures of the page anew, into docs/pictures
	@scripts/browser.sh tests/browser/pictures.mjs

test-deploy: venv build ## `make deploy` with the real SAM CLI into the local AWS, and a release through what it put there
	@scripts/test-deploy.sh $(ARGS)

package: ## The functions' archives for Lambda (ARCH=x86_64 or ARCH=arm64 chooses; ONLY=read-decision tries one)
	@scripts/package.sh $(if $(ONLY),--only $(ONLY)) $(ARCH)

deploy: package ## The stack into your account (ARGS="--config my/gantry.toml"; ARGS=--help tells all options)
	@scripts/deploy.sh $(ARGS)

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
