#include <atomic>
#include <optional>
#include <thread>

#include "net/conformance.h"
#include "net/dns_server.h"
#include "net/resolver.h"

namespace finack::net::testing {
namespace {

class ResolverConformance : public Conformance, public LookupObserver {
 protected:
  void TearDown() override { resolver.reset(); }
  void use(const std::string& servers, ResolverOptions options = {}) {
    options.servers = servers;
    options.search = false;
    auto made = Resolver::create(*loop, options);
    ASSERT_TRUE(made) << made.error().what;
    resolver = std::move(*made);
  }
  Resolved resolve(const std::string& name, const LookupOptions& options = {}) {
    Lookup lookup(*resolver, *this);
    calls = 0;
    lookup.start(name, 80, options);
    EXPECT_EQ(calls, 0) << "told from inside start()";
    EXPECT_TRUE(run_until([&] { return calls > 0; }));
    run_for(5ms);
    EXPECT_EQ(calls, 1);
    EXPECT_FALSE(lookup.active());
    return last;
  }
  void on_resolved(const Resolved& resolved) override {
    ++calls;
    last = resolved;
  }

  std::unique_ptr<Resolver> resolver;
  Resolved last;
  int calls = 0;
};
FINACK_BOTH_BACKENDS(ResolverConformance);

TEST_P(ResolverConformance, AAndAaaaWithTheSmallestTtl) {
  DnsServer server([](const Query& query) {
    if (query.type == kA) {
      return query.answer(0, {query.record(kA, 60, std::string("\xc0\x00\x02\x01", 4)),
                              query.record(kA, 30, std::string("\xc0\x00\x02\x02", 4))});
    }
    std::string v6(16, '\0');
    v6[0] = 0x20;
    v6[15] = 9;
    return query.answer(0, {query.record(kAaaa, 300, v6)});
  });
  use(server.name());
  const Resolved got = resolve("both.test");
  ASSERT_TRUE(got) << name(got.error);
  EXPECT_EQ(got.ttl, 30s);
  EXPECT_FALSE(got.cached);
  EXPECT_GT(got.took, 0ns);
  std::vector<std::string> texts;
  for (const Address& address : got.addresses) texts.push_back(to_string(address));
  EXPECT_THAT(texts,
              ::testing::UnorderedElementsAre("192.0.2.1:80", "192.0.2.2:80", "[2000::9]:80"));
  EXPECT_EQ(resolver->sockets(), 0u) << "idle it holds no socket";
}

TEST_P(ResolverConformance, TheCacheAnswersUntilTheTtlAndFreshRenewsIt) {
  std::atomic<int> host = 1;
  DnsServer server([&](const Query& query) { return query.v4(host, 100); });
  ManualClock clock;
  make_loop({.clock = &clock});
  if (loop == nullptr || IsSkipped()) return;
  use(server.name());
  EXPECT_EQ(resolve("cached.test").addresses[0].bytes[3], 1);
  const int asked = server.asked();
  host = 2;
  clock.advance(99s);
  loop->run_once(0ms);
  const Resolved again = resolve("cached.test");
  EXPECT_TRUE(again.cached);
  EXPECT_EQ(again.addresses[0].bytes[3], 1);
  EXPECT_EQ(again.ttl, 1s);
  EXPECT_EQ(again.addresses[0].port, 80);
  EXPECT_EQ(server.asked(), asked);
  EXPECT_EQ(resolve("cached.test", {.fresh = true}).addresses[0].bytes[3], 2);
  EXPECT_EQ(resolve("cached.test").addresses[0].bytes[3], 2);
  host = 3;
  clock.advance(101s);
  loop->run_once(0ms);
  EXPECT_EQ(resolve("cached.test").addresses[0].bytes[3], 3);
}

TEST_P(ResolverConformance, TtlsAreClampedAndTheCacheBounded) {
  DnsServer server(
      [](const Query& query) { return query.v4(1, query.name == "short.test" ? 0 : 30'000); });
  use(server.name(), {.min_ttl = 5s, .max_ttl = 60s, .max_cached = 2});
  EXPECT_EQ(resolve("short.test").ttl, 5s);
  EXPECT_EQ(resolve("long.test").ttl, 60s);
  EXPECT_EQ(resolve("longer.test").ttl, 60s);
  EXPECT_EQ(resolver->cached(), 2u);
  EXPECT_TRUE(resolve("long.test").cached);
  EXPECT_FALSE(resolve("short.test").cached) << "what expires first goes first";
  use(server.name(), {.max_ttl = 0s});
  EXPECT_TRUE(resolve("long.test"));
  EXPECT_FALSE(resolve("long.test").cached);
}

TEST_P(ResolverConformance, EachRefusalHasItsError) {
  DnsServer server([](const Query& query) -> std::string {
    if (query.name == "nxdomain.test") return query.answer(3, {});
    if (query.name == "servfail.test") return query.answer(2, {});
    if (query.name == "refused.test") return query.answer(5, {});
    if (query.name == "formerr.test") return query.answer(1, {});
    if (query.name == "broken.test") {  // a record that says it is longer than the message
      return query.answer(0, {u16(0xc00c) + u16(query.type) + u16(1) + u16(0) + u16(9) + u16(400)});
    }
    if (query.name == "looping.test") {  // a name that points at itself
      const auto self = 0xc000 | static_cast<int>(query.bytes.size());
      return query.answer(0, {u16(self) + u16(query.type) + u16(1) + u16(0) + u16(9) + u16(0)});
    }
    return query.answer(0, {});
  });
  use(server.name(), {.tries = 1});
  EXPECT_EQ(resolve("nxdomain.test").error, ResolveError::not_found);
  EXPECT_EQ(resolve("nodata.test").error, ResolveError::no_data);
  EXPECT_EQ(resolve("broken.test").error, ResolveError::malformed);
  EXPECT_EQ(resolve("looping.test").error, ResolveError::malformed);
  EXPECT_EQ(resolve("servfail.test").error, ResolveError::failed);
  EXPECT_EQ(resolve("refused.test").error, ResolveError::failed);
  EXPECT_EQ(resolve("formerr.test").error, ResolveError::malformed);
  EXPECT_EQ(resolve(std::string(300, 'x') + ".test").error, ResolveError::bad_name);
  EXPECT_EQ(resolver->cached(), 0u);
}

TEST_P(ResolverConformance, OneFamilyThatFailsDoesNotSpoilTheOther) {
  DnsServer server(
      [](const Query& query) { return query.type == kA ? query.v4(7, 50) : query.answer(2, {}); });
  use(server.name(), {.tries = 1});
  const Resolved got = resolve("half.test");
  ASSERT_TRUE(got) << name(got.error);
  EXPECT_EQ(got.addresses.size(), 1u);
}

TEST_P(ResolverConformance, ATruncatedAnswerIsAskedForAgainOverTcp) {
  DnsServer server([](const Query& query) {
    return query.over_tcp ? query.v4(8, 50) : query.answer(0x200, {});
  });
  use(server.name());
  const Resolved got = resolve("large.test");
  ASSERT_TRUE(got) << name(got.error);
  EXPECT_EQ(got.addresses[0].bytes[3], 8);
  EXPECT_GT(server.asked_over_tcp(), 0);
}

TEST_P(ResolverConformance, SilenceTimesOutByTriesOrByTheLookupsTimer) {
  DnsServer server([](const Query&) { return std::string(); });
  use(server.name(), {.try_timeout = 50ms, .tries = 2});
  const Resolved tries = resolve("silent.test");
  EXPECT_EQ(tries.error, ResolveError::timed_out);
  EXPECT_GE(tries.took, 100ms);
  EXPECT_GE(server.asked(), 4) << "two tries for each of A and AAAA";
  use(server.name());
  const Resolved timer = resolve("silent.test", {.timeout = 40ms});
  EXPECT_EQ(timer.error, ResolveError::timed_out);
  EXPECT_GE(timer.took, 40ms);
  EXPECT_LT(timer.took, 1s);
}

TEST_P(ResolverConformance, ALateAnswerToAFirstTryIsTaken) {
  std::atomic<int> seen = 0;
  DnsServer server(
      [&](const Query& query) { return ++seen <= 2 ? std::string() : query.v4(4, 50); });
  use(server.name(), {.try_timeout = 30ms, .tries = 3});
  EXPECT_TRUE(resolve("second.test"));
}

TEST_P(ResolverConformance, NobodyThereIsAnError) {
  std::string dead;
  {
    DnsServer server([](const Query&) { return std::string(); });
    dead = server.name();
  }
  use(dead, {.try_timeout = 50ms, .tries = 1});
  const ResolveError error = resolve("x.test").error;
  // An ICMP refusal is told by the socket on one try or the next.
  EXPECT_TRUE(error == ResolveError::failed || error == ResolveError::timed_out) << name(error);
}

TEST_P(ResolverConformance, HostsAndAddressesNeedNoServer) {
  use("127.0.0.1:1");
  const Resolved local = resolve("localhost");
  ASSERT_TRUE(local);
  const std::string host = host_string(local.addresses[0]);
  EXPECT_TRUE(host == "127.0.0.1" || host == "::1") << host;
  EXPECT_EQ(to_string(resolve("192.0.2.55").addresses.at(0)), "192.0.2.55:80");
  EXPECT_EQ(to_string(resolve("2001:db8::1").addresses.at(0)), "[2001:db8::1]:80");
}

TEST_P(ResolverConformance, ALookupMayHaveBoundsOfItsOwn) {
  DnsServer server([](const Query& query) { return query.v4(1, 100); });
  ManualClock clock;
  make_loop({.clock = &clock});
  if (loop == nullptr || IsSkipped()) return;
  use(server.name(), {.max_ttl = 50s});
  EXPECT_EQ(resolve("own.test").ttl, 50s);
  const int asked = server.asked();
  clock.advance(20s);
  loop->run_once(0ms);
  EXPECT_EQ(resolve("own.test", {.ttl = TtlBounds{.least = 0s, .most = 30s}}).ttl, 10s);
  EXPECT_EQ(resolve("own.test", {.ttl = TtlBounds{.least = 200s, .most = 300s}}).ttl, 180s);
  EXPECT_EQ(resolve("own.test").ttl, 30s);
  EXPECT_EQ(server.asked(), asked);
  const Resolved anew = resolve("own.test", {.ttl = TtlBounds{.least = 0s, .most = 20s}});
  EXPECT_FALSE(anew.cached) << "for this one it was too old";
  EXPECT_EQ(anew.ttl, 20s);
  EXPECT_GT(server.asked(), asked);
}

TEST_P(ResolverConformance, ALookupMayWantOneFamily) {
  DnsServer server([](const Query& query) {
    std::string v6(16, '\0');
    v6[15] = 9;
    if (query.type == kA || query.name == "v4.test") return query.v4(1, 60);
    return query.answer(0, {query.record(kAaaa, 60, v6)});
  });
  use(server.name());
  for (const bool cached : {false, true}) {
    const Resolved v4 = resolve("both.test", {.family = Address::Family::v4});
    ASSERT_EQ(v4.addresses.size(), 1U);
    EXPECT_EQ(to_string(v4.addresses[0]), "192.0.2.1:80");
    EXPECT_EQ(v4.cached, cached);
  }
  const Resolved v6 = resolve("both.test", {.family = Address::Family::v6});
  ASSERT_EQ(v6.addresses.size(), 1U);
  EXPECT_EQ(to_string(v6.addresses[0]), "[::9]:80");
  EXPECT_EQ(resolve("both.test").addresses.size(), 2U);
  const Resolved none = resolve("v4.test", {.family = Address::Family::v6});
  EXPECT_EQ(none.error, ResolveError::no_data);
  EXPECT_TRUE(none.addresses.empty());
}

TEST_P(ResolverConformance, EqualLookupsInFlightAreOneQuestion) {
  DnsServer server([](const Query& query) { return query.v4(1, 60); });
  use(server.name(), {.max_ttl = Nanos{0}});
  std::vector<std::unique_ptr<Lookup>> lookups;
  for (int i = 0; i < 20; ++i) {
    lookups.push_back(std::make_unique<Lookup>(*resolver, *this));
    lookups.back()->start("many.test", static_cast<std::uint16_t>(80 + i), {});
  }
  lookups[3]->cancel();
  lookups.erase(lookups.begin() + 7);
  EXPECT_TRUE(run_until([&] { return calls == 18; }));
  EXPECT_EQ(last.addresses.at(0).port, 99);
  EXPECT_EQ(server.asked(), 2) << "A and AAAA, once each";
  EXPECT_EQ(resolve("many.test").addresses.size(), 1U);
  EXPECT_EQ(server.asked(), 4) << "nothing was in flight any more";
}

TEST_P(ResolverConformance, OfAnAnswerNotMoreThan64AddressesAreKept) {
  DnsServer server([](const Query& query) {
    std::vector<std::string> records;
    for (int i = 0; query.type == kA && i < 200; ++i)
      records.push_back(
          query.record(kA, 60, std::string("\xc0\x00\x02", 3) + static_cast<char>(i)));
    return query.over_tcp ? query.answer(0, records) : query.answer(0x200, {});
  });
  use(server.name());
  EXPECT_EQ(resolve("wide.test").addresses.size(), 64U);
}

TEST_P(ResolverConformance, CancelledOrDestroyedSaysNothing) {
  std::atomic<bool> go = false;
  DnsServer server([&](const Query& query) {
    while (!go) std::this_thread::yield();
    return query.v4(1, 50);
  });
  use(server.name());
  {
    Lookup lookup(*resolver, *this);
    lookup.start("gone.test", 80, {});
    loop->run_once(1ms);
    lookup.cancel();
    lookup.start("192.0.2.1", 80, {});
    lookup.cancel();
    lookup.start("gone.test", 80, {});
  }
  go = true;
  EXPECT_TRUE(run_until([&] { return resolver->cached() == 2; })) << "the answers are kept";
  EXPECT_EQ(calls, 0);
  auto late = std::make_unique<Lookup>(*resolver, *this);
  late->start("more.test", 80, {});
  late.reset();
  resolver.reset();  // with a question under way
  run_for(10ms);
  EXPECT_EQ(calls, 0);
}

TEST_P(ResolverConformance, ServersThatCannotBeReadAreAnError) {
  const auto made = Resolver::create(*loop, {.servers = "not an address"});
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().what.find("not an address"), std::string::npos) << made.error().what;
}

}  // namespace
}  // namespace finack::net::testing
