#!/bin/sh
# Builds puce_chip with Verilator and a C++ compiler, and runs every case of the smoke test. VERILATOR names the program (verilator_bin of version 5.026 or
# later), CXX the compiler, CXXFLAGS how hard it works; with another simulator: compile files.f and smoke/smoke.sv, top module `smoke`, and run it with +case=smoke/case0.
set -eu
cd "$(dirname "$0")/.."
: "${VERILATOR:=verilator_bin}" "${CXX:=g++}"
if [ -z "${VERILATOR_ROOT:-}" ]; then
  # What the program says of itself, else the folder above its own.
  VERILATOR_ROOT=$("$VERILATOR" --getenv VERILATOR_ROOT 2>/dev/null) || VERILATOR_ROOT=$(dirname "$(dirname "$(command -v "$VERILATOR")")")
  export VERILATOR_ROOT
fi
build=smoke/build
mkdir -p "$build"
"$VERILATOR" --cc --timing --main --exe --assert -O3 -Wno-fatal --output-split 200000 --top-module smoke --Mdir "$build" -f files.f smoke/smoke.sv
include=$VERILATOR_ROOT/include
compile="$CXX -std=c++20 -fcoroutines ${CXXFLAGS:--O0} -w -I$build -I$include -I$include/vltstd"
ls "$build"/*.cpp "$include"/verilated.cpp "$include"/verilated_threads.cpp "$include"/verilated_timing.cpp |
  xargs -P "$(getconf _NPROCESSORS_ONLN)" -I FILE sh -c "$compile -c FILE -o $build/\$(basename FILE .cpp).o"
"$CXX" "$build"/*.o -pthread -o "$build/smoke"
status=0
for case in smoke/case*; do
  "./$build/smoke" "+case=$case" | tee "$build/last"
  grep -q '^PASS' "$build/last" || status=1
done
exit $status
