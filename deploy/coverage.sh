#!/usr/bin/env bash
# Branch coverage of what decides about licenses, by the tests beside it; under 100 % is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
export COVERAGE_FILE=$data/coverage
.venv/bin/coverage run --branch --source license_token,serverkit/audit,sentari/licensing,sentari/web \
  -m pytest -q -n 0 -p no:cacheprovider \
  tests/license_token/test_{armor,certificate,encoding,errors,jws,keys,license_key,reply,request,terms,vectors}.py \
  tests/serverkit/test_audit_chain.py tests/sentari/licensing/test_state.py \
  tests/sentari/web/test_gate.py tests/sentari/web/test_license_warnings.py
.venv/bin/coverage report --show-missing --fail-under 100 \
  --include 'license_token/*,serverkit/audit/chain.py,sentari/licensing/state.py,sentari/web/gate.py'
