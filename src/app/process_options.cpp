#include "app/process_options.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <limits>

#include "config/units.h"

namespace finack::app {
namespace {

constexpr std::string_view kListenForms =
    "127.0.0.1:8080, [::1]:8080, localhost:8080, :8080, unix:/path, fd:3 or systemd";

std::unexpected<std::string> refused(std::string_view text, std::string_view why) {
  return std::unexpected(fmt::format("'{}' {}: write {}", text, why, kListenForms));
}

bool is_number_up_to(std::string_view text, std::uint64_t high) {
  const auto number = config::parse_count(text);
  return number && *number <= high;
}

bool is_ip(int family, std::string_view host) {
  unsigned char bytes[16];
  return inet_pton(family, std::string(host).c_str(), bytes) == 1;
}

std::expected<std::uint32_t, std::string> parse_record_every(std::string_view text) {
  if (text == "abnormal") return 0U;
  if (text == "all") return 1U;
  if (text.starts_with("1/")) {
    const auto every = config::parse_count(text.substr(2));
    if (every && *every >= 1 && *every <= 1'000'000'000) return static_cast<std::uint32_t>(*every);
  }
  return std::unexpected(fmt::format(
      "'{}' is not allowed: write abnormal, all or 1/N with N from 1 to 1000000000", text));
}

std::string format_record_every(std::uint32_t every) {
  if (every == 0) return "abnormal";
  return every == 1 ? "all" : fmt::format("1/{}", every);
}

void address_rows(config::OptionTable& table, ProcessOptions& options) {
  table.group("Process", "Where the process listens and how it runs.");
  table.list({"listen", "listen", "where requests are taken; port 0 takes a free one"},
             options.listen, kListenForms, check_listen);
  table.text({"admin", "admin", "address of metrics, health and live state", "no admin listener"},
             options.admin, kListenForms, check_listen);
  table.text({"probe-listen", "probe_listen",
              "address of liveness and readiness alone, for probes from outside",
              "no listener of their own; they stay on the admin listener"},
             options.probe_listen, kListenForms, check_listen);
  table.text({"config", "", "the YAML file to read", "none"}, options.config, "a file");
  table.word(
      {"backend", "backend", "the loop; auto takes io_uring where allowed, else epoll"},
      options.backend,
      {{"auto", Backend::automatic}, {"io_uring", Backend::io_uring}, {"epoll", Backend::epoll}});
  table.count({"workers", "workers", "threads that serve connections", "one per usable core"},
              options.workers, 1, 1024);
  table.count({"blocking-threads", "blocking.threads",
               "threads for blocking handlers, shared by all workers"},
              options.blocking_threads, 1, 4096);
  table.count(
      {"blocking-queue", "blocking.queue",
       "blocking requests that may wait for a thread; more are answered 503", "none may wait"},
      options.blocking_queue, 1, 1'000'000);
}

void record_rows(config::OptionTable& table, ProcessOptions& options) {
  table.group("Records", "What is written about connections and requests, and for whom.");
  table.text({"records", "records.to", "file for record lines, - for standard output", "none"},
             options.records, "a file or -");
  table.parsed({"record-requests", "records.requests",
                "which requests get a record besides those that did not end well"},
               options.record_every, "abnormal, all or 1/N", parse_record_every,
               format_record_every);
  table.word({"records-overflow", "records.overflow",
              "a full record ring: drop records and count them, or block the worker (for proofs)"},
             options.records_overflow,
             {{"drop", record::Overflow::drop}, {"block", record::Overflow::block}});
  table.bytes(
      {"record-ring-bytes", "records.ring_bytes", "record ring of each worker: a power of two"},
      options.record_ring_bytes, 64ULL << 10, 1ULL << 30, config::Step::power_of_two);
  table.flag({"recording", "records.recording",
              "keep records and detailed metrics; without them only the books are kept"},
             options.recording);
  table.flag({"redact-query", "records.redact_query",
              "leave out of records what follows the question mark of a target"},
             options.redact_query);
  table.word(
      {"console", "console.style", "readable line for each ending; auto: colour on a terminal"},
      options.console,
      {{"auto", Console::automatic},
       {"color", Console::color},
       {"plain", Console::plain},
       {"off", Console::off}});
  table.word({"lang", "console.lang", "language of explanations"}, options.lang,
             {{"en", record::Lang::en}, {"zh", record::Lang::zh}});
  table.word(
      {"log-level", "console.log_level",
       "least severe ending the console shows: debug from normal on (finack demo starts so), "
       "info from notice, warning from fault, error only bugs"},
      options.log_level,
      {{"debug", LogLevel::debug},
       {"info", LogLevel::info},
       {"warning", LogLevel::warning},
       {"error", LogLevel::error}});
}

}  // namespace

std::expected<void, std::string> check_listen(std::string_view text) {
  constexpr std::size_t kMaxUnixPath = 107;  // sun_path without its final NUL, unix(7)
  constexpr std::uint64_t kMaxPort = 65'535;
  constexpr std::uint64_t kMaxNumber = std::numeric_limits<int>::max();
  if (text == "systemd") return {};
  if (text.starts_with("systemd:")) {
    if (is_number_up_to(text.substr(8), kMaxNumber)) return {};
    return refused(text, "counts no socket of systemd from 0");
  }
  if (text.starts_with("unix:")) {
    const std::string_view path = text.substr(5);
    if (path.empty()) return refused(text, "lacks a path");
    if (path.size() > kMaxUnixPath) return refused(text, "is longer than 107 bytes");
    return {};
  }
  if (text.starts_with("fd:")) {
    if (is_number_up_to(text.substr(3), kMaxNumber)) return {};
    return refused(text, "names no descriptor");
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return refused(text, "lacks a port");
  const std::string_view host = text.substr(0, colon);
  if (!is_number_up_to(text.substr(colon + 1), kMaxPort)) {
    return refused(text, "has no port from 0 to 65535");
  }
  if (host.empty() || host == "*" || host == "localhost" || is_ip(AF_INET, host)) return {};
  if (host.starts_with('[') && host.ends_with(']') && host.size() > 2 &&
      is_ip(AF_INET6, host.substr(1, host.size() - 2))) {
    return {};
  }
  return refused(text,
                 "has no IP address before the port (IPv6 in brackets; names are not resolved)");
}

void process_rows(config::OptionTable& table, ProcessOptions& options) {
  address_rows(table, options);
  record_rows(table, options);
}

}  // namespace finack::app
