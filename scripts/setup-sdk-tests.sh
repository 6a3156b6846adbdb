#!/usr/bin/env bash
# Installs what tests/sdk/ needs into tests/sdk/ itself, and nothing when it is there already.
#
#   tests/sdk/.venv               a Python environment with requirements.txt
#   tests/sdk/node/node_modules   what package-lock.json names, with a Node new enough for the SDK
#
# Each holds a copy of the list that it was installed from, written last: a list that changed, or an
# installation that was interrupted, is done again from the start.
set -euo pipefail
cd "$(dirname "$0")/../tests/sdk"

say() { printf 'set-up: %s\n' "$1"; }

need() {
  command -v "$1" >/dev/null && return
  say "$1 is missing: install it (on Debian: apt-get install $2), then run this again"
  exit 1
}

# Debian packs the module that makes environments apart from Python itself.
have_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null; }

install_venv_module() {
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing python3-venv"
    apt-get update -q && apt-get install -qy --no-install-recommends python3-venv
  fi
  have_venv || { say "Python's venv module is missing (on Debian: apt-get install python3-venv)"; exit 1; }
}

setup_python() {
  local stamp=.venv/installed-from.txt
  if cmp -s requirements.txt "$stamp" && .venv/bin/python -c '' 2>/dev/null; then return; fi
  need python3 python3
  have_venv || install_venv_module
  say "Python packages into tests/sdk/.venv"
  rm -rf .venv
  python3 -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
  cp requirements.txt "$stamp"
}

setup_node() {
  local stamp=node_modules/installed-from.json
  if cmp -s package-lock.json "$stamp"; then return; fi
  need npm "nodejs npm"
  say "Node packages into tests/sdk/node/node_modules"
  # The SDK asks for Node 22; npm itself may run on an older one, and need not say so.
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  cp package-lock.json "$stamp"
}

setup_python
cd node
setup_node
