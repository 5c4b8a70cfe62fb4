#!/usr/bin/env bash
# Runs a command with the kernels for an older processor, in llama.cpp's own programs (llama-bench, llama-server) as in dspy:
# of llama.cpp's backends they see only that one, in a mount namespace of their own.  Needs root, and Debian's libggml0.
#
#     benchmarks/as_processor.sh avx2 build/release/bin/bench-engine burst --threads 2 FILE
set -euo pipefail

declare -A variants=([avx2]=haswell [avx2_vnni]=alderlake [avx512]=skylakex [avx512_vnni]=icelake [amx]=sapphirerapids)
variant=${variants[${1:-}]:-}
if [[ -z $variant || $# -lt 2 ]]; then
  echo "usage: as_processor.sh avx2|avx2_vnni|avx512|avx512_vnni|amx COMMAND..." >&2
  exit 2
fi
library=$(find /usr/lib -path "*/ggml/*/libggml-cpu-$variant.so" -print -quit)
if [[ -z $library ]]; then
  echo "as_processor.sh: libggml-cpu-$variant.so is not below /usr/lib; install Debian's libggml0" >&2
  exit 1
fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cp "$library" "$place/"
export DSPY_CPU=$1
shift
unshare --mount bash -c 'mount --bind "$1" "$2" && shift 2 && exec "$@"' bash "$place" "$(dirname "$library")" "$@"
