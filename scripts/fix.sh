#!/usr/bin/env bash
# npm run fix: formats, and repairs what the linter can.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. "$root/scripts/setup.sh"
need_tools
oxlint --type-aware --tsconfig tsconfig.io.json --fix --quiet src test scripts || true
biome format --write .
