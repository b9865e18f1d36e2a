#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "finack/record/record.h"

namespace finack::record {

/// What a writer does when its ring is full.
enum class Overflow : std::uint8_t {
  drop,  ///< The record is lost and counted.
  block  ///< The writer waits for the drainer: no record is lost, the worker stands still
         ///< meanwhile.
};

/// Wakes the drainer. Writers ring, the drainer waits; a ring while it is awake costs one load.
class Doorbell {
 public:
  /// From any thread; async-signal-safe.
  void ring();
  /// Like ring(), also seen by a waiter that is just about to look: for waiters without a short
  /// bound. Costs a write each time.
  void ring_surely();
  /// Until rung, or for `bound`. One waiter.
  void wait(Nanos bound);

 private:
  std::atomic<std::uint32_t> rung_{0};
};

/// The record ring of one worker: bytes, one writer, one reader. Records are written as their fixed
/// struct followed by the strings and events they point to; the reader gets them back with views
/// into the ring. Words that live as long as the process (Evidence's, FlightEvent's) are not
/// copied.
class Ring {
 public:
  struct Options {
    std::size_t bytes = 4 * 1024 * 1024;  ///< A power of two, at least 4 096.
    Overflow overflow = Overflow::drop;
  };
  explicit Ring(Options options);
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // The writer's side.

  /// False: the ring is full (or, with block, nobody drains it any more) and the record is lost.
  bool try_write(const ConnectionRecord& record);
  bool try_write(const RequestRecord& record);
  bool try_write(const FindingRecord& record);
  /// Makes what was written visible to the reader; rings the doorbell at a quarter full.
  void publish();

  // The reader's side.

  /// Hands every published record to every sink, oldest first, as long as all of them have room.
  /// Returns how many.
  std::size_t drain(std::span<Sink* const> sinks);
  /// Whether every published record was handed on.
  bool drained() const;
  /// Records lost since the last call; the total stands in the writer's Counters.
  std::uint64_t take_dropped();
  /// From here on the writer never waits; what it cannot store is dropped. Also wakes it.
  void detach();
  /// Whom to wake; before the writer starts. nullptr: nobody.
  void attach(Doorbell* bell);

  std::size_t capacity() const { return mask_ + 1; }

 private:
  struct EntryHead {
    std::uint32_t size = 0;  ///< With this head, a multiple of 8.
    std::uint32_t kind = 0;
  };
  std::byte* reserve(std::uint32_t kind, std::size_t payload);
  bool make_room(std::size_t bytes);
  template <class Record>
  bool write(std::uint32_t kind, const Record& record);

  std::unique_ptr<std::byte[]> bytes_;
  std::size_t mask_;
  Overflow overflow_;
  Doorbell* bell_ = nullptr;

  // Positions only grow; the index is position & mask_. Writer's, shared and reader's data stand on
  // cache lines of their own.
  alignas(64) std::uint64_t write_ = 0;
  std::uint64_t known_tail_ = 0;
  alignas(64) std::atomic<std::uint64_t> published_{0};
  std::atomic<std::uint64_t> dropped_{0};
  alignas(64) std::atomic<std::uint64_t> tail_{0};
  std::atomic<std::uint32_t> released_{0};  ///< Changes whenever the reader freed room.
  std::atomic<bool> detached_{false};
  std::uint64_t dropped_seen_ = 0;
};

}  // namespace finack::record
