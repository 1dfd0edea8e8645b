#!/usr/bin/env bash
# What `make test` runs once the libraries are there: the checks, then every test in parallel.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
# Every server that a test starts would compile all modules again.
unset PYTHONDONTWRITEBYTECODE

if ! command -v chromium >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing chromium for the browser tests ..."
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; } >/dev/null 2>&1 ||
      echo "chromium could not be installed: the browser tests are skipped."
  else
    echo "chromium is not here and cannot be installed without root: the browser tests are skipped."
  fi
fi

echo "Checking format, rules, types and the Dockerfile ..."
$bin/ruff format --check --quiet .
$bin/ruff check --quiet .
$bin/mypy
$bin/hadolint Dockerfile

echo "Testing ..."
exec $bin/python -m pytest -n "${TEST_WORKERS:-2}" --dist loadgroup -q "$@"
