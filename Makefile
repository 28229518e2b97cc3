# Martlet. `make demo` shows the whole loop; `make test` runs every test. Both install what they need.

DATA ?= demo-data
SEED ?= 3
KEEP ?=
CONFIG ?= config/shoulder.yaml
BUILD_FLAGS ?=
RELEASE = .build/release

.PHONY: help demo test build debug agent format lint clean dependencies

help:  ## What can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

dependencies:  ## Install the Debian packages that are missing (as root), or say which
	@scripts/dependencies build

build: dependencies  ## Build everything in release
	@scripts/build release

debug: dependencies  ## Build everything in debug
	swift build $(BUILD_FLAGS)

demo: dependencies  ## Build, then watch a fleet learn (KEEP=1 leaves it running; SEED=n; CONFIG=file; DATA=folder)
	@start=$$(date +%s); scripts/build release && seconds=$$(( $$(date +%s) - start )) && \
	$(RELEASE)/martlet-demo --config $(CONFIG) --data $(DATA) --seed $(SEED) --build-seconds $$seconds $(if $(KEEP),--keep)

test:  ## Run all tests
	@scripts/test

agent:  ## Build the device's agent alone: static, stripped
	@scripts/build agent

format:  ## Format the sources
	swift format -i -r -p Sources Tests Benchmarks firmware-sim Package.swift

lint:  ## Check the format
	swift format lint -s -r -p Sources Tests Benchmarks firmware-sim Package.swift

clean:  ## Remove what was built
	rm -rf .build .build-* $(DATA)
