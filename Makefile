# The commands of this project; `make` alone lists them.
#
# Whatever the tests need beyond Rust, Python and Node they install themselves, into folders of this tree.

CARGO ?= cargo
# Further arguments of `make run`, as in: make run ARGS='--listen 127.0.0.1:4700'
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test lint format deps

help: ## List these commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-15s %s\n", $$1, $$2 }'

# The development build: it is there in a fraction of the time that the optimised one takes, and a first
# look does not need more. For real load, build with `cargo build --release`.
run: ## Build Ringback and start it, ready to receive (ARGS='…' adds arguments of `ringback serve`)
	$(CARGO) run --package ringback -- serve --dev $(ARGS)

test: ## Install what the tests need, run every suite, print one summary
	@$(CARGO) xtask test

lint: ## Check format, clippy, rustdoc and the rules of the house
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy --package ringback-webhook --all-features --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --package ringback-webhook --all-features --no-deps
	$(CARGO) xtask tidy

format: ## Lay out all Rust code as `make lint` wants it
	$(CARGO) fmt --all

deps: ## Check the dependencies' licences, sources and advisories (builds cargo-deny the first time)
	@scripts/check-deps.sh
