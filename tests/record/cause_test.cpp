#include "finack/record/cause.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "finack/record/ending.h"
#include "finack/record/timer_kind.h"

namespace finack::record {
namespace {

// The closed list, written by hand from the design: name, roles, what it ends, phases, severity.
// A phase list of "any" is every phase of the role; "/" parts the server's phases from the
// client's.
constexpr std::string_view kExpected = R"(
ok.completed SC b flush/body normal
ok.peer_closed_idle S c idle normal
ok.pool_peer_closed C c pool normal
ok.pool_retired C c pool normal
ok.half_close_served S b flush normal
ok.tunnel_done SC b tunnel/tunnel normal
ok.ws_closed SC b tunnel/tunnel normal
ok.h2_goaway SC c idle/pool normal
ok.hijacked S b handling normal
client.accept_aborted S c accept normal
client.silent S c fresh normal
client.proxy_header_broken S c proxy_header fault
client.tls_closed S c tls notice
client.tls_alert S c tls notice
client.not_tls S c tls notice
client.head_truncated S b head notice
client.body_truncated S b body,queue,handling,response fault
client.left_queued S b queue notice
client.left_waiting S b handling notice
client.left_unproved S b handling,queue notice
client.left_receiving S b response fault
client.left_flush S b flush,idle fault
client.reset_idle S c idle notice
client.left_tunnel S b tunnel notice
client.h2_cancelled S r any notice
client.h2_goaway S c any notice
client.ws_lost S b tunnel notice
timeout.proxy_header S c proxy_header notice
timeout.tls SC b tls/tls notice
timeout.first_byte S c fresh normal
timeout.head S b head notice
timeout.min_rate S b head,body notice
timeout.body_idle S b body fault
timeout.body_total S b body fault
timeout.queue SC r queue/connect fault
timeout.handler S r handling fault
timeout.handler_stall S b response fault
timeout.response_stall S b response fault
timeout.response_total S b response fault
timeout.flush S b flush fault
timeout.idle S c idle normal
timeout.idle_raced S c idle fault
timeout.heartbeat SC b tunnel,idle/tunnel,pool fault
timeout.tunnel_idle SC b tunnel/tunnel notice
timeout.ws_close SC b tunnel/tunnel notice
timeout.h2_settings SC c idle/pool notice
timeout.lifetime S b any normal
timeout.drain SC b any/any notice
timeout.resolve C b resolve fault
timeout.connect C b connect fault
timeout.send C b send fault
timeout.first_response_byte C b wait fault
timeout.response_idle C b head,body fault
timeout.try C b any fault
timeout.request_total SC b any/any fault
upstream.resolve_failed C b resolve fault
upstream.refused C b connect fault
upstream.unreachable C b connect fault
upstream.connect_reset C b connect fault
upstream.tls_closed C b tls fault
upstream.tls_alert C b tls,send,wait fault
upstream.tls_untrusted C b tls fault
upstream.stale_reuse C b send,wait notice
upstream.closed_no_head C b send,wait fault
upstream.head_truncated C b head fault
upstream.body_truncated C b body fault
upstream.body_end_unproved C b body notice
upstream.early_reply C b send notice
upstream.write_refused C b send fault
upstream.bad_head C b head,body fault
upstream.head_too_large C b head,body fault
upstream.bad_framing C b head,body fault
upstream.extra_data C c body,pool fault
upstream.h2_refused C b any fault
upstream.h2_reset C b any fault
upstream.h2_goaway_unprocessed C b any fault
upstream.h2_goaway_maybe C b any fault
upstream.h2_protocol C b any fault
upstream.upgrade_refused C r head notice
upstream.left_tunnel C b tunnel notice
upstream.ws_lost C b tunnel notice
upstream.grpc_no_status C r body fault
upstream.none_healthy S r queue fault
upstream.circuit_open S r queue fault
upstream.ejected C b any notice
upstream.retries_spent S r any fault
upstream.replay_impossible S r any fault
policy.bad_request S b any notice
policy.smuggling S b any fault
policy.head_too_large S b any notice
policy.body_too_large S b any notice
policy.tls_refused S c tls notice
policy.denied S r any notice
policy.rate_limited S r any notice
policy.no_route S r any notice
policy.not_ready S r any notice
policy.maintenance S r any notice
policy.loop S r any notice
policy.connection_limited S c any notice
policy.request_limit S c any normal
policy.idle_evicted S c any notice
policy.half_close_cancelled S b any notice
policy.early_reply S b any notice
policy.response_blocked S r any fault
policy.other_leg SC c any/any notice
policy.overload_shed S b any fault
policy.h2_protocol S b any fault
policy.ws_protocol S b any fault
policy.h2_flood S c any fault
policy.fault_injected S b any notice
policy.health_check C c any normal
app.abort S b any notice
app.failed S r any fault
app.no_reply S r any fault
app.body_short S b any fault
app.body_over S b any fault
app.fd_misuse S c any fault
app.cancelled C b any normal
network.vanished SC b any/any fault
network.unreachable SC b any/any fault
network.foreign_reset SC c any/any fault
kernel.abort_unread SC c any/any fault
kernel.abort_linger SC c any/any fault
kernel.abort_memory SC c any/any fault
kernel.no_socket SC c any/any fault
kernel.time_wait_hit SC c any/any fault
kernel.bad_segment SC c any/any fault
kernel.filtered SC c any/any fault
resource.descriptors SC b any/any fault
resource.slots SC b any/any fault
resource.ports SC b any/any fault
resource.memory SC b any/any fault
resource.disk SC b any/any fault
operator.shutdown SC b any/any normal
operator.shutdown_forced SC b any/any notice
operator.reload_retired SC c any/any normal
operator.killed SC b any/any notice
operator.server_drained C c any normal
operator.process_died SC c any/any fault
bug.invariant SC b any/any bug
unknown SC b any/any bug
)";

struct Row {
  std::string name, roles, ends, phases, severity;
};

std::vector<Row> expected_rows() {
  std::vector<Row> rows;
  std::istringstream lines{std::string(kExpected)};
  Row row;
  while (lines >> row.name >> row.roles >> row.ends >> row.phases >> row.severity) {
    rows.push_back(row);
  }
  return rows;
}

PhaseSet phases_of(const std::string& words, PhaseSet any) {
  if (words == "any") return any;
  PhaseSet set;
  std::istringstream list(words);
  for (std::string word; std::getline(list, word, ',');) {
    const auto phase = parse_phase(word);
    EXPECT_TRUE(phase) << word;
    if (phase) set = set | PhaseSet(*phase);
  }
  return set;
}

TEST(Causes, EveryRowOfTheClosedListIsThereAndNoOther) {
  const std::vector<Row> rows = expected_rows();
  ASSERT_EQ(rows.size(), kCauseCount);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    SCOPED_TRACE(row.name);
    const auto cause = parse_cause(row.name);
    ASSERT_TRUE(cause);
    const CauseInfo& got = info(*cause);
    EXPECT_EQ(got.server, row.roles.contains('S'));
    EXPECT_EQ(got.client, row.roles.contains('C'));
    EXPECT_EQ(got.ends_connection, row.ends != "r");
    EXPECT_EQ(got.ends_request, row.ends != "c");
    EXPECT_EQ(name(got.severity), row.severity);
    const std::size_t slash = row.phases.find('/');
    const std::string first = row.phases.substr(0, slash);
    const std::string second = slash == std::string::npos ? first : row.phases.substr(slash + 1);
    EXPECT_EQ(got.server_phases, got.server ? phases_of(first, server_phases()) : PhaseSet());
    EXPECT_EQ(got.client_phases, got.client ? phases_of(second, client_phases()) : PhaseSet());
  }
}

