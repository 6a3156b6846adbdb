#!/usr/bin/env bash
# Holds the dependencies against deny.toml: licences, bans and sources always; advisories where the
# advisory database can be fetched, and a clear word where it cannot.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo deny --version >/dev/null 2>&1; then
  echo "deps: building cargo-deny (some minutes, once)"
  cargo install --locked cargo-deny --version '^0.20'
fi

cargo deny check --hide-inclusion-graph licenses bans sources

if cargo deny fetch db; then
  # What was just fetched is what is read.
  cargo deny --offline check --hide-inclusion-graph advisories
else
  echo "deps: the advisory database could not be fetched: ADVISORIES WERE NOT CHECKED" >&2
fi
