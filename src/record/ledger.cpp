#include "finack/record/ledger.h"

namespace finack::record {
namespace {

EndKey key_of(Role role, Purpose purpose, const Ending& ending) {
  return {role, purpose, ending.ended_by, ending.how, ending.phase, ending.cause};
}

std::size_t index(Phase phase) { return static_cast<std::size_t>(phase); }

}  // namespace

Ledger::Ledger(Options options)
    : options_(options),
      until_sample_{options.sample, options.sample},
      completed_(&counters_.requests.endings.cell({Role::server, options.purpose, EndedBy::local,
                                                   How::none, Phase::flush, Cause::ok_completed})),
      completed_try_(
          &counters_.dialed.requests.endings.cell({Role::client, options.purpose, EndedBy::local,
                                                   How::none, Phase::body, Cause::ok_completed})) {
  assert(options.sample > 0);
}

ConnectionEntry Ledger::open_connection(Role role, Phase first) {
  Books& books = counters_.of(role);
  books.connections.opened.add();
  books.live_by_phase[index(first)].add(1);
  ConnectionEntry entry;
  entry.open_ = true;
  return entry;
}

void Ledger::count_ending(Book& book, Role role, Purpose purpose, const Ending& ending) {
  book.endings.add(key_of(role, purpose, ending));
  book.undelivered_bytes.add(ending.undelivered_bytes);
}

void Ledger::finish(ConnectionEntry&& entry, const ConnectionRecord& record, Phase current) {
  assert(entry.open_ && "a connection ends once");
  entry.open_ = false;
  Books& books = counters_.of(record.role);
  books.live_by_phase[index(current)].add(-1);
  books.connections.ended.add();
  if (!options_.recording) return;
  count_ending(books.connections, record.role, record.purpose, record.ending);
  books.connections.bytes_in.add(record.bytes_in);
  books.connections.bytes_out.add(record.bytes_out);
  write(record);
}

void Ledger::finish(RequestEntry&& entry, const RequestRecord& record) {
  assert(entry.open_ && "a request ends once");
  entry.open_ = false;
  Books& books = counters_.of(record.role);
  books.requests.ended.add();
  if (!options_.recording) return;
  count_ending(books.requests, record.role, record.purpose, record.ending);
  count_request(books, record.duration, record.time_to_first_byte, record.bytes_in,
                record.bytes_out, record.status);
  if (record.ending.evidence.exception || !record.exception.empty()) counters_.exceptions.add();
  if (wants(record)) write(record);
}

void Ledger::finish_completed(CompletedRun& run) {
  const std::uint64_t n = std::exchange(run.count_, 0);
  counters_.requests.ended.add(n);
  if (options_.recording && n != 0) {
    completed_->add(n);
    count_request(counters_, run.duration_, run.time_to_first_byte_, run.bytes_in_, run.bytes_out_,
                  run.status_, n);
  }
  run.bytes_in_ = run.bytes_out_ = 0;
}

bool Ledger::wants(const RequestRecord& record) {
  if (options_.ring == nullptr) return false;
  if (!is_ok(record.ending.cause)) return true;
  if (options_.requests == RecordRequests::abnormal) return false;
  // For a completed one the caller has asked wants_completed() already, which advanced the
  // sampling.
  return record.ending.cause == Cause::ok_completed || wants_completed(record.role);
}

bool Ledger::wants_sample(Role role) {
  if (!options_.recording || options_.ring == nullptr) return false;
  if (options_.requests == RecordRequests::all) return true;
  std::uint32_t& until = until_sample_[static_cast<std::size_t>(role)];
  if (--until != 0) return false;
  until = options_.sample;
  return true;
}

void Ledger::find(const FindingRecord& finding) {
  if (!options_.recording) return;
  counters_.findings[static_cast<std::size_t>(finding.finding)].add();
  write(finding);
}

template <class Record>
void Ledger::write(const Record& record) {
  if (options_.ring == nullptr) return;
  if (!options_.ring->try_write(record)) counters_.dropped_records.add();
}

void Ledger::publish() {
  if (options_.ring != nullptr) options_.ring->publish();
}

}  // namespace finack::record
