#include "finack/record/ledger.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace finack::record {
namespace {

using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<ConnectionEntry>);
static_assert(!std::is_copy_assignable_v<ConnectionEntry>);
static_assert(!std::is_same_v<ConnectionEntry, RequestEntry>);
static_assert(!std::is_invocable_v<void (Ledger::*)(RequestEntry&&, const RequestRecord&), Ledger&,
                                   ConnectionEntry, RequestRecord>);
static_assert(!std::is_invocable_v<void (Ledger::*)(RequestEntry&&, const RequestRecord&), Ledger&,
                                   RequestEntry&, RequestRecord>);

class Names final : public Sink {
 public:
  void on_connection(const ConnectionRecord& r) override { add(r.ending.cause); }
  void on_request(const RequestRecord& r) override { add(r.ending.cause); }
  void on_finding(const FindingRecord& r) override { words.emplace_back(name(r.finding)); }
  void on_dropped(std::uint64_t) override {}
  void flush(WallTime) override {}
  std::vector<std::string> words;

 private:
  void add(Cause cause) { words.emplace_back(name(cause)); }
};

struct Books : testing::Test {
  std::vector<std::string> written() {
    Names names;
    std::array<Sink*, 1> sinks = {&names};
    ring.publish();
    ring.drain(sinks);
    return names.words;
  }
  std::unique_ptr<Ledger> ledger(Ledger::Options options = {}) {
    options.ring = &ring;
    return std::make_unique<Ledger>(options);
  }
  Ring ring{{.bytes = 65536}};
};

ConnectionRecord connection(Cause cause, Phase phase) {
  ConnectionRecord record;
  record.ending.cause = cause;
  record.ending.phase = phase;
  return record;
}

RequestRecord request(Cause cause) {
  RequestRecord record;
  record.ending.cause = cause;
  record.status = 200;
  record.duration = 1ms;
  return record;
}

void complete(Ledger& ledger) {
  auto entry = ledger.open_request();
  if (ledger.wants_completed()) {
    ledger.finish(std::move(entry), request(Cause::ok_completed));
  } else {
    ledger.finish_completed(std::move(entry), 1ms, 500us, 3, 130, 200);
  }
}

TEST_F(Books, OpenedIsEndedPlusLiveAfterEveryCall) {
  auto books = ledger();
  const Counters& c = books->counters();
  auto live = [&](Phase p) { return c.live_by_phase[static_cast<std::size_t>(p)].get(); };
  auto one = books->open_connection();
  auto two = books->open_connection();
  EXPECT_EQ(c.connections.opened.get(), 2U);
  EXPECT_EQ(c.connections.live(), 2U);
  EXPECT_EQ(live(Phase::accept), 2);
  books->move(Phase::accept, Phase::fresh);
  books->move(Phase::fresh, Phase::handling);
  books->move(Phase::handling, Phase::flush);
  EXPECT_EQ(live(Phase::accept), 1);
  EXPECT_EQ(live(Phase::flush), 1);
  // The deciding event came in an earlier phase than the one the connection stood in at last.
  books->finish(std::move(one), connection(Cause::client_left_waiting, Phase::handling),
                Phase::flush);
  EXPECT_EQ(live(Phase::flush), 0);
  EXPECT_EQ(live(Phase::handling), 0);
  // Without a phase: it never left the one it was opened in.
  books->finish(std::move(two), connection(Cause::resource_slots, Phase::fresh));
  EXPECT_EQ(c.connections.live(), 0U);
  for (const Gauge& gauge : c.live_by_phase) EXPECT_EQ(gauge.get(), 0);
  EXPECT_EQ(c.connections.ended.get(), 2U);
  std::uint64_t ended = 0;
  for (const auto& row : c.connections.endings.rows()) ended += row.count;
  EXPECT_EQ(ended, 2U);
}

TEST_F(Books, EveryConnectionIsWritten) {
  auto books = ledger();
  for (const Cause cause : {Cause::ok_peer_closed_idle, Cause::client_silent}) {
    books->finish(books->open_connection(), connection(cause, Phase::accept));
  }
  EXPECT_EQ(written(), (std::vector<std::string>{"ok.peer_closed_idle", "client.silent"}));
}

TEST_F(Books, AbnormalRequestsAreAlwaysWrittenOkOnesNot) {
  auto books = ledger();
  complete(*books);
  books->finish(books->open_request(), request(Cause::ok_half_close_served));
  books->finish(books->open_request(), request(Cause::app_failed));
  EXPECT_EQ(written(), std::vector<std::string>{"app.failed"});
  EXPECT_EQ(books->counters().requests.ended.get(), 3U);
}

TEST_F(Books, AllMeansAll) {
  auto books = ledger({.requests = RecordRequests::all});
  complete(*books);
  books->finish(books->open_request(), request(Cause::ok_half_close_served));
  books->finish(books->open_request(), request(Cause::app_failed));
  EXPECT_EQ(written(),
            (std::vector<std::string>{"ok.completed", "ok.half_close_served", "app.failed"}));
}

