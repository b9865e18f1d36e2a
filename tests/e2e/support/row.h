#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace finack::e2e {

/// What a record must say, written by hand from the act. The words are those of docs/endings.md.
struct Row {
  std::string ended_by;
  std::string how;
  std::string phase;
  std::string cause;
  std::string severity;
  std::string delivered;
  std::uint64_t undelivered_min = 0;
  std::uint64_t undelivered_max = 0;
  int status = -1;  ///< Requests only; -1: not looked at.
  /// Evidence by key; the value "*" asks only that the key is there, "" that it is not.
  std::vector<std::pair<std::string, std::string>> evidence;

  Row&& undelivered(std::uint64_t min, std::uint64_t max) &&;
  Row&& with(std::string key, std::string value) &&;
  Row&& answered(int with_status) &&;
};

/// All fields in the order in which docs/endings.md names them.
Row row(std::string_view ended_by, std::string_view how, std::string_view phase,
        std::string_view cause, std::string_view severity, std::string_view delivered);

// The rows that most acts meet on their way to something else.
Row served();        ///< A keep-alive request that completed: handed to the kernel.
Row served_last();   ///< The same before an agreed close: its acknowledgement was read.
Row agreed_close();  ///< The connection after `Connection: close` or HTTP/1.0.
Row closed_idle();   ///< The connection that its client closed between requests.

inline constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();

}  // namespace finack::e2e
