#include "record/record_bytes.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace finack::record {
namespace {

static_assert(std::is_trivially_copyable_v<ConnectionRecord>);
static_assert(std::is_trivially_copyable_v<RequestRecord>);
static_assert(std::is_trivially_copyable_v<FindingRecord>);
static_assert(sizeof(FlightEvent) % 8 == 0);
static_assert(std::is_trivially_copyable_v<UpstreamTry>);
static_assert(alignof(UpstreamTry) <= 8);

constexpr std::size_t kShort = 255;
constexpr std::size_t kTries = 8;

std::size_t aligned(std::size_t n) { return (n + 7) & ~std::size_t{7}; }

// The strings of each record and their limits, in one place for all three directions.
template <class Record, class F>
  requires std::is_same_v<std::remove_const_t<Record>, ConnectionRecord>
void each_string(Record& r, F&& f) {
  f(r.listener, kShort);
  f(r.protocol, kShort);
}
template <class Record, class F>
  requires std::is_same_v<std::remove_const_t<Record>, RequestRecord>
void each_string(Record& r, F&& f) {
  f(r.method, kShort);
  f(r.target, std::size_t{1024});
  f(r.route, kShort);
  f(r.exception, std::size_t{256});
  f(r.request_id, std::size_t{128});
}
template <class Record, class F>
  requires std::is_same_v<std::remove_const_t<Record>, FindingRecord>
void each_string(Record& r, F&& f) {
  f(r.route, kShort);
}

/// What is kept of its tries: the last ones, which decided.
std::span<const UpstreamTry> kept(const RequestRecord& record) {
  return record.upstream.last(std::min(record.upstream.size(), kTries));
}

template <class Record>
std::size_t size_of(const Record& record) {
  std::size_t size = sizeof(Record);
  each_string(record, [&](std::string_view text, std::size_t limit) {
    size += std::min(text.size(), limit);
  });
  return aligned(size);
}

/// Returns where the strings end. Their sizes are stored uncut; whoever reads them cuts again.
template <class Record>
std::byte* put(const Record& record, std::byte* out) {
  std::memcpy(out, &record, sizeof(Record));
  std::byte* at = out + sizeof(Record);
  each_string(record, [&](std::string_view text, std::size_t limit) {
    const std::size_t size = std::min(text.size(), limit);
    if (size != 0) std::memcpy(at, text.data(), size);
    at += size;
  });
  return at;
}

/// Moves `at` to where the strings end.
template <class Record>
Record get(const std::byte* from, const std::byte*& at) {
  Record record;
  std::memcpy(&record, from, sizeof(Record));
  at = from + sizeof(Record);
  each_string(record, [&](std::string_view& text, std::size_t limit) {
    text = {reinterpret_cast<const char*>(at), std::min(text.size(), limit)};
    at += text.size();
  });
  return record;
}

}  // namespace

std::size_t encoded_size(const ConnectionRecord& record) {
  return size_of(record) + record.events.size_bytes();
}
std::size_t encoded_size(const RequestRecord& record) {
  return size_of(record) + aligned(kept(record).size_bytes());
}
std::size_t encoded_size(const FindingRecord& record) { return size_of(record); }

void encode(const ConnectionRecord& record, std::byte* out) {
  put(record, out);
  if (record.events.empty()) return;
  std::memcpy(out + size_of(record), record.events.data(), record.events.size_bytes());
}
void encode(const RequestRecord& record, std::byte* out) {
  put(record, out);
  if (record.upstream.empty()) return;
  const std::span<const UpstreamTry> tries = kept(record);
  std::memcpy(out + size_of(record), tries.data(), tries.size_bytes());
}
void encode(const FindingRecord& record, std::byte* out) { put(record, out); }

ConnectionRecord decode_connection(const std::byte* from) {
  const std::byte* at = nullptr;
  auto record = get<ConnectionRecord>(from, at);
  if (record.events.empty()) return record;
  const std::byte* events = from + aligned(static_cast<std::size_t>(at - from));
  record.events = {reinterpret_cast<const FlightEvent*>(events), record.events.size()};
  return record;
}

RequestRecord decode_request(const std::byte* from) {
  const std::byte* at = nullptr;
  auto record = get<RequestRecord>(from, at);
  if (record.upstream.empty()) return record;
  const std::byte* tries = from + aligned(static_cast<std::size_t>(at - from));
  record.upstream = {reinterpret_cast<const UpstreamTry*>(tries),
                     std::min(record.upstream.size(), kTries)};
  return record;
}

FindingRecord decode_finding(const std::byte* from) {
  const std::byte* at = nullptr;
  return get<FindingRecord>(from, at);
}

}  // namespace finack::record
