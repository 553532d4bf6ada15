#!/usr/bin/env bash
# npm run bench -- NAME: medians of repeated runs on this machine. Without a name: what there is.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. "$root/scripts/setup.sh"
name=${1:-}
if [ -z "$name" ] || [ ! -f "$root/scripts/bench/$name.ts" ]; then
  printf 'usage: npm run bench -- NAME; NAME is one of: %s\n' "$(cd "$root/scripts/bench" && ls | sed 's/\.ts$//' | tr '\n' ' ')" >&2
  exit 2
fi
need_machine
need_runtime_packages
need_tools
need_build
shift
exec "$node" --disable-warning=ExperimentalWarning "$root/scripts/bench/$name.ts" "$@"