TEST_F(Books, SampledWritesEveryNthNormalRequestAndAllOthers) {
  auto books = ledger({.requests = RecordRequests::sampled, .sample = 4});
  for (int i = 0; i < 12; ++i) complete(*books);
  EXPECT_EQ(written().size(), 3U);
  for (int i = 0; i < 5; ++i) {
    books->finish(books->open_request(), request(Cause::timeout_handler));
  }
  EXPECT_EQ(written().size(), 5U);
}

TEST_F(Books, BothWaysOfACompletedRequestCountAlike) {
  auto fast = ledger();
  complete(*fast);
  auto slow = ledger({.requests = RecordRequests::all});
  auto entry = slow->open_request();
  ASSERT_TRUE(slow->wants_completed());
  RequestRecord record = request(Cause::ok_completed);
  record.ending.phase = Phase::flush;
  record.time_to_first_byte = 500us;
  record.bytes_in = 3;
  record.bytes_out = 130;
  slow->finish(std::move(entry), record);
  for (const auto* books : {&fast, &slow}) {
    const Counters& c = (*books)->counters();
    EXPECT_EQ(c.requests.ended.get(), 1U);
    EXPECT_EQ(c.requests.bytes_in.get(), 3U);
    EXPECT_EQ(c.requests.bytes_out.get(), 130U);
    EXPECT_EQ(c.request_duration.sum(), 1ms);
    EXPECT_EQ(c.time_to_first_byte.bucket(2), 1U);
    EXPECT_EQ(c.responses[1].get(), 1U);
    const auto rows = c.requests.endings.rows();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].key, (EndKey{Role::server, Purpose::traffic, EndedBy::local, How::none,
                                   Phase::flush, Cause::ok_completed}));
  }
}

TEST_F(Books, ARunOfCompletedRequestsCountsAsTheyWouldOneByOne) {
  for (const bool recording : {true, false}) {
    auto single = ledger({.recording = recording});
    auto together = ledger({.recording = recording});
    CompletedRun run;
    const auto add = [&](Nanos duration, Nanos first_byte, std::uint64_t out,
                         std::uint16_t status) {
      single->finish_completed(single->open_request(), duration, first_byte, 3, out, status);
      if (!run.fits(duration, first_byte, status)) together->finish_completed(run);
      run.add(together->open_request(), duration, first_byte, 3, out, status);
    };
    for (const std::uint64_t out : {130U, 140U, 150U}) add(1ms, 500us, out, 200);
    EXPECT_FALSE(run.fits(2ms, 500us, 200));
    EXPECT_FALSE(run.fits(1ms, 501us, 200));
    EXPECT_FALSE(run.fits(1ms, 500us, 404));
    add(1ms, 500us, 160, 404);
    add(90us, 90us, 170, 404);
    EXPECT_EQ(together->counters().requests.live(), 1U);
    together->finish_completed(run);
    together->finish_completed(run);  // empty
    const Counters& a = single->counters();
    const Counters& b = together->counters();
    EXPECT_EQ(b.requests.live(), 0U);
    EXPECT_EQ(a.requests.ended.get(), b.requests.ended.get());
    EXPECT_EQ(a.requests.bytes_in.get(), b.requests.bytes_in.get());
    EXPECT_EQ(a.requests.bytes_out.get(), b.requests.bytes_out.get());
    for (std::size_t i = 0; i < a.responses.size(); ++i)
      EXPECT_EQ(a.responses[i].get(), b.responses[i].get());
    for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
      EXPECT_EQ(a.request_duration.bucket(i), b.request_duration.bucket(i));
      EXPECT_EQ(a.time_to_first_byte.bucket(i), b.time_to_first_byte.bucket(i));
    }
    EXPECT_EQ(a.request_duration.sum(), b.request_duration.sum());
    EXPECT_EQ(a.time_to_first_byte.sum(), b.time_to_first_byte.sum());
    const auto rows = b.requests.endings.rows();
    ASSERT_EQ(rows.size(), recording ? 1U : 0U);
    EXPECT_TRUE(!recording || rows[0].count == 5);
  }
}

