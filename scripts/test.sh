#!/usr/bin/env bash
# npm test: all suites on this machine. npm test -- unit | linux | cluster runs some of them; further words go to vitest.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. "$root/scripts/setup.sh"
need_machine
need_runtime_packages
need_packages openssl:openssl curl:curl python3:python3
command -v kubectl >/dev/null || need_packages kubectl:kubernetes-client
need_tools
need_build
exec "$node" --disable-warning=ExperimentalWarning "$root/scripts/test.ts" "$@"
