#pragma once
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "finack/base/clock.h"
#include "finack/record/ending.h"
#include "finack/record/timer_kind.h"

namespace finack::record {

// The counters of one worker. One thread writes, any thread may read at any time. A write is a
// relaxed load and a relaxed store: no locked instruction, because nobody else writes.

/// A count that only grows.
class Count {
 public:
  [[gnu::always_inline]] void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A number that goes both ways.
class Gauge {
 public:
  void add(std::int64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::int64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// Durations in buckets whose bounds are 128 us times powers of two up to 67 s, and a last one
/// without a bound. A value equal to a bound belongs to the bucket of that bound (`le`).
class Histogram {
 public:
  static constexpr std::size_t kBounds = 20;
  static constexpr std::size_t kBuckets = kBounds + 1;
  static constexpr Nanos bound(std::size_t i) { return Nanos(std::int64_t{128'000} << i); }

  void add(Nanos value, std::uint64_t n = 1) {
    const std::uint64_t ns = value.count() < 0 ? 0 : static_cast<std::uint64_t>(value.count());
    if (ns <= 128'000) {
      buckets_[0].add(n);  // Where nearly every request of a healthy server belongs.
    } else {
      const auto bucket = static_cast<std::size_t>(std::bit_width((ns - 1) / 128'000));
      buckets_[std::min(bucket, kBounds)].add(n);
    }
    sum_ns_.add(ns * n);
  }
  /// Not cumulative; the last one is +inf.
  std::uint64_t bucket(std::size_t i) const { return buckets_[i].get(); }
  std::uint64_t count() const;
  Nanos sum() const { return Nanos(static_cast<std::int64_t>(sum_ns_.get())); }

 private:
  std::array<Count, kBuckets> buckets_;
  Count sum_ns_;
};

/// What endings are counted by.
struct EndKey {
  Role role = Role::server;
  Purpose purpose = Purpose::traffic;
  EndedBy ended_by = EndedBy::local;
  How how = How::none;
  Phase phase = Phase::accept;
  Cause cause = Cause::unknown;

  friend bool operator==(const EndKey&, const EndKey&) = default;
};

/// Endings by key: open addressing, bounded, no allocation. A key that finds no room is counted in
/// overflowed(), so that sums stay true.
class EndTable {
 public:
  static constexpr std::size_t kCells = 512;
  struct Row {
    EndKey key;
    std::uint64_t count = 0;
  };

  void add(const EndKey& key) { cell(key).add(); }
  /// The count of `key`, made when new. Valid as long as the table; writer's thread only.
  Count& cell(const EndKey& key);
  /// Rows with a count above zero, in no order; any thread.
  std::vector<Row> rows() const;
  std::uint64_t overflowed() const { return overflow_.get(); }

 private:
  struct Cell {
    std::atomic<std::uint64_t> key{0};  ///< 0: free. Set once, before its count is first read.
    Count count;
  };
  std::array<Cell, kCells> cells_;
  Count overflow_;
};

/// The books of connections or of requests. opened = ended + live.
struct Book {
  Count opened;
  Count ended;
  EndTable endings;
  Count bytes_in;
  Count bytes_out;
  Count undelivered_bytes;

  std::uint64_t live() const;
};

/// What a listener met. `accepted` become connections; the others never do.
struct AcceptCounts {
  Count accepted;
  Count aborted;  ///< accept() said the connection was gone (ECONNABORTED).
  Count failed;   ///< Any other error of accept().
  Count shed;     ///< Accepted and ended at once for lack of descriptors, slots or permission.
};

/// What is counted of both kinds of connections alike, those accepted and those dialed.
struct Books {
  Book connections;
  Book requests;
  std::array<Gauge, kPhaseCount> live_by_phase;  ///< Connections.
  std::array<Count, 5> responses;                ///< By status class: 1xx to 5xx.
  Histogram request_duration;
  Histogram time_to_first_byte;  ///< Only requests that had a response byte.

  /// `n` response heads of this status; also the interim ones.
  void response(unsigned status, std::uint64_t n = 1) {
    if (status - 200 < 100) {
      responses[1].add(n);
    } else if (status >= 100 && status < 600) {
      responses[status / 100 - 1].add(n);
    }
  }
};

/// What it inherits are the books of accepted connections (role server).
struct Counters : Books {
  Books dialed;  ///< Of role client.
  std::array<Count, kFindingCount> findings;
  std::array<Count, kTimerKindCount> timer_fires;
  Histogram loop_delay;  ///< How late the loop came back to its events.
  AcceptCounts accepts;
  Count dropped_records;  ///< The ring was full.
  Count exceptions;       ///< Requests whose handler threw, whatever ended them.

  Books& of(Role role) { return role == Role::server ? *this : dialed; }
  const Books& of(Role role) const { return role == Role::server ? *this : dialed; }
  void timer_fired(TimerKind timer) { timer_fires[static_cast<std::size_t>(timer)].add(); }
};

}  // namespace finack::record
