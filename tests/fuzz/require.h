#pragma once
#include <cstdio>
#include <cstdlib>

/// A broken invariant ends the run, so that libFuzzer keeps the input.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}
