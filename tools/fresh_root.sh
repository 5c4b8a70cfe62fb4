#!/usr/bin/env bash
# A user's machine: a bare Debian 12 with its own old cmake and compiler, in a folder. Runs the README's commands there.
#
#   tools/fresh_root.sh           ./dev setup, then configuring
#   tools/fresh_root.sh --full    ./dev demo and ./dev test as well
#
# Needs root and mmdebstrap; takes packages from the mirror this machine uses. The folder is removed at the end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[[ $EUID -eq 0 ]] || { echo "fresh: a root file system can only be made by root" >&2; exit 1; }
mirror=$(awk '$1 == "URIs:" {print $2; exit}' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
[[ -n $mirror ]] || mirror=$(sed -nE 's/^deb( +\[[^]]*\])? +([^ ]+).*/\2/p' /etc/apt/sources.list | head -n 1)
[[ -n $mirror ]] || { echo "fresh: no Debian mirror is named in /etc/apt" >&2; exit 1; }

root=$(mktemp -d)
finish() {
  umount "$root/proc" "$root/dev" 2>/dev/null || true
  mountpoint -q "$root/dev" || rm -rf --one-file-system "$root"
}
trap finish EXIT

log=build/logs/fresh_root.log
mkdir -p build/logs
echo "fresh: a bare Debian 12 with cmake and g++ of its own"
mmdebstrap --quiet --variant=minbase --include=cmake,ninja-build,g++,git,ca-certificates bookworm "$root" "$mirror" >"$log" 2>&1 ||
  { tail -n 30 "$log"; exit 1; }
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"

# The checkout as it stands, without what is ignored.
mkdir -p "$root/home/user/dspy-cpp"
git ls-files -z -co --exclude-standard | while IFS= read -r -d '' file; do [[ ! -e $file ]] || printf '%s\0' "$file"; done |
  tar --null -T - -c | tar -x -C "$root/home/user/dspy-cpp"

# No terminal, no variables but those that every shell has.
inside() {
  echo "fresh: $1"
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    chroot "$root" bash -c "cd /home/user/dspy-cpp && git init -q . 2>/dev/null; $1" </dev/null
}
inside 'cmake --version | head -n 1; g++ --version | head -n 1'
inside './dev setup'
inside './dev setup | grep -q "changed nothing"'
inside 'cmake --preset release >/tmp/configure.log 2>&1 || { cat /tmp/configure.log; exit 1; }'
if [[ ${1:-} == --full ]]; then
  inside './dev demo'
  inside './dev test'
fi
inside './dev setup --undo && ! ls /etc/apt/sources.list.d/forky.sources 2>/dev/null'
echo "fresh: passed"
