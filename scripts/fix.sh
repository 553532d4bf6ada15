#!/usr/bin/env bash
# npm run fix: formats, and repairs what the linter can.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. "$root/scripts/setup.sh"
need_npm dev
need_node
PATH=$(dirname "$node"):$root/node_modules/.bin:$PATH
oxlint --type-aware --tsconfig tsconfig.io.json --fix --quiet src test scripts || true
biome format --write .
