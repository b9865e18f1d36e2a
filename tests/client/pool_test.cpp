// A worker's connections to one server: who gets which, and when they are let go.
#include "client/pool.h"

#include <gtest/gtest.h>

#include "client/client_test.h"

namespace finack::client::tests {
namespace {

using record::Cause;

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class PoolTest : public ClientTest {
 protected:
  Pool& pool() { return *rig_->pool; }
  /// Answers whatever request stands at any socket.
  void answer_all() {
    for (auto& peer : rig().peers) {
      if (peer->received.find("\r\n\r\n") == std::string::npos) continue;
      peer->received.clear();
      peer->send(kOk);
    }
  }
  /// One whole request; the id of the connection it went over, 0 where it failed.
  std::uint64_t ask(Try::Begin how = {}) {
    Asker& asker = rig().make();
    rig().begin(asker, how);
    EXPECT_TRUE(rig().until([&] {
      answer_all();
      return asker.done();
    }));
    return asker.failed ? 0 : asker.attempt.connection().sequence;
  }
};
TEST_P(PoolTest, TheConnectionUsedLastGoesOutFirst) {
  DIALING();
  Asker& a = rig().make();
  Asker& b = rig().make();
  rig().begin(a);
  rig().begin(b);
  ASSERT_TRUE(rig().until([&] { return rig().peers.size() == 2 && a.ready && b.ready; }));
  ASSERT_TRUE(rig().until([&] {
    answer_all();
    return a.done() && b.done();
  }));
  ASSERT_EQ(pool().free_connections(), 2U);
  const std::uint64_t last = ask();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(), last);
  EXPECT_EQ(rig().peers.size(), 2U);
}

TEST_P(PoolTest, AFreshOneIsDialedForWhoAsksForIt) {
  DIALING();
  const std::uint64_t first = ask();
  EXPECT_EQ(ask(), first);
  EXPECT_NE(ask({.fresh_only = true}), first);
  EXPECT_EQ(rig().peers.size(), 2U);
}

TEST_P(PoolTest, NoneIsHandedOutWhoseEndHasArrived) {
  for (const bool reset : {false, true}) {
    SCOPED_TRACE(reset);
    DIALING();
    const std::uint64_t first = ask();
    rig().settle();
    // The proxy stands still: the end arrives, then a request comes, and both wait for the loop.
    reset ? rig().peer().reset() : rig().peer().close();
    EXPECT_NE(ask(), first);
    EXPECT_EQ(rig().requests.size(), 2U);
    for (const std::string& line : rig().requests)
      EXPECT_NE(line.find("ok.completed"), std::string::npos) << line;
  }
}

TEST_P(PoolTest, AResponseAndAFinInOneFreeNoConnectionForWhoWaits) {
  DIALING({.rules = {.connections = 1}});
  Asker& first = rig().asked();
  Asker& second = rig().make();
  rig().begin(second);
  rig().settle();
  EXPECT_FALSE(second.ready) << "one place only";
  EXPECT_TRUE(pool().full());
  rig().peer().received.clear();
  rig().peer().send(kOk);
  rig().peer().finish();
  ASSERT_TRUE(rig().until([&] {
    answer_all();
    return second.done();
  }));
  EXPECT_FALSE(second.failed);
  EXPECT_FALSE(second.attempt.reused());
  EXPECT_NE(second.attempt.connection().sequence, first.attempt.connection().sequence);
}

TEST_P(PoolTest, WhoWaitsGetsTheOneThatBecomesFree) {
  DIALING({.rules = {.connections = 1}});
  Asker& first = rig().asked();
  Asker& second = rig().make();
  Asker& gone = rig().make();
  rig().begin(gone);
  rig().begin(second);
  rig().settle();
  gone.attempt.cancel(Cause::app_cancelled);
  rig().answer(first, kOk);
  ASSERT_TRUE(rig().until([&] {
    answer_all();
    return second.done();
  }));
  EXPECT_TRUE(second.attempt.reused());
  EXPECT_FALSE(gone.ready);
  EXPECT_EQ(rig().peers.size(), 1U);
}

TEST_P(PoolTest, APlaceThatAnotherWorkerGivesUpIsTaken) {
  DIALING({.rules = {.connections = 1}});
  ASSERT_TRUE(rig().server->take_connection(1));  // the other worker's
  Asker& asker = rig().make();
  rig().begin(asker);
  rig().advance(100ms, 5ms);
  EXPECT_TRUE(rig().peers.empty());
  rig().server->give_connection();
  rig().advance(20ms, 5ms);
  ASSERT_TRUE(rig().until([&] {
    answer_all();
    return asker.done();
  }));
}

TEST_P(PoolTest, WhoComesLaterDoesNotPutOffTheLookForAPlace) {
  DIALING({.rules = {.connections = 1, .wait = 100ms}});
  ASSERT_TRUE(rig().server->take_connection(1));  // the other worker's
  Asker& first = rig().make();
  rig().begin(first);
  for (int i = 0; i < 30; ++i) {
    rig().advance(5ms, 5ms);
    rig().begin(rig().make());
  }
  EXPECT_TRUE(first.failed);
  rig().server->give_connection();
  rig().advance(5ms, 5ms);
  rig().begin(rig().make());
  rig().advance(5ms, 5ms);
  rig().begin(rig().make());
  rig().advance(5ms, 5ms);
  EXPECT_TRUE(rig().until([&] { return !rig().peers.empty(); }));
}

TEST_P(PoolTest, AFreeConnectionMakesRoomForAnotherWorker) {
  DIALING({.rules = {.connections = 1, .wait = 1s}});
  EXPECT_NE(ask(), 0U);
  ASSERT_EQ(pool().free_connections(), 1U);
  record::ConnectionIds ids{.boot = 1, .worker = 1};
  Pool other({.loop = rig().loop.get(),
              .ledger = &*rig().ledger,
              .ids = &ids,
              .server = rig().server,
              .rules = {.connections = 1, .wait = 1s},
              .timeouts = {},
              .limits = {}});
  {
    Asker asker(*rig().loop, *rig().ledger);
    asker.attempt.begin(other, {});
    rig().advance(300ms, 5ms);
    EXPECT_EQ(pool().live_connections(), 0U);
    EXPECT_TRUE(rig().until([&] {
      answer_all();
      return asker.done();
    }));
    EXPECT_FALSE(asker.failed);
    // And back: what is free there makes room here.
    Asker& mine = rig().make();
    rig().begin(mine);
    rig().advance(300ms, 5ms);
    EXPECT_EQ(other.live_connections(), 0U);
    EXPECT_TRUE(rig().until([&] {
      answer_all();
      return mine.done();
    }));
    EXPECT_FALSE(mine.failed);
    rig().advance(300ms, 5ms);
    EXPECT_EQ(pool().free_connections(), 1U) << "nobody wants its place any more";
  }
  other.cut(Cause::operator_shutdown);
  EXPECT_TRUE(rig().until([&] { return other.empty(); }));
}

TEST_P(PoolTest, LimitsRetireConnections) {
  DIALING({.rules = {.requests_per_connection = 2, .age = 10s, .free_connections = 1}});
  const std::uint64_t first = ask();
  EXPECT_EQ(ask(), first);
  const std::uint64_t second = ask();
  EXPECT_NE(second, first);
  rig().advance(11s, 1s);
  EXPECT_NE(ask(), second);
  ASSERT_TRUE(rig().until([&] { return rig().connections.size() == 2; }));
  for (const std::string& line : rig().connections)
    EXPECT_TRUE(line.starts_with("local fin pool ok.pool_retired normal all")) << line;
}

TEST_P(PoolTest, CloseEndsFreeOnesNowAndBusyOnesWhenTheyAreFree) {
  DIALING();
  Asker& busy = rig().asked();
  Asker& other = rig().make();
  rig().begin(other);
  ASSERT_TRUE(rig().until([&] { return rig().peers.size() == 2; }));
  ASSERT_TRUE(
      rig().until([&] { return rig().peers[1]->received.find("\r\n\r\n") != std::string::npos; }));
  rig().answer(other, kOk);
  EXPECT_EQ(pool().free_connections(), 1U);
  pool().close(Cause::operator_server_drained);
  Asker& late = rig().make();
  rig().begin(late);
  ASSERT_TRUE(rig().until([&] { return late.done() && rig().connections.size() == 1; }));
  EXPECT_EQ(late.failed->cause, Cause::upstream_ejected);
  EXPECT_FALSE(busy.done());
  answer_all();
  ASSERT_TRUE(rig().until([&] { return busy.done() && pool().empty(); }));
  EXPECT_FALSE(busy.failed);
}

TEST_P(PoolTest, WhoWaitsForADialHearsOfTheCloseAsARequest) {
  DIALING();
  Asker& waiting = rig().make();
  rig().begin(waiting);
  rig().loop->run_once(0ms);
  ASSERT_EQ(pool().live_connections(), 1U);
  ASSERT_FALSE(waiting.ready);
  pool().close(Cause::operator_server_drained);
  EXPECT_FALSE(waiting.failed) << "told from inside close()";
  ASSERT_TRUE(rig().until([&] { return waiting.done() && !rig().requests.empty(); }));
  EXPECT_EQ(waiting.failed->cause, Cause::upstream_ejected);
  EXPECT_EQ(rig().requests[0],
            "local fin connect upstream.ejected notice nothing_owed proved status=0 number=0");
  EXPECT_TRUE(rig().connections[0].starts_with("local fin connect operator.server_drained"))
      << rig().connections[0];
}

TEST_P(PoolTest, ARequestThatIsCutWithItsConnectionHasACauseOfItsOwn) {
  DIALING();
  Asker& busy = rig().asked();
  pool().cut(Cause::operator_server_drained);
  ASSERT_TRUE(rig().until([&] { return busy.done() && !rig().requests.empty(); }));
  EXPECT_EQ(busy.failed->cause, Cause::upstream_ejected);
  EXPECT_EQ(rig().requests[0],
            "local fin wait upstream.ejected notice all proved status=0 number=1");
  EXPECT_EQ(rig().connections[0],
            "local fin wait operator.server_drained normal all proved requests=1");
}

TEST_P(PoolTest, WhoseRequestIsCutMayGiveUpItsOthers) {
  DIALING();
  Asker* askers[3];
  for (Asker*& one : askers) rig().begin(*(one = &rig().make()));
  ASSERT_TRUE(rig().until(
      [&] { return std::ranges::all_of(askers, [](Asker* one) { return one->ready; }); }));
  for (Asker* one : askers) {
    one->at_end = [&] {
      for (Asker* other : askers) other->attempt.cancel(Cause::app_cancelled);
    };
  }
  pool().cut(Cause::operator_server_drained);
  ASSERT_TRUE(rig().until([&] { return pool().empty(); }));
  EXPECT_EQ(std::ranges::count_if(askers, [](Asker* one) { return one->failed.has_value(); }), 1);
  EXPECT_EQ(rig().connections.size(), 3U);
}

TEST_P(PoolTest, AFreeConnectionMakesRoomForAFreshOne) {
  DIALING({.rules = {.connections = 1}});
  const std::uint64_t first = ask();
  ASSERT_EQ(pool().free_connections(), 1U);
  const std::uint64_t second = ask({.fresh_only = true});
  EXPECT_NE(second, 0U);
  EXPECT_NE(second, first);
}

TEST_P(PoolTest, NobodyWaitsForEverForAPlace) {
  DIALING({.rules = {.connections = 1, .wait = 3s}});
  rig().asked();
  Asker& second = rig().make();
  rig().begin(second);
  rig().advance(2s, 100ms);
  EXPECT_FALSE(second.done());
  rig().advance(1100ms, 100ms);
  ASSERT_TRUE(second.failed);
  EXPECT_EQ(second.failed->cause, Cause::timeout_queue);
  EXPECT_EQ(rig().requests[0],
            "local timeout connect timeout.queue fault nothing_owed proved status=0 number=0");
  EXPECT_STREQ(second.failed->evidence.setting, "timeouts.queue");
  EXPECT_EQ(Nanos(second.failed->evidence.setting_value), Nanos(3s));
  EXPECT_EQ(rig()
                .ledger->counters()
                .timer_fires[static_cast<std::size_t>(record::TimerKind::queue)]
                .get(),
            1U);
}

TEST_P(PoolTest, ARequestMayHaveAWaitOfItsOwn) {
  DIALING({.rules = {.connections = 1, .wait = 10s}});
  rig().asked();
  Asker& patient = rig().make();
  rig().begin(patient);
  Asker& second = rig().make();
  rig().begin(second, {.wait = 1s});
  rig().advance(1100ms, 100ms);
  ASSERT_TRUE(second.failed);
  EXPECT_EQ(second.failed->cause, Cause::timeout_queue);
  EXPECT_EQ(Nanos(second.failed->evidence.setting_value), Nanos(1s));
  EXPECT_FALSE(patient.failed);
}

TEST_P(PoolTest, WithoutALimitOfOursAFreeConnectionIsKept) {
  DIALING({.rules = {.idle = 0s}});
  const std::uint64_t first = ask();
  rig().advance(30 * 24h, 24h);
  EXPECT_EQ(ask(), first);
  EXPECT_EQ(pool().free_connections(), 1U);
}

TEST_P(PoolTest, KeepAliveAsAdvertisedIsKept) {
  DIALING();
  Asker& asker = rig().asked();
  rig().answer(asker, "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(rig().server->keep_alive.limit(), 5s);
  rig().advance(4s, 500ms);
  EXPECT_EQ(ask(), asker.attempt.connection().sequence);
  rig().advance(5s, 500ms);
  EXPECT_NE(ask(), asker.attempt.connection().sequence);
}

TEST_P(PoolTest, RecordsOfIdleEndsSayWhatWasKnownOfTheServersLimit) {
  DIALING();
  rig().answer(rig().asked(),
               "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n");
  rig().advance(3s);
  rig().peer().close();
  ASSERT_TRUE(rig().until([&] { return rig().connections.size() == 1; }));
  const record::KeepAliveLimits first = rig().keep_alives[0];
  EXPECT_TRUE(first.valid);
  EXPECT_EQ(first.advertised, 5s);
  EXPECT_LT(first.observed, 0s) << "it is learned from this end, which did not go by it";
  EXPECT_EQ(first.used, 5s);
  EXPECT_EQ(rig().evidence[0].idle_us, 3'000'000U);

  EXPECT_NE(ask(), 0U);
  pool().drain(Cause::operator_server_drained);
  ASSERT_TRUE(rig().until([&] { return rig().connections.size() == 2; }));
  EXPECT_EQ(rig().keep_alives[1].advertised, 5s);
  EXPECT_EQ(rig().keep_alives[1].observed, 3s);
  EXPECT_EQ(rig().keep_alives[1].used, 3s);
  EXPECT_EQ(rig().evidence[1].idle_us, 0U);
}

TEST_P(PoolTest, NoLimitOfOursIsNoneInTheRecord) {
  DIALING({.rules = {.idle = 0s}});
  EXPECT_NE(ask(), 0U);
  rig().peer().close();
  ASSERT_TRUE(rig().until([&] { return rig().connections.size() == 1; }));
  EXPECT_TRUE(rig().keep_alives[0].valid);
  EXPECT_LT(rig().keep_alives[0].used, 0s);
}

TEST_P(PoolTest, WhatEndsWithARequestSaysNothingOfKeepAlive) {
  DIALING();
  rig().asked();
  rig().peer().close();
  ASSERT_TRUE(rig().until([&] { return rig().connections.size() == 1; }));
  EXPECT_FALSE(rig().keep_alives[0].valid);
}

TEST_P(PoolTest, ItsServerKnowsHowManyAreFree) {
  DIALING();
  const auto free = [&] { return rig().server->connections_free.load(); };
  EXPECT_NE(ask(), 0U);
  EXPECT_EQ(free(), 1U);
  Asker& busy = rig().asked();
  EXPECT_EQ(free(), 0U);
  rig().answer(busy, kOk);
  EXPECT_EQ(free(), 1U);
  rig().advance(61s);
  EXPECT_EQ(free(), 0U) << "too old";
}

INSTANTIATE_TEST_SUITE_P(, PoolTest, ::testing::Values(net::Backend::epoll, net::Backend::io_uring),
                         finack::tests::backend_name);

}  // namespace
}  // namespace finack::client::tests
