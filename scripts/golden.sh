#!/usr/bin/env bash
# npm run golden: rewrites the golden texts from what the code says now; read the diff before committing it.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. "$root/scripts/setup.sh"
need_tools
vitest run --project unit --update
