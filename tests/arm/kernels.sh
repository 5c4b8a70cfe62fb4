#!/usr/bin/env bash
# Builds the kernels for ARM with a cross compiler and runs their tests in an emulator: whether they are right, not how
# fast they are.  Debian: g++-14-aarch64-linux-gnu, qemu-user.  Usage: kernels.sh BUILD_FOLDER
set -euo pipefail

compiler=$(command -v aarch64-linux-gnu-g++-14 || true)
emulator=$(command -v qemu-aarch64 || true)
if [[ -z $compiler || -z $emulator ]]; then
  echo "skipped: no aarch64-linux-gnu-g++-14 or no qemu-aarch64"
  exit 77
fi
cd "$(dirname "$0")/../.."
build=$1
mkdir -p "$build"

options=(-std=c++23 -O2 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wno-psabi -Werror -Isrc -Itests)
objects=()
compile() {  # <object> <source> <options>...
  local object=$build/$1 source=$2
  objects+=("$object")
  "$compiler" "${options[@]}" "${@:3}" -c "$source" -o "$object"
}
compile neon_dotprod.o src/llama/kernels/target.cpp -DDSPY_TARGET=neon_dotprod -march=armv8.2-a+dotprod
compile neon_i8mm.o src/llama/kernels/target.cpp -DDSPY_TARGET=neon_i8mm -march=armv8.2-a+dotprod+i8mm
for name in attention choice product targets; do compile "$name.o" "src/llama/kernels/$name.cpp"; done
# doctest's header is the same for every processor.
echo '#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>' >"$build/main.cpp"
options+=(-O1 -idirafter /usr/include -march=armv8.2-a+fp16)
compile main.o "$build/main.cpp"
for name in attention_kernel kernel_choice product_kernel; do
  compile "${name}_test.o" "tests/unit/llama/${name}_test.cpp" -Itests/unit/llama
done
"$compiler" -static -o "$build/arm_kernels" "${objects[@]}"
"$emulator" -cpu max "$build/arm_kernels"
