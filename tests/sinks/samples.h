#pragma once
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "finack/base/fd.h"
#include "finack/record/record.h"

namespace finack::sinks::test {

/// 2026-01-31T08:15:02.123456Z
inline constexpr WallTime kNoon{std::chrono::sys_days{std::chrono::year{2026} / 1 / 31} +
                                std::chrono::hours(8) + std::chrono::minutes(15) +
                                std::chrono::microseconds(2'123'456)};

/// How long a test waits for what must come.
inline constexpr Nanos kPatience = std::chrono::seconds(30);

inline Address v4(std::uint16_t port) {
  return {.family = Address::Family::v4, .port = port, .bytes = {127, 0, 0, 1}};
}

/// The sum of the numbers between `before` and `after` wherever both stand in one line.
inline std::uint64_t sum_between(const std::string& text, const std::string& before,
                                 const std::string& after) {
  std::uint64_t sum = 0;
  for (std::size_t at = text.find(before); at != std::string::npos;
       at = text.find(before, at + 1)) {
    std::size_t digits = 0;
    const std::string number = text.substr(at + before.size(), 20);
    if (number.empty() || number[0] < '0' || number[0] > '9') continue;
    const std::uint64_t value = std::stoull(number, &digits);
    if (text.compare(at + before.size() + digits, after.size(), after) == 0) sum += value;
  }
  return sum;
}

/// A file in memory; its text can be read while a sink writes to a duplicate.
class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("lines", MFD_CLOEXEC)) {}
  Fd duplicate() const { return Fd(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 3)); }
  std::string text() const {
    std::string out(static_cast<std::size_t>(::lseek(fd_.get(), 0, SEEK_END)), '\0');
    const ssize_t n = ::pread(fd_.get(), out.data(), out.size(), 0);
    out.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    return out;
  }

 private:
  Fd fd_;
};

inline std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

/// A connection whose client closed between requests.
inline record::ConnectionRecord idle_connection() {
  record::ConnectionRecord r;
  r.id = {.boot = 0x5f0c91aa, .worker = 3, .sequence = 0x1f};
  r.listener = "127.0.0.1:8080";
  r.protocol = "http/1.1";
  r.local = v4(8080);
  r.peer = v4(50312);
  r.opened = kNoon;
  r.ended = kNoon + std::chrono::microseconds(1234);
  r.requests = 3;
  r.bytes_in = 420;
  r.bytes_out = 990;
  r.ending = {.ended_by = record::EndedBy::peer,
              .how = record::How::fin,
              .phase = record::Phase::idle,
              .cause = record::Cause::ok_peer_closed_idle,
              .severity = record::Severity::normal,
              .delivered = record::Delivered::all,
              .undelivered_bytes = 0,
              .evidence = {}};
  return r;
}

/// The ending of a client that left while its handler ran.
inline record::Ending left_waiting() {
  return {.ended_by = record::EndedBy::peer,
          .how = record::How::fin,
          .phase = record::Phase::handling,
          .cause = record::Cause::client_left_waiting,
          .severity = record::Severity::notice,
          .delivered = record::Delivered::none,
          .undelivered_bytes = 0,
          .evidence = {}};
}

inline record::RequestRecord slow_request() {
  record::RequestRecord r;
  r.connection = {.boot = 0x5f0c91aa, .worker = 3, .sequence = 0x1f};
  r.number = 2;
  r.method = "GET";
  r.target = "/slow?ms=2000";
  r.route = "/slow";
  r.started = kNoon;
  r.duration = std::chrono::milliseconds(1200);
  r.ending = left_waiting();
  return r;
}

}  // namespace finack::sinks::test
