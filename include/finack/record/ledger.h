#pragma once
#include <cassert>
#include <cstdint>
#include <utility>

#include "finack/record/counters.h"
#include "finack/record/record.h"
#include "finack/record/ring.h"

namespace finack::record {

class Ledger;

/// An open entry in the books. Move-only; only Ledger::finish takes it, and it must be taken: the
/// destructor of a live entry is a programmer's mistake and asserts.
template <class Tag>
class Entry {
 public:
  Entry() = default;
  Entry(Entry&& o) noexcept : open_(std::exchange(o.open_, false)) {}
  Entry& operator=(Entry&& o) noexcept {
    std::swap(open_, o.open_);
    return *this;
  }
  ~Entry() { assert(!open_ && "an entry was dropped without its ending"); }
  explicit operator bool() const { return open_; }

 private:
  friend class Ledger;
  friend class CompletedRun;
  bool open_ = false;
};
using ConnectionEntry = Entry<struct ConnectionTag>;
using RequestEntry = Entry<struct RequestTag>;

/// Open entries of requests that completed with the same times and status, to be counted at once;
/// for them it is what Entry is for one.
class CompletedRun {
 public:
  CompletedRun() = default;
  CompletedRun(const CompletedRun&) = delete;
  CompletedRun& operator=(const CompletedRun&) = delete;
  ~CompletedRun() { assert(count_ == 0 && "entries were dropped without their ending"); }

  /// False: what is in it is to be finished first.
  bool fits(Nanos duration, Nanos time_to_first_byte, std::uint16_t status) const {
    return count_ == 0 || (duration == duration_ && time_to_first_byte == time_to_first_byte_ &&
                           status == status_);
  }
  /// Only where it fits().
  void add(RequestEntry&& entry, Nanos duration, Nanos time_to_first_byte, std::uint64_t bytes_in,
           std::uint64_t bytes_out, std::uint16_t status) {
    assert(entry.open_ && "a request ends once");
    entry.open_ = false;
    ++count_;
    duration_ = duration;
    time_to_first_byte_ = time_to_first_byte;
    bytes_in_ += bytes_in;
    bytes_out_ += bytes_out;
    status_ = status;
  }

 private:
  friend class Ledger;
  std::uint64_t count_ = 0;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  Nanos duration_{0};
  Nanos time_to_first_byte_{0};
  std::uint16_t status_ = 0;
};

enum class RecordRequests : std::uint8_t { abnormal, all, sampled };

/// Gives the connections of one worker their ids, accepted and dialed ones from one sequence, so
/// that an id names one connection of the process. One thread.
struct ConnectionIds {
  std::uint32_t boot = 0;
  std::uint32_t worker = 0;
  std::uint64_t last = 0;

  ConnectionId next() { return {boot, worker, ++last}; }
};

/// The books of one worker, those of accepted and those of dialed connections, and the only maker
/// of records. One thread; its counters may be read from any thread. opened = ended + live holds
/// for each role after every call.
class Ledger {
 public:
  struct Options {
    std::uint32_t worker = 0;
    Purpose purpose = Purpose::traffic;
    bool recording = true;  ///< false: counters only move for the books (for the bench).
    RecordRequests requests = RecordRequests::abnormal;
    std::uint32_t sample = 1;  ///< sampled: every Nth normal request.
    Ring* ring = nullptr;      ///< nullptr: no records, counters only.
    const Clock* clock = nullptr;
  };
  explicit Ledger(Options options);
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  /// A new connection; it stands in `first` until move() says otherwise. Its record must name the
  /// same role.
  ConnectionEntry open_connection(Role role = Role::server, Phase first = Phase::accept);
  RequestEntry open_request(Role role = Role::server);

