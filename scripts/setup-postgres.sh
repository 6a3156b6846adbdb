#!/usr/bin/env bash
# Makes sure that the tests find a PostgreSQL server to start. Installs Debian's if there is none and this user may; does nothing
# where RINGBACK_TEST_POSTGRES names a server.
set -euo pipefail

say() { printf 'set-up: %s\n' "$1"; }

have_server() {
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null
}

if [ -n "${RINGBACK_TEST_POSTGRES:-}" ] || have_server; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  say "installing PostgreSQL"
  # The server that the package would start is of no use here.
  mkdir -p /etc/postgresql-common
  echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf
  apt-get update -q && apt-get install -qy --no-install-recommends postgresql
fi
have_server || { say "PostgreSQL 15 or later is missing (on Debian: apt-get install postgresql), or name a server with RINGBACK_TEST_POSTGRES"; exit 1; }
