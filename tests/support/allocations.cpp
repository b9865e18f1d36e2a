#include "support/allocations.h"

#include <execinfo.h>

#include <array>
#include <cstdlib>
#include <new>

namespace {

/// What this thread allocates while `counting`, and from where the first time.
thread_local bool counting = false;
thread_local std::size_t allocations = 0;
thread_local std::array<void*, 32> frames;
thread_local int frame_count = 0;

void count() {
  if (!counting) return;
  if (allocations++ == 0) {
    counting = false;  // backtrace may allocate itself
    frame_count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
    counting = true;
  }
}

void* counted(std::size_t size) {
  count();
  if (void* place = std::malloc(size)) return place;
  throw std::bad_alloc();
}
void* counted(std::size_t size, std::align_val_t align) {
  count();
  const auto unit = static_cast<std::size_t>(align);
  if (void* place = std::aligned_alloc(unit, (size + unit - 1) / unit * unit)) return place;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void* operator new(std::size_t size, std::align_val_t align) { return counted(size, align); }
void* operator new[](std::size_t size, std::align_val_t align) { return counted(size, align); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  count();
  return std::malloc(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  count();
  return std::malloc(size);
}
void operator delete(void* place) noexcept { std::free(place); }
void operator delete[](void* place) noexcept { std::free(place); }
void operator delete(void* place, std::size_t) noexcept { std::free(place); }
void operator delete[](void* place, std::size_t) noexcept { std::free(place); }
void operator delete(void* place, std::align_val_t) noexcept { std::free(place); }
void operator delete[](void* place, std::align_val_t) noexcept { std::free(place); }
void operator delete(void* place, std::size_t, std::align_val_t) noexcept { std::free(place); }
void operator delete[](void* place, std::size_t, std::align_val_t) noexcept { std::free(place); }

namespace finack::tests {

void start_counting() {
  allocations = 0;
  counting = true;
}
void go_on_counting() { counting = true; }
std::size_t stop_counting() {
  counting = false;
  return allocations;
}
void print_first_allocation() { ::backtrace_symbols_fd(frames.data(), frame_count, 2); }

}  // namespace finack::tests