  /// Ends the entry: counts it, and writes its record where the rules say so (every connection; a
  /// request unless it was ok and nobody wants it). `current` is the phase the connection was last
  /// moved to (its first when it never was), which need not be the one its ending names.
  void finish(ConnectionEntry&& entry, const ConnectionRecord& record,
              Phase current = Phase::accept);
  void finish(RequestEntry&& entry, const RequestRecord& record);
  /// The hot path: a keep-alive request that completed and whose record nobody wants. The caller
  /// asks `wants_completed()` first (it advances the sampling count) and, where that says true,
  /// hands the record to finish(), which then writes it. Each role is sampled for itself.
  bool wants_completed(Role role = Role::server);
  void finish_completed(RequestEntry&& entry, Nanos duration, Nanos time_to_first_byte,
                        std::uint64_t bytes_in, std::uint64_t bytes_out, std::uint16_t status);
  /// The same for a run of them, which is empty afterwards.
  void finish_completed(CompletedRun& run);
  /// The same for a request on a dialed connection.
  void finish_completed_try(RequestEntry&& entry, Nanos duration, Nanos time_to_first_byte,
                            std::uint64_t bytes_in, std::uint64_t bytes_out, std::uint16_t status);
  void find(const FindingRecord& finding);

  /// Moves one connection between phases in the live-by-phase gauges.
  void move(Phase from, Phase to, Role role = Role::server);
  /// Makes what was written since the last call visible to the drainer; once per loop turn.
  void publish();

  Counters& counters() { return counters_; }
  const Counters& counters() const { return counters_; }

 private:
  void count_ending(Book& book, Role role, Purpose purpose, const Ending& ending);
  static void count_request(Books& books, Nanos duration, Nanos time_to_first_byte,
                            std::uint64_t bytes_in, std::uint64_t bytes_out, std::uint16_t status,
                            std::uint64_t n = 1);
  bool wants_sample(Role role);
  bool wants(const RequestRecord& record);
  template <class Record>
  void write(const Record& record);

  Options options_;
  std::uint32_t until_sample_[2];  ///< By role.
  Counters counters_;
  // The cells of a completed keep-alive request, the only hot ones.
  Count* completed_;
  Count* completed_try_;
};

// The path of every keep-alive request stands here so that it is inlined.

inline RequestEntry Ledger::open_request(Role role) {
  counters_.of(role).requests.opened.add();
  RequestEntry entry;
  entry.open_ = true;
  return entry;
}

inline bool Ledger::wants_completed(Role role) {
  if (options_.requests == RecordRequests::abnormal) return false;
  return wants_sample(role);
}

inline void Ledger::count_request(Books& books, Nanos duration, Nanos time_to_first_byte,
                                  std::uint64_t bytes_in, std::uint64_t bytes_out,
                                  std::uint16_t status, std::uint64_t n) {
  books.request_duration.add(duration, n);
  if (time_to_first_byte >= Nanos(0)) books.time_to_first_byte.add(time_to_first_byte, n);
  if (bytes_in != 0) books.requests.bytes_in.add(bytes_in);
  books.requests.bytes_out.add(bytes_out);
  books.response(status, n);
}

inline void Ledger::finish_completed(RequestEntry&& entry, Nanos duration, Nanos time_to_first_byte,
                                     std::uint64_t bytes_in, std::uint64_t bytes_out,
                                     std::uint16_t status) {
  assert(entry.open_ && "a request ends once");
  entry.open_ = false;
  counters_.requests.ended.add();
  if (!options_.recording) return;
  completed_->add();
  count_request(counters_, duration, time_to_first_byte, bytes_in, bytes_out, status);
}

inline void Ledger::finish_completed_try(RequestEntry&& entry, Nanos duration,
                                         Nanos time_to_first_byte, std::uint64_t bytes_in,
                                         std::uint64_t bytes_out, std::uint16_t status) {
  assert(entry.open_ && "a request ends once");
  entry.open_ = false;
  counters_.dialed.requests.ended.add();
  if (!options_.recording) return;
  completed_try_->add();
  count_request(counters_.dialed, duration, time_to_first_byte, bytes_in, bytes_out, status);
}

inline void Ledger::move(Phase from, Phase to, Role role) {
  Books& books = counters_.of(role);
  books.live_by_phase[static_cast<std::size_t>(from)].add(-1);
  books.live_by_phase[static_cast<std::size_t>(to)].add(1);
}

}  // namespace finack::record
