#include "finack/record/ring.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <ctime>

#include "record/record_bytes.h"

namespace finack::record {
namespace {

constexpr std::uint32_t kPadding = 0;
constexpr std::uint32_t kConnection = 1;
constexpr std::uint32_t kRequest = 2;
constexpr std::uint32_t kFinding = 3;

// std::atomic::wait has no time limit, so the doorbell sleeps on the futex itself.
void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t seen, Nanos bound) {
  timespec limit{};
  limit.tv_sec = bound.count() / 1'000'000'000;
  limit.tv_nsec = bound.count() % 1'000'000'000;
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, seen, &limit, nullptr, 0);
}

void futex_wake(std::atomic<std::uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

void deliver(std::uint32_t kind, const std::byte* payload, std::span<Sink* const> sinks) {
  switch (kind) {
    case kConnection: {
      const ConnectionRecord record = decode_connection(payload);
      for (Sink* sink : sinks) sink->on_connection(record);
      break;
    }
    case kRequest: {
      const RequestRecord record = decode_request(payload);
      for (Sink* sink : sinks) sink->on_request(record);
      break;
    }
    default: {
      const FindingRecord record = decode_finding(payload);
      for (Sink* sink : sinks) sink->on_finding(record);
      break;
    }
  }
}

bool have_room(std::span<Sink* const> sinks) {
  return std::ranges::all_of(sinks, [](Sink* sink) { return sink->has_room(); });
}

}  // namespace

void Doorbell::ring() {
  if (rung_.load(std::memory_order_relaxed) != 0) return;
  if (rung_.exchange(1, std::memory_order_release) == 0) futex_wake(rung_);
}

void Doorbell::ring_surely() {
  // Always a write: the waiter that takes the ring back then reads it, and what came before it.
  if (rung_.exchange(1, std::memory_order_acq_rel) == 0) futex_wake(rung_);
}

void Doorbell::wait(Nanos bound) {
  if (rung_.load(std::memory_order_relaxed) == 0) futex_wait(rung_, 0, bound);
  rung_.exchange(0, std::memory_order_acquire);
}

Ring::Ring(Options options)
    : bytes_(new std::byte[options.bytes]), mask_(options.bytes - 1), overflow_(options.overflow) {
  assert(std::has_single_bit(options.bytes) && options.bytes >= 4096);
}

bool Ring::make_room(std::size_t bytes) {
  if (write_ + bytes - known_tail_ <= capacity()) return true;
  for (;;) {
    const std::uint32_t released = released_.load(std::memory_order_acquire);
    known_tail_ = tail_.load(std::memory_order_acquire);
    if (write_ + bytes - known_tail_ <= capacity()) return true;
    if (overflow_ == Overflow::drop || bytes > capacity()) return false;
    if (detached_.load(std::memory_order_acquire)) return false;
    // What waits for the end of the loop turn must be readable, or the reader could free nothing.
    published_.store(write_, std::memory_order_release);
    if (bell_ != nullptr) bell_->ring();
    released_.wait(released, std::memory_order_acquire);
  }
}

std::byte* Ring::reserve(std::uint32_t kind, std::size_t payload) {
  const std::size_t size = sizeof(EntryHead) + payload;
  const std::size_t index = write_ & mask_;
  const std::size_t to_end = capacity() - index;
  const std::size_t padding = size > to_end ? to_end : 0;
  if (!make_room(padding + size)) return nullptr;
  if (padding != 0) {
    const EntryHead pad{static_cast<std::uint32_t>(padding), kPadding};
    std::memcpy(bytes_.get() + index, &pad, sizeof(pad));
    write_ += padding;
  }
  const EntryHead head{static_cast<std::uint32_t>(size), kind};
  std::byte* at = bytes_.get() + (write_ & mask_);
  std::memcpy(at, &head, sizeof(head));
  return at + sizeof(head);
}

template <class Record>
bool Ring::write(std::uint32_t kind, const Record& record) {
  const std::size_t payload = encoded_size(record);
  std::byte* out = reserve(kind, payload);
  if (out == nullptr) {
    dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return false;
  }
  encode(record, out);
  write_ += sizeof(EntryHead) + payload;
  return true;
}

bool Ring::try_write(const ConnectionRecord& record) { return write(kConnection, record); }
bool Ring::try_write(const RequestRecord& record) { return write(kRequest, record); }
bool Ring::try_write(const FindingRecord& record) { return write(kFinding, record); }

void Ring::publish() {
  if (published_.load(std::memory_order_relaxed) == write_) return;
  published_.store(write_, std::memory_order_release);
  // The stale tail first: reading the true one costs a cache miss.
  if (bell_ == nullptr || write_ - known_tail_ < capacity() / 4) return;
  known_tail_ = tail_.load(std::memory_order_acquire);
  if (write_ - known_tail_ >= capacity() / 4) bell_->ring();
}

std::size_t Ring::drain(std::span<Sink* const> sinks) {
  const std::uint64_t end = published_.load(std::memory_order_acquire);
  std::uint64_t at = tail_.load(std::memory_order_relaxed);
  std::uint64_t freed_at = at;
  std::size_t count = 0;
  const auto free = [&] {
    freed_at = at;
    tail_.store(at, std::memory_order_release);
    released_.fetch_add(1, std::memory_order_release);
    if (overflow_ == Overflow::block) released_.notify_one();
  };
  while (at != end && have_room(sinks)) {
    const std::byte* entry = bytes_.get() + (at & mask_);
    EntryHead head;
    std::memcpy(&head, entry, sizeof(head));
    if (head.kind != kPadding) {
      if (!sinks.empty()) deliver(head.kind, entry + sizeof(head), sinks);
      ++count;
    }
    at += head.size;
    // Room is given back in slices, so that a blocked writer need not wait for the whole ring.
    if (at - freed_at >= capacity() / 16) free();
  }
  if (at != freed_at) free();
  return count;
}

bool Ring::drained() const {
  return tail_.load(std::memory_order_relaxed) == published_.load(std::memory_order_acquire);
}

std::uint64_t Ring::take_dropped() {
  const std::uint64_t all = dropped_.load(std::memory_order_relaxed);
  const std::uint64_t fresh = all - dropped_seen_;
  dropped_seen_ = all;
  return fresh;
}

void Ring::detach() {
  detached_.store(true, std::memory_order_release);
  released_.fetch_add(1, std::memory_order_release);
  released_.notify_one();
}

void Ring::attach(Doorbell* bell) { bell_ = bell; }

}  // namespace finack::record
