#!/usr/bin/env bash
# npm run build: dist/ from the sources, if they are newer.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/scripts/setup.sh"
need_npm run
need_node
need_build
