#!/usr/bin/env bash
# What `make test` runs once the libraries are there: the checks, then every test in parallel.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
# Every server that a test starts would compile all modules again.
unset PYTHONDONTWRITEBYTECODE

# Debian's chromium for the browser tests, squid for the proxies' tests, nginx for the terminator's.
for package in chromium squid-openssl nginx-light; do
  program=${package%-openssl}
  program=${program%-light}
  if command -v "$program" >/dev/null || [ -x "/usr/sbin/$program" ]; then continue; fi
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing $program ..."
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package"; } \
      >/dev/null 2>&1 || echo "$program could not be installed: its tests are skipped."
  else
    echo "$program is not here and cannot be installed without root: its tests are skipped."
  fi
done

# The validator of the pages' HTML.
if [ ! tests/html/node_modules/.package-lock.json -nt tests/html/package-lock.json ]; then
  { command -v npm >/dev/null && npm ci --prefix tests/html --ignore-scripts --no-audit --no-fund; } \
    >/dev/null 2>&1 || echo "html-validate could not be installed with npm: its test is skipped."
fi

echo "Checking format, rules, types, security and the Dockerfile ..."
deploy/check.sh

echo "Testing ..."
# Three on two cores: tests wait for a third of their time.
exec $bin/python -m pytest -n "${TEST_WORKERS:-3}" --dist loadgroup -q "$@"
