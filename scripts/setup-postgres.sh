#!/usr/bin/env bash
# Makes sure that the tests find a PostgreSQL server and a PgBouncer to start. Installs Debian's if there is none and this user may; asks
# for no server where RINGBACK_TEST_POSTGRES names one.
set -euo pipefail

say() { printf 'set-up: %s\n' "$1"; }

have_server() {
  [ -n "${RINGBACK_TEST_POSTGRES:-}" ] || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null
}

have_pooler() {
  PATH="$PATH:/usr/sbin" command -v pgbouncer >/dev/null
}

if have_server && have_pooler; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  say "installing what PostgreSQL's tests need"
  # The server that the package would start is of no use here.
  mkdir -p /etc/postgresql-common
  echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf
  packages=()
  have_server || packages+=(postgresql)
  have_pooler || packages+=(pgbouncer)
  apt-get update -q && apt-get install -qy --no-install-recommends "${packages[@]}"
fi
have_server || { say "PostgreSQL 15 or later is missing (on Debian: apt-get install postgresql), or name a server with RINGBACK_TEST_POSTGRES"; exit 1; }
have_pooler || { say "PgBouncer is missing (on Debian: apt-get install pgbouncer)"; exit 1; }