TEST(Causes, TheEnumeratorAndThePrintedNameAreTheSameWord) {
  static constexpr std::string_view kSpelled[] = {
#define FINACK_CAUSE(enumerator, ...) #enumerator,
#include "finack/record/causes.def"
#undef FINACK_CAUSE
  };
  for (const CauseInfo& row : all_causes()) {
    std::string word(kSpelled[static_cast<std::size_t>(row.cause)]);
    if (row.cause != Cause::unknown) word[word.find('_')] = '.';
    EXPECT_EQ(row.name, word);
    EXPECT_EQ(row.name.substr(0, row.name.find('.')), name(row.family));
    EXPECT_EQ(parse_cause(name(row.cause)), row.cause);
    EXPECT_EQ(&info(row.cause), &row);
    EXPECT_EQ(is_ok(row.cause), row.family == CauseFamily::ok);
  }
  EXPECT_EQ(name(Cause::timeout_head), "timeout.head");
  EXPECT_EQ(name(Cause::operator_shutdown_forced), "operator.shutdown_forced");
}

TEST(Causes, TheWordsOfHowAreWordsOfItsList) {
  std::set<std::string, std::less<>> hows;
  for (int i = 0; i <= static_cast<int>(How::none); ++i) hows.emplace(name(static_cast<How>(i)));
  EXPECT_EQ(hows.size(), 13U);
  for (const CauseInfo& row : all_causes()) {
    std::istringstream words{std::string(row.how)};
    int count = 0;
    for (std::string word; words >> word; ++count) {
      EXPECT_TRUE(hows.contains(word)) << row.name << ": " << word;
    }
    EXPECT_GT(count, 0) << row.name;
    EXPECT_FALSE(row.when.empty()) << row.name;
    if (row.family == CauseFamily::timeout) {
      EXPECT_EQ(row.how, "timeout") << row.name;
    }
  }
}

