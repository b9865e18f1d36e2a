#!/bin/bash
# Installs the build into a fresh prefix, builds examples/hello against it, once with find_package
# and once with pkg-config, and asks each for one answer.
# Usage: install_consumer.sh <source folder> <build folder> <compiler>
set -euo pipefail
source=$1 build=$2 compiler=$3
work=$build/install_consumer
prefix=$work/prefix
rm -rf "$work"
mkdir -p "$work"

fail() {
  echo "error: $*" >&2
  exit 1
}

cmake --install "$build" --prefix "$prefix" >"$work/install.log" || fail "cmake --install"
# A moved tree must still work, and no installed file may point back into the build.
mv "$prefix" "$work/moved"
prefix=$work/moved
if grep -rIl -e "$source/src" -e "$build/lib" "$prefix" --include=*.cmake --include=*.pc; then
  fail "these installed files point into the source or build folder"
fi

# Starts a hello server on a free port, asks it once, ends it.
try() {
  local program=$1 port answer="" pid
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
  "$program" "127.0.0.1:$port" >"$work/server.log" 2>&1 &
  pid=$!
  answer=$(curl -sS --retry 20 --retry-connrefused --retry-delay 1 -m 30 \
    "http://127.0.0.1:$port/ping") || true
  kill -TERM "$pid" 2>/dev/null || true
  wait "$pid" || fail "$program ended with status $? (see $work/server.log)"
  [ "$answer" = '{"message":"pong"}' ] || fail "$program answered: $answer"
  echo "$program: $answer"
}

cmake -S "$source/examples/hello" -B "$work/cmake" -G Ninja -DCMAKE_BUILD_TYPE=Debug \
  -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$prefix" >"$work/configure.log" 2>&1 ||
  { cat "$work/configure.log"; fail "find_package(finack)"; }
cmake --build "$work/cmake" >"$work/build.log" 2>&1 ||
  { cat "$work/build.log"; fail "building with find_package"; }
try "$work/cmake/hello"

pc=$(find "$prefix" -name finack.pc -printf '%h')
export PKG_CONFIG_PATH=$pc
pkg-config --exists --print-errors finack || fail "pkg-config does not find finack"
# Every installed header, with nothing but what pkg-config says.
(cd "$prefix/include" && find finack -name '*.h' | sort | sed 's/.*/#include <&>/') >"$work/all.cpp"
# shellcheck disable=SC2046
"$compiler" -std=c++23 -Wall -fsyntax-only $(pkg-config --cflags finack) "$work/all.cpp" ||
  fail "an installed header does not compile"
# shellcheck disable=SC2046
"$compiler" -std=c++23 $(pkg-config --cflags finack) "$source/examples/hello/main.cpp" \
  -o "$work/hello_pkg_config" $(pkg-config --libs finack) >"$work/pkg_config.log" 2>&1 ||
  { cat "$work/pkg_config.log"; fail "building with pkg-config"; }
try "$work/hello_pkg_config"

"$prefix/bin/finack" version >/dev/null || fail "the installed finack command"
