#!/usr/bin/env bash
# npm run check: types, format, lint, unit tests and house rules, in seconds.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. "$root/scripts/setup.sh"
need_tools
failed=0
step() {
  local name=$1
  shift
  if output=$("$@" 2>&1); then echo "check: $name ok"; else
    printf '%s\ncheck: %s FAILED\n' "$output" "$name"
    failed=1
  fi
}
step 'types (pure code, without Node)' tsc -p tsconfig.json
step 'types (all)' tsc -p tsconfig.io.json
step format biome format .
step lint oxlint --type-aware --tsconfig tsconfig.io.json --quiet src test scripts
step 'unit tests, simulation and house rules' vitest run --project unit --reporter=dot
exit $failed