TEST(Causes, UnknownWordsAreRefused) {
  EXPECT_FALSE(parse_cause(""));
  EXPECT_FALSE(parse_cause("timeout_head"));
  EXPECT_FALSE(parse_cause("timeout.headless"));
  EXPECT_FALSE(parse_finding("loop_blocked"));
  EXPECT_FALSE(parse_phase("linger"));
  EXPECT_FALSE(parse_severity("warning"));
  EXPECT_FALSE(parse_timer_kind("per_try"));
}

TEST(Findings, EveryRowOfTheClosedListIsThereAndNoOther) {
  const std::vector<std::string_view> expected = {
      "finding.accept_overflow",       "finding.syn_overflow",
      "finding.listener_gone",         "finding.time_wait_overflow",
      "finding.time_wait_pressure",    "finding.fin_wait2_reaped",
      "finding.fin_ignored",           "finding.bind_failed",
      "finding.silent_drop_suspected", "finding.handler_outlived_client",
      "finding.loop_blocked"};
  ASSERT_EQ(expected.size(), kFindingCount);
  for (const std::string_view word : expected) {
    const auto finding = parse_finding(word);
    ASSERT_TRUE(finding) << word;
    EXPECT_EQ(name(*finding), word);
    EXPECT_EQ(info(*finding).finding, *finding);
    EXPECT_FALSE(info(*finding).when.empty());
  }
}

TEST(Phases, NamesRoundTripAndRolesHaveTheirOwn) {
  const std::vector<std::string_view> server = {"accept",   "proxy_header", "tls",   "fresh",
                                                "head",     "body",         "queue", "handling",
                                                "response", "flush",        "idle",  "tunnel"};
  const std::vector<std::string_view> client = {"resolve", "connect", "tls",  "send",  "wait",
                                                "head",    "body",    "pool", "tunnel"};
  std::set<std::string_view> all(server.begin(), server.end());
  all.insert(client.begin(), client.end());
  EXPECT_EQ(all.size(), kPhaseCount);
  for (std::size_t i = 0; i < kPhaseCount; ++i) {
    const auto phase = static_cast<Phase>(i);
    EXPECT_EQ(parse_phase(name(phase)), phase);
    EXPECT_TRUE(all.contains(name(phase)));
    EXPECT_EQ(server_phases().contains(phase), std::ranges::count(server, name(phase)) == 1);
    EXPECT_EQ(client_phases().contains(phase), std::ranges::count(client, name(phase)) == 1);
  }
}

TEST(Words, SeveritiesAndTimersRoundTrip) {
  for (std::size_t i = 0; i < kSeverityCount; ++i) {
    EXPECT_EQ(parse_severity(name(static_cast<Severity>(i))), static_cast<Severity>(i));
  }
  for (std::size_t i = 0; i < kTimerKindCount; ++i) {
    EXPECT_EQ(parse_timer_kind(name(static_cast<TimerKind>(i))), static_cast<TimerKind>(i));
  }
  EXPECT_EQ(name(FoundBy::flush), "flush");
  EXPECT_EQ(name(Delivered::nothing_owed), "nothing_owed");
  EXPECT_EQ(name(Linger::expired), "expired");
}

}  // namespace
}  // namespace finack::record
