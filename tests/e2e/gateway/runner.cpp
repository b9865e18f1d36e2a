#include "e2e/gateway/runner.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>

#include <fstream>
#include <map>

#include "e2e/gateway/comparison.h"
#include "e2e/support/metrics_page.h"

namespace finack::gateway_matrix {
namespace {

constexpr Millis kBound = std::chrono::seconds(20);
/// From the end of the act to the last record; what is left serves to stop the gateway.
constexpr Millis kPatience = std::chrono::seconds(12);
constexpr Millis kStopBound = std::chrono::seconds(5);

/// A flow mapping of `first` and, where there is more, `rest`.
std::string mapping(std::string first, const std::string& rest) {
  if (!rest.empty()) first += ", " + rest;
  return "{ " + first + " }";
}

std::string file_text(const File& file, std::deque<Upstream>& upstreams) {
  std::vector<std::string> servers = file.servers;
  if (file.by_name) servers = {fmt::format("\"api.test:{}\"", upstreams.front().port())};
  if (servers.empty())
    for (const Upstream& upstream : upstreams) servers.push_back(upstream.address());
  std::string cluster = fmt::format("servers: [ {} ]", fmt::join(servers, ", "));
  if (file.tls) {
    cluster +=
        fmt::format(", tls: {{ ca: \"{}\", server_name: {} }}", trusted_file(), file.tls_name);
  }
  return fmt::format(
      "proxy_status: true\n"
      "listeners: [ {} ]\n"
      "clusters:\n"
      "  api: {}\n"
      "routes: [ {} ]\n",
      mapping("address: \"127.0.0.1:0\"", file.listener), mapping(cluster, file.cluster),
      mapping("match: { prefix: / }, cluster: api", file.route) +
          (file.second_route.empty() ? "" : ", { " + file.second_route + " }"));
}

/// One book of one role: opened = ended + kept, and each cause counted as often as it was met.
void check_book(std::vector<std::string>& out, const e2e::MetricsPage& page, std::string_view kind,
                std::string_view role, std::size_t kept, const std::map<std::string, int>& causes) {
  const std::string of_role = fmt::format("role=\"{}\"", role);
  double ended = 0;
  bool balanced = true;
  for (const auto& [cause, count] : causes) {
    ended += count;
    const std::string of_cause = fmt::format("cause=\"{}\"", cause);
    balanced &=
        page.sum_of(fmt::format("finack_{}_endings_total", kind), {of_role, of_cause}) == count;
  }
  const auto sum = [&](std::string_view suffix) {
    return page.sum(fmt::format("finack_{}{}", kind, suffix), of_role);
  };
  const auto open = static_cast<double>(kept);
  balanced &= sum("s_opened_total") == ended + open && sum("s_ended_total") == ended &&
              sum("s_live") == open && sum("_endings_total") == ended;
  if (balanced) return;
  out.push_back(fmt::format(
      "    the books of {}s, role {}: {} ended and {} live expected, opened "
      "{}, ended {}, live {}",
      kind, role, ended, kept, sum("s_opened_total"), sum("s_ended_total"), sum("s_live")));
  out.push_back(page.excerpt(fmt::format("finack_{}_endings_total", kind)));
}

void check_books(std::vector<std::string>& out, const e2e::MetricsPage& page, const Case& what) {
  std::map<std::string, int> accepted;
  std::map<std::string, int> dialed;
  std::map<std::string, int> requests;
  std::map<std::string, int> tries;
  for (const Front& front : what.fronts) {
    ++accepted[front.connection.cause];
    for (const Proxied& request : front.requests) {
      ++requests[request.record.cause];
      for (const Try& one : request.tries) ++tries[one.record.cause];
    }
  }
  const Counts counts(what);
  for (const Row& one : what.dialed)
    if (one.cause != "operator.shutdown") ++dialed[one.cause];
  check_book(out, page, "connection", "server", 0, accepted);
  check_book(out, page, "request", "server", 0, requests);
  if (!what.dialed.empty()) check_book(out, page, "connection", "client", counts.kept, dialed);
  if (counts.tries > 0) check_book(out, page, "request", "client", 0, tries);
  for (const std::string_view name :
       {"finack_unknown_endings_total", "finack_endings_overflowed_total",
        "finack_records_dropped_total", "finack_record_lines_dropped_total"}) {
    if (page.has(name) && page.sum(name) == 0) continue;
    out.push_back(fmt::format("    {} expected 0, got {}", name, page.sum(name)));
  }
}

/// Stops the gateway as an operator would; one that does not stop is killed, and that is a failure.
void stop(Stage& stage, const Case& what, std::vector<std::string>& out) {
  try {
    if (!stage.stopping()) stage.signal(SIGTERM);
    const int status = stage.server().wait_exit(stage.deadline().within(kStopBound));
    if (status == what.exit_status) return;
    out.push_back(fmt::format("    exit status {} expected, got {}", what.exit_status, status));
    out.push_back(stage.server().standard_error());
  } catch (const Failure& failure) {
    out.push_back(fmt::format("    {}", failure.what()));
    stage.server().signal(SIGKILL);
  }
}

void open_upstreams(std::deque<Upstream>& upstreams, const Case& what, const Deadline& deadline,
                    NameServer* names) {
  std::vector<std::uint8_t> hosts;
  for (std::size_t i = 0; i < what.file.upstreams; ++i) {
    const auto host = static_cast<std::uint8_t>(what.file.by_name ? i + 1 : 1);
    const std::uint16_t port = what.file.by_name && i > 0 ? upstreams.front().port() : 0;
    upstreams.emplace_back(deadline, what.backlog, host, port);
    hosts.push_back(host);
  }
  if (what.file.by_name) names->hold(hosts);
}

void perform(const Case& what, const e2e::RunOptions& options, NameServer* names,
             e2e::Outcome& outcome) {
  const Deadline deadline(kBound);
  std::deque<Upstream> upstreams;
  open_upstreams(upstreams, what, deadline, names);
  const std::string file = options.directory + "/finack.yaml";
  std::ofstream(file) << file_text(what.file, upstreams);
  e2e::DemoOptions start;
  start.program = options.server;
  start.command = {"serve", "--config", file};
  start.directory = options.directory;
  start.backend = options.backend;
  e2e::DemoServer server(start, deadline);
  Stage stage(server, options.backend, deadline, upstreams, file, names);
  std::string trouble;
  try {
    what.act(stage);
  } catch (const Failure& failure) {
    trouble = failure.what();
  }
  const auto records = [&] { return GatewayRecords(e2e::read_records(server.records_path())); };
  const Counts counts(what);
  const bool came = e2e::eventually(deadline.within(trouble.empty() ? kPatience : Millis(1000)),
                                    [&] { return all_there(records(), counts); });
  if (!trouble.empty()) outcome.lines.push_back("    the act failed: " + trouble);
  if (!came) outcome.lines.push_back("    not all expected records came in time");
  if (came && !stage.stopping() && !server.exited()) {
    const std::string page = e2e::fetch_metrics(server.admin_port(), deadline);
    check_books(outcome.lines, e2e::MetricsPage(page), what);
  }
  stop(stage, what, outcome.lines);
  for (std::string& line : compare(records(), what, stage))
    outcome.lines.push_back(std::move(line));
}

}  // namespace

e2e::Outcome run_case(const Case& what, const e2e::RunOptions& options) {
  return e2e::outcome_of([&](e2e::Outcome& outcome) {
    if (what.own_network) e2e::enter_own_network();
    std::optional<NameServer> names;
    if (what.names) names.emplace(*what.names, options.directory);
    perform(what, options, names ? &*names : nullptr, outcome);
  });
}

}  // namespace finack::gateway_matrix
