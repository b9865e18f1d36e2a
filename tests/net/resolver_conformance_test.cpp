#include <poll.h>
#include <sys/eventfd.h>

#include <atomic>
#include <optional>
#include <thread>

#include "net/conformance.h"
#include "net/resolver.h"

namespace finack::net::testing {
namespace {

constexpr int kA = 1;
constexpr int kAaaa = 28;

std::string u16(int value) { return {static_cast<char>(value >> 8), static_cast<char>(value)}; }

/// A question as it came, and the answers made to it.
struct Query {
  std::string bytes{};
  std::string name{};
  int type = 0;
  bool over_tcp = false;

  static Query read(std::string bytes, bool over_tcp) {
    Query query{.bytes = std::move(bytes), .over_tcp = over_tcp};
    std::size_t at = 12;
    while (at < query.bytes.size() && query.bytes[at] != 0) {
      const auto size = static_cast<std::size_t>(query.bytes[at]);
      query.name += (query.name.empty() ? "" : ".") + query.bytes.substr(at + 1, size);
      at += size + 1;
    }
    query.type = static_cast<unsigned char>(query.bytes[at + 2]);
    query.bytes.resize(at + 5);  // without EDNS
    return query;
  }
  /// flags: the response code, and 0x200 for truncated.
  std::string answer(int flags, const std::vector<std::string>& records) const {
    return bytes.substr(0, 2) + u16(0x8180 | flags) + u16(1) +
           u16(static_cast<int>(records.size())) + u16(0) + u16(0) + bytes.substr(12) + [&] {
             std::string all;
             for (const std::string& record : records) all += record;
             return all;
           }();
  }
  std::string record(int of_type, int ttl, const std::string& data) const {
    return u16(0xc00c) + u16(of_type) + u16(1) + u16(0) + u16(ttl) +
           u16(static_cast<int>(data.size())) + data;
  }
  /// 192.0.2.`last` with this TTL to A, nothing to AAAA.
  std::string v4(int last, int ttl) const {
    if (type != kA) return answer(0, {});
    return answer(0, {record(kA, ttl, std::string("\xc0\x00\x02", 3) + static_cast<char>(last))});
  }
};

/// An authoritative server on 127.0.0.1, UDP and TCP on one port, in a thread.
class DnsServer {
 public:
  using Behaviour = std::function<std::string(const Query&)>;  ///< Empty: no answer.

  explicit DnsServer(Behaviour behaviour) : behaviour_(std::move(behaviour)) {
    sockaddr_in address;
    tcp_ = listen_on_loopback(address);
    udp_ = Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(udp_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~DnsServer() {
    const std::uint64_t one = 1;
    EXPECT_EQ(::write(stop_.get(), &one, sizeof one), 8);
    thread_.join();
  }
  std::string name() const { return "127.0.0.1:" + std::to_string(port_); }
  int asked() const { return asked_; }
  int asked_over_tcp() const { return asked_over_tcp_; }

 private:
  void run() {
    pollfd fds[] = {{udp_.get(), POLLIN, 0}, {tcp_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    while (::poll(fds, 3, 10'000) > 0 && fds[2].revents == 0) {
      if (fds[0].revents != 0) serve_udp();
      if (fds[1].revents != 0) serve_tcp();
    }
  }
  void serve_udp() {
    char bytes[1500];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t n =
        ::recvfrom(udp_.get(), bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (n < 17) return;
    ++asked_;
    const std::string answer = behaviour_(Query::read({bytes, static_cast<std::size_t>(n)}, false));
    if (answer.empty()) return;
    ::sendto(udp_.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
  }
  void serve_tcp() {
    const Fd peer(::accept(tcp_.get(), nullptr, nullptr));
    for (;;) {
      char head[2];
      if (::recv(peer.get(), head, 2, MSG_WAITALL) != 2) return;
      std::string bytes(
          static_cast<unsigned char>(head[0]) * 256u + static_cast<unsigned char>(head[1]), '\0');
      if (::recv(peer.get(), bytes.data(), bytes.size(), MSG_WAITALL) < 17) return;
      ++asked_over_tcp_;
      const std::string answer = behaviour_(Query::read(bytes, true));
      if (answer.empty()) return;
      write_all(peer.get(), u16(static_cast<int>(answer.size())) + answer);
    }
  }

  Behaviour behaviour_;
  Fd stop_{::eventfd(0, EFD_CLOEXEC)};
  Fd udp_;
  Fd tcp_;
  std::uint16_t port_ = 0;
  std::atomic<int> asked_ = 0;
  std::atomic<int> asked_over_tcp_ = 0;
  std::thread thread_;
};

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
