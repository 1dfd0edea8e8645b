#!/usr/bin/env bash
# The checks that read the code and run none of it.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
$bin/ruff format --check --quiet .
$bin/ruff check --quiet .
$bin/mypy
$bin/hadolint Dockerfile
# Ruff's rules (S) are bandit's of some years ago, each exemption with its reason beside it. What bandit
# has found out since is asked here; B108 is the memory directory, which ruff's exemption explains.
$bin/bandit --quiet --recursive --severity-level medium --confidence-level medium --skip B108 \
  license_token serverkit sentari license_server tools app.py gunicorn.conf.py
