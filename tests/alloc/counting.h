#pragma once
#include <cstddef>

/// What this thread allocates; operator new stands in request_allocation_test.cpp.
namespace finack::tests {

void start_counting();
void go_on_counting();
/// What was allocated since start_counting(), while counting.
std::size_t stop_counting();

}  // namespace finack::tests
