#include "app/process_options.h"

#include <fmt/format.h>

#include "config/address_text.h"
#include "config/units.h"

namespace finack::app {
namespace {

using config::kListenForms;

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

void address_rows(config::OptionTable& table, ProcessOptions& options, ListenRow listen) {
  table.group("Process", "Where the process listens and how it runs.");
  const bool in_files = listen == ListenRow::in_files;
  table.list({"listen", in_files ? "listen" : "",
              in_files ? "where requests are taken; port 0 takes a free one"
                       : "where requests are taken when no file lists listeners; port 0 takes a "
                         "free one"},
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
  return config::check_listen(text);
}

void process_rows(config::OptionTable& table, ProcessOptions& options, ListenRow listen) {
  address_rows(table, options, listen);
  record_rows(table, options);
}

}  // namespace finack::app
