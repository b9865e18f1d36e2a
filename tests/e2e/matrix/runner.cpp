#include "e2e/matrix/runner.h"

#include <fmt/format.h>
#include <signal.h>

#include <map>

#include "e2e/matrix/records.h"
#include "e2e/support/metrics_page.h"

namespace finack::matrix {
namespace {

constexpr Millis kBound = std::chrono::seconds(20);
/// From the end of the act to the last record; what is left serves to stop the server.
constexpr Millis kPatience = std::chrono::seconds(14);
constexpr Millis kStopBound = std::chrono::seconds(5);

/// The static expectations of the case and those that its act added.
std::vector<Expected> expectations(const Case& what, const Stage& stage) {
  std::vector<Expected> all = what.expected;
  all.insert(all.end(), stage.expectations().begin(), stage.expectations().end());
  return all;
}

/// One book: opened = ended, none live, and each cause counted as often as it must have been met.
void check_book(std::vector<std::string>& out, const MetricsPage& page, std::string_view kind,
                const std::map<std::string, int>& causes) {
  int records = 0;
  for (const auto& [cause, count] : causes) records += count;
  const auto sum = [&](std::string_view suffix, std::string_view labels = "") {
    return page.sum(fmt::format("finack_{}{}", kind, suffix), labels);
  };
  const double opened = sum("s_opened_total");
  const double ended = sum("s_ended_total");
  const double live = sum("s_live");
  bool balanced =
      opened == records && ended == records && live == 0 && sum("_endings_total") == records;
  for (const auto& [cause, count] : causes) {
    balanced &= sum("_endings_total", fmt::format("cause=\"{}\"", cause)) == count;
  }
  if (balanced) return;
  out.push_back(fmt::format("    the books of {}s: {} expected, opened {}, ended {}, live {}", kind,
                            records, opened, ended, live));
  out.push_back(page.excerpt(fmt::format("finack_{}_endings_total", kind)));
}

void check_books(std::vector<std::string>& out, const MetricsPage& page,
                 const std::vector<Expected>& expected, const Case& what) {
  std::map<std::string, int> connections;
  std::map<std::string, int> requests;
  for (const Expected& each : expected) {
    ++connections[each.connection.cause];
    for (const Row& request : each.requests) ++requests[request.cause];
  }
  for (const Row& each : what.peerless) ++connections[each.cause];
  check_book(out, page, "connection", connections);
  check_book(out, page, "request", requests);
  for (const ExpectedFinding& finding : what.findings) {
    const double count =
        page.sum("finack_findings_total", fmt::format("finding=\"{}\"", finding.name));
    if (count == 1 || (count > 1 && finding.name == "finding.loop_blocked")) continue;
    out.push_back(fmt::format("    {} counted once expected, got {}", finding.name, count));
  }
  for (const std::string_view name :
       {"finack_unknown_endings_total", "finack_endings_overflowed_total",
        "finack_records_dropped_total", "finack_record_lines_dropped_total"}) {
    if (!page.has(name) || page.sum(name) != 0) {
      out.push_back(fmt::format("    {} expected 0, got {}", name,
                                page.has(name) ? fmt::format("{}", page.sum(name)) : "nothing"));
    }
  }
}

/// Stops the server as an operator would; one that does not stop is killed, and that is a failure.
void stop(Stage& stage, const Case& what, std::vector<std::string>& out) {
  if (!stage.stopping()) stage.signal(SIGTERM);
  const int status = stage.server().wait_exit(stage.deadline().within(kStopBound));
  if (status == what.exit_status) return;
  out.push_back(fmt::format("    exit status {} expected, got {}", what.exit_status, status));
  out.push_back(stage.server().standard_error());
}

void perform(const Case& what, const RunOptions& options, Outcome& outcome) {
  const Deadline deadline(kBound);
  e2e::DemoOptions demo;
  demo.program = options.server;
  demo.directory = options.directory;
  demo.backend = options.backend;
  demo.flags = what.flags;
  demo.descriptors = what.descriptors;
  e2e::DemoServer server(demo, deadline);
  Stage stage(server, options.backend, deadline);
  std::string trouble;
  try {
    what.act(stage);
  } catch (const Failure& failure) {
    trouble = failure.what();
  }
  const std::vector<Expected> expected = expectations(what, stage);
  const Millis patience = trouble.empty() ? kPatience : Millis(1000);
  const bool came = e2e::eventually(deadline.within(patience), [&] {
    return all_there(read_records(server.records_path()), expected, what);
  });
  if (!trouble.empty()) outcome.lines.push_back("    the act failed: " + trouble);
  if (!came) outcome.lines.push_back("    not all expected records came in time");
  if (came && !stage.stopping()) {
    check_books(outcome.lines, MetricsPage(fetch_metrics(server.admin_port(), deadline)), expected,
                what);
  }
  try {
    stop(stage, what, outcome.lines);
  } catch (const Failure& failure) {
    outcome.lines.push_back(fmt::format("    {}", failure.what()));
    server.signal(SIGKILL);
  }
  const Records records = read_records(server.records_path());
  for (std::string& line : compare(records, expected, what.peerless, stage.peers())) {
    outcome.lines.push_back(std::move(line));
  }
  for (std::string& line : compare_findings(records, what.findings)) {
    outcome.lines.push_back(std::move(line));
  }
}

}  // namespace

Outcome run_case(const Case& what, const RunOptions& options) {
  return e2e::outcome_of([&](Outcome& outcome) {
    if (what.own_network) enter_own_network();
    perform(what, options, outcome);
  });
}

}  // namespace finack::matrix
