#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "finack/record/explain.h"
#include "finack/record/ring.h"

namespace finack::app {

/// Which loop a worker runs: `automatic` takes io_uring where the host allows it, else epoll.
enum class Backend : std::uint8_t { automatic, io_uring, epoll };

/// How endings are shown to a person: in colour on a terminal, plainly, or not at all.
enum class Console : std::uint8_t { automatic, color, plain, off };

/// The least severe ending the console shows: debug from `normal` on, info from `notice`, warning
/// from `fault`, error only `bug`. Records and metrics do not depend on it.
enum class LogLevel : std::uint8_t { debug, info, warning, error };

/// What a process needs besides the settings of its connections: addresses, records, threads.
/// Read once at start; plain values, no thread rules.
struct ProcessOptions {
  /// Where requests are taken: "127.0.0.1:8080", "localhost:8080" (127.0.0.1), "[::1]:8080",
  /// ":8080" or "*:8080" (all addresses), "unix:/path", "fd:3", "systemd", or "systemd:1" for the
  /// second socket passed. Other names are not resolved. Port 0 takes a free one.
  std::vector<std::string> listen = {"127.0.0.1:8080"};
  std::string admin = "127.0.0.1:9090";  ///< Metrics, health and live state; empty: none.
  /// Liveness and readiness alone, for probes from outside; empty: none.
  std::string probe_listen;
  std::string records;  ///< Record lines: a file, "-" for standard output; empty: none.
  /// Which requests that ended well get a record: 0 none of them (`abnormal`), 1 all, N every Nth.
  /// What did not end well always gets one.
  std::uint32_t record_every = 0;
  record::Overflow records_overflow = record::Overflow::drop;
  std::size_t record_ring_bytes = 4 * 1024 * 1024;  ///< Per worker; a power of two.
  bool recording = true;      ///< false: only the books; for measuring what recording costs.
  bool redact_query = false;  ///< Record `/path?…` without what follows the question mark.
  Backend backend = Backend::automatic;
  std::uint32_t workers = 0;  ///< 0: one per core the process may use.
  /// Threads for blocking handlers, over all workers, and how many requests may wait for one. Only
  /// `finack demo` reads them: an engine makes its pool as EngineOptions::pool says.
  std::uint32_t blocking_threads = 8;
  std::uint32_t blocking_queue = 256;
  std::string config;                    ///< The YAML file, read by `finack demo`; empty: none.
  record::Lang lang = record::Lang::en;  ///< Of explanations.
  LogLevel log_level = LogLevel::info;   ///< Of the console; `finack demo` starts with debug.
  Console console = Console::automatic;
};

}  // namespace finack::app
