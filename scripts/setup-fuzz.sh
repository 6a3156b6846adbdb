#!/usr/bin/env bash
# Installs what fuzz/ needs beside Rust: a C++ compiler, because libFuzzer is written in C++.
set -euo pipefail

if command -v c++ >/dev/null || command -v g++ >/dev/null; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  printf 'set-up: installing g++\n'
  apt-get update -q && apt-get install -qy --no-install-recommends g++
else
  printf 'set-up: a C++ compiler is missing (on Debian: apt-get install g++)\n'
  exit 1
fi
