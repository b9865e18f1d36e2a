#pragma once
#include <cstddef>

/// Counts what this thread allocates. A program that calls any of these gets the operators new and
/// delete of allocations.cpp.
namespace finack::tests {

void start_counting();
/// Counts on from what stop_counting() said.
void go_on_counting();
/// What was allocated since start_counting(), while counting.
std::size_t stop_counting();
/// Where the first of them came from, to standard error.
void print_first_allocation();

}  // namespace finack::tests