TEST_F(Books, EachRoleHasBooksOfItsOwn) {
  auto books = ledger();
  const Counters& c = books->counters();
  auto live = [&](Role role, Phase p) {
    return c.of(role).live_by_phase[static_cast<std::size_t>(p)].get();
  };
  auto accepted = books->open_connection();
  auto dialed = books->open_connection(Role::client, Phase::resolve);
  EXPECT_EQ(live(Role::client, Phase::resolve), 1);
  books->move(Phase::resolve, Phase::tls, Role::client);
  books->move(Phase::accept, Phase::tls);
  EXPECT_EQ(live(Role::client, Phase::tls), 1);
  EXPECT_EQ(live(Role::server, Phase::tls), 1);
  ConnectionRecord record = connection(Cause::upstream_tls_closed, Phase::tls);
  record.role = Role::client;
  record.bytes_in = 5;
  books->finish(std::move(dialed), record, Phase::tls);
  EXPECT_EQ(c.dialed.connections.live(), 0U);
  EXPECT_EQ(c.dialed.connections.bytes_in.get(), 5U);
  EXPECT_EQ(c.connections.live(), 1U);
  EXPECT_EQ(c.connections.bytes_in.get(), 0U);
  books->finish(std::move(accepted), connection(Cause::client_tls_closed, Phase::tls), Phase::tls);
  for (const Role role : {Role::server, Role::client})
    for (const Gauge& gauge : c.of(role).live_by_phase) EXPECT_EQ(gauge.get(), 0);

  auto failed = books->open_request(Role::client);
  auto completed = books->open_request(Role::client);
  EXPECT_EQ(c.dialed.requests.live(), 2U);
  EXPECT_EQ(c.requests.opened.get(), 0U);
  RequestRecord cut = request(Cause::upstream_closed_no_head);
  cut.role = Role::client;
  books->finish(std::move(failed), cut);
  books->finish_completed_try(std::move(completed), 1ms, 500us, 3, 130, 204);
  EXPECT_EQ(c.dialed.requests.live(), 0U);
  EXPECT_EQ(c.dialed.responses[1].get(), 2U);
  EXPECT_EQ(c.responses[1].get(), 0U);
  EXPECT_EQ(c.dialed.requests.endings.rows().size(), 2U);
  EXPECT_TRUE(c.requests.endings.rows().empty());
  EXPECT_EQ(written(), (std::vector<std::string>{"upstream.tls_closed", "client.tls_closed",
                                                 "upstream.closed_no_head"}))
      << "a completed try that nobody wants costs no record";
}

TEST_F(Books, EachRoleIsSampledForItself) {
  auto books = ledger({.requests = RecordRequests::sampled, .sample = 2});
  int served = 0;
  int tried = 0;
  for (int i = 0; i < 10; ++i) {
    served += books->wants_completed();
    tried += books->wants_completed(Role::client);
  }
  EXPECT_EQ(served, 5);
  EXPECT_EQ(tried, 5);
}

TEST(ConnectionIds, CountFromOne) {
  ConnectionIds ids{.boot = 7, .worker = 2};
  EXPECT_EQ(ids.next().sequence, 1U);
  const ConnectionId second = ids.next();
  EXPECT_EQ(second.sequence, 2U);
  EXPECT_EQ(second.boot, 7U);
  EXPECT_EQ(second.worker, 2U);
}

TEST_F(Books, WithoutRecordingOnlyTheBooksMove) {
  auto books = ledger({.recording = false, .requests = RecordRequests::all});
  books->finish(books->open_connection(), connection(Cause::client_silent, Phase::accept));
  EXPECT_FALSE(books->wants_completed());
  complete(*books);
  books->finish(books->open_request(), request(Cause::app_failed));
  books->find({});
  EXPECT_TRUE(written().empty());
  const Counters& c = books->counters();
  EXPECT_EQ(c.connections.opened.get(), 1U);
  EXPECT_EQ(c.connections.live(), 0U);
  EXPECT_EQ(c.requests.ended.get(), 2U);
  EXPECT_EQ(c.request_duration.count(), 0U);
  EXPECT_TRUE(c.connections.endings.rows().empty());
}

TEST_F(Books, FindingsAndDropsAreCounted) {
  auto books = ledger();
  FindingRecord finding;
  finding.finding = Finding::handler_outlived_client;
  books->find(finding);
  EXPECT_EQ(written(), std::vector<std::string>{"finding.handler_outlived_client"});
  const auto index = static_cast<std::size_t>(Finding::handler_outlived_client);
  EXPECT_EQ(books->counters().findings[index].get(), 1U);
  for (int i = 0; i < 5000; ++i) books->find(finding);
  EXPECT_GT(books->counters().dropped_records.get(), 0U);
  EXPECT_EQ(books->counters().dropped_records.get(), ring.take_dropped());
}

TEST(Entry, MovingHandsTheObligationOn) {
  auto books = std::make_unique<Ledger>(Ledger::Options{});
  auto first = books->open_connection();
  auto second = std::move(first);
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): the point of the test.
  EXPECT_TRUE(second);
  books->finish(std::move(second), connection(Cause::client_silent, Phase::accept));
  EXPECT_FALSE(second);
}

TEST(EntryDeathTest, AnEntryCannotBeForgottenOrEndedTwice) {
#ifdef NDEBUG
  GTEST_SKIP()
      << "\n*** SKIPPED: asserts are compiled out of this build; dev and sanitizers test it\n";
#else
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto books = std::make_unique<Ledger>(Ledger::Options{});
  EXPECT_DEATH({ auto lost = books->open_connection(); }, "dropped without its ending");
  EXPECT_DEATH(books->finish(RequestEntry(), request(Cause::ok_completed)), "a request ends once");
#endif
}

}  // namespace
}  // namespace finack::record
