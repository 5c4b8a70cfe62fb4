#!/usr/bin/env bash
# Makes what a release is: the source archive, an archive and a Debian package of what is installed, the list of what is
# inside (SPDX), and checksums; then tries each in an empty root.
#
#   tools/release.sh [--no-root]       into build/packages; --no-root leaves the empty roots out
#
# The empty roots need root and mmdebstrap; packages come from the mirror that this machine uses.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=$PWD/build/packages build=build/package
version=$(sed -nE 's/^project\(dspy VERSION ([0-9.]+).*/\1/p' CMakeLists.txt)
export SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
rm -rf "$out"
mkdir -p "$out" build/logs

say() { printf 'release: %s\n' "$*"; }
run() {  # run <log> <command>...: its log's end where it fails
  local log=build/logs/release_$1.log
  shift
  "$@" >"$log" 2>&1 || { tail -n 30 "$log"; say "failed: $*"; exit 1; }
}

say "dspy-cpp $version: the source archive"
git archive --format=tar --prefix="dspy-cpp-$version/" HEAD | gzip -n >"$out/dspy-cpp-$version.tar.gz"

say "building"
run configure cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DDSPY_FETCH=OFF -DDSPY_BUILD_TESTS=OFF \
  -DDSPY_BUILD_EXAMPLES=OFF -DDSPY_BUILD_BENCHMARKS=OFF -DCMAKE_INSTALL_PREFIX=/usr \
  -DCMAKE_CXX_FLAGS="-ffile-prefix-map=$PWD=."
run build cmake --build "$build" -j "${JOBS:-$(nproc)}"
say "packing"
run cpack cpack --config "$build/CPackConfig.cmake" -B "$out"
rm -rf "$out/_CPack_Packages"
packaging/sbom.py "$build" >"$out/dspy-cpp-$version.spdx.json"
(cd "$out" && sha256sum -- * >SHA256SUMS)
ls -l "$out"

# The same build packed again has the same bytes.
say "reproducible?"
run again cpack --config "$build/CPackConfig.cmake" -G DEB -B "$build/again"
cmp "$out"/*.deb "$build"/again/*.deb && say "the Debian package is the same, byte by byte"
rm -rf "$build/again"

[[ ${1:-} != --no-root ]] || exit 0
[[ $EUID -eq 0 ]] || { say "an empty root can only be made by root; --no-root leaves it out" >&2; exit 1; }

mirror=$(awk '$1 == "URIs:" {print $2; exit}' /etc/apt/sources.list.d/*.sources 2>/dev/null || true)
[[ -n $mirror ]] || mirror=$(sed -nE 's/^deb( +\[[^]]*\])? +([^ ]+).*/\2/p' /etc/apt/sources.list | head -n 1)
[[ -n $mirror ]] || { say "no Debian mirror is named in /etc/apt" >&2; exit 1; }
root=$(mktemp -d)
finish() { rm -rf --one-file-system "$root"; }
trap finish EXIT

inside() {
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 chroot "$root" sh -ec "$1" </dev/null
}
# What a user does first, without any model but the one in the package.
first_steps='dspy --version
dspy render --signature "question -> answer" --input question=hello | grep -q hello
echo "Answer: 4" | dspy parse --signature "question -> answer: int" | grep -q 4
dspy doctor >/dev/null || true'

say "the Debian package in an empty root"
run root mmdebstrap --quiet --variant=minbase --include=ca-certificates testing "$root" "$mirror"
cp "$out"/*.deb "$root/tmp/"
cp /etc/resolv.conf "$root/etc/resolv.conf"
run install inside 'apt-get update -qq && apt-get install -y --no-install-recommends -qq /tmp/*.deb'
inside "$first_steps"
run remove inside 'apt-get remove -y -qq dspy-cpp && test ! -e /usr/bin/dspy'
say "the archive in the same root"
tar -xzf "$out"/dspy-cpp-"$version"-*.tar.gz -C "$root/opt" --strip-components=1
inside "export PATH=/opt/bin:\$PATH; $first_steps"
say "passed"
