#pragma once
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/asker.h"
#include "net/sockets.h"
#include "support/server_rig.h"

/// A pool on a real loop with an upstream in the test: a listening socket whose accepted sockets
/// the test drives. Time stands still unless told.
namespace finack::client::tests {

using finack::tests::Client;
using namespace std::chrono_literals;

struct RigSetup {
  PoolRules rules{};
  Timeouts timeouts{};
  http::ResponseLimits limits{};
  std::optional<UpstreamTarget> target{};  ///< Not the rig's own upstream.
  std::shared_ptr<net::TlsContext> tls{};
  net::TlsPeer tls_peer{};
  bool named = false;  ///< The target is the name "localhost", to be resolved.
  bool real_time = false;
};

class ClientRig final : private record::Sink {
 public:
  ClientRig(net::Backend backend, RigSetup setup) : ring_({.bytes = std::size_t{1} << 20}) {
    const Clock* clock = setup.real_time ? &system_clock() : static_cast<const Clock*>(&clock_);
    auto made = net::Loop::create({.backend = backend, .clock = clock});
    if (!made) {
      why_not = made.error().what;
      return;
    }
    loop = std::move(*made);
    ledger.emplace(record::Ledger::Options{
        .requests = record::RecordRequests::all, .ring = &ring_, .clock = clock});
    listener = net::testing::listen_on_loopback(address);
    ::fcntl(listener.get(), F_SETFL, O_NONBLOCK);
    const Address at{
        .family = Address::Family::v4, .port = ntohs(address.sin_port), .bytes = {127, 0, 0, 1}};
    UpstreamTarget target = net::DialTarget{.address = at};
    if (setup.named) target = UpstreamTarget("localhost", at.port);
    if (setup.target) target = *setup.target;
    target.tls = setup.tls;
    target.tls_peer = setup.tls_peer;
    server = std::make_shared<UpstreamServer>("upstream", target, HealthRules{}, quota_,
                                              setup.rules.idle);
    // Nobody answers there: only /etc/hosts is left.
    if (target.addresses.empty())
      resolver = std::move(*net::Resolver::create(*loop, {.servers = "127.0.0.1:9", .tries = 1}));
    pool.emplace(Pool::Options{.loop = loop.get(),
                               .ledger = &*ledger,
                               .ids = &ids_,
                               .server = server,
                               .resolver = resolver.get(),
                               .rules = setup.rules,
                               .timeouts = setup.timeouts,
                               .limits = setup.limits});
  }
  ~ClientRig() override {
    if (!loop) return;
    askers.clear();
    pool->cut(record::Cause::operator_shutdown);
    EXPECT_TRUE(until([this] { return pool->empty(); })) << "connections are left";
    const record::Books& books = ledger->counters().dialed;
    EXPECT_EQ(books.connections.opened.get(), books.connections.ended.get());
    EXPECT_EQ(books.requests.opened.get(), books.requests.ended.get());
    EXPECT_EQ(ledger->counters().connections.opened.get(), 0U);
    for (const record::Gauge& gauge : books.live_by_phase) EXPECT_EQ(gauge.get(), 0);
    EXPECT_EQ(server->connections_live.load(), 0U);
    EXPECT_EQ(server->connections_free.load(), 0U);
    EXPECT_EQ(server->requests_live.load(), 0U);
  }

  Asker& make() { return *askers.emplace_back(std::make_unique<Asker>(*loop, *ledger)); }
  /// Begins a request; `fresh`: on no used connection.
  void begin(Asker& asker, Try::Begin how = {}) { asker.attempt.begin(*pool, how); }
  /// A GET that has arrived at the upstream's newest socket.
  Asker& asked() {
    Asker& asker = make();
    begin(asker);
    EXPECT_TRUE(arrived(asker));
    return asker;
  }
  bool arrived(Asker& asker) {
    return until([&] {
      return asker.ready && std::ranges::any_of(peers, [](const auto& peer) {
               return peer->received.find("\r\n\r\n") != std::string::npos;
             });
    });
  }
  /// The upstream's socket that was accepted last.
  Client& peer() { return *peers.back(); }
  /// Answers the request at the newest socket and waits until the try has it.
  void answer(Asker& asker, std::string_view response) {
    peer().received.clear();
    peer().send(response);
    EXPECT_TRUE(until([&] { return asker.done(); }));
  }

  /// `wait`: the longest that it stands still for what may come.
  void turn(Nanos wait = 1ms) {
    for (;;) {
      Fd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd) break;
      const int on = 1;
      ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      peers.push_back(std::make_unique<Client>(std::move(fd)));
    }
    for (auto& peer : peers) peer->pump();
    loop->run_once(wait);
    drain();
  }
  void drain() {
    ledger->publish();
    record::Sink* const self = this;
    ring_.drain({&self, 1});
  }
  bool until(const std::function<bool()>& done, Nanos limit = 3s) {
    const auto give_up = std::chrono::steady_clock::now() + limit;
    while (!done()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      turn();
    }
    return true;
  }
  void settle(int turns = 10) {
    for (int i = 0; i < turns; ++i) turn();
  }
  void advance(Nanos d, Nanos step = 250ms) {
    for (; d > Nanos{0}; d -= std::min(d, step)) {
      clock_.advance(std::min(d, step));
      turn();
      turn();
    }
  }
  ManualClock& clock() { return clock_; }

  std::string why_not;
  std::unique_ptr<net::Loop> loop;
  std::optional<record::Ledger> ledger;
  std::unique_ptr<net::Resolver> resolver;
  std::shared_ptr<UpstreamServer> server;
  std::optional<Pool> pool;
  sockaddr_in address{};
  Fd listener;
  std::vector<std::unique_ptr<Client>> peers;
  std::vector<std::unique_ptr<Asker>> askers;
  std::vector<std::string> connections;  ///< The endings that were recorded, in words.
  std::vector<std::string> requests;
  std::vector<std::string> methods;        ///< Of the requests.
  std::vector<record::Evidence> evidence;  ///< Of the connections.
  std::vector<record::KeepAliveLimits> keep_alives;

 private:
  static std::string words(const record::Ending& e) {
    return fmt::format("{} {} {} {} {} {} {}", name(e.ended_by), name(e.how), name(e.phase),
                       name(e.cause), name(e.severity), name(e.delivered),
                       name(e.evidence.certainty));
  }
  void on_connection(const record::ConnectionRecord& r) override {
    EXPECT_EQ(r.role, record::Role::client);
    EXPECT_GT(r.id.sequence, 0U);
    const auto& info = record::info(r.ending.cause);
    EXPECT_TRUE(info.client && info.ends_connection && info.client_phases.contains(r.ending.phase))
        << words(r.ending);
    EXPECT_NE(info.how.find(name(r.ending.how)), std::string_view::npos) << words(r.ending);
    connections.push_back(fmt::format("{} requests={}", words(r.ending), r.requests));
    evidence.push_back(r.ending.evidence);
    keep_alives.push_back(r.keep_alive);
  }
  void on_request(const record::RequestRecord& r) override {
    EXPECT_EQ(r.role, record::Role::client);
    const auto& info = record::info(r.ending.cause);
    EXPECT_TRUE(info.client && info.ends_request && info.client_phases.contains(r.ending.phase))
        << words(r.ending);
    methods.emplace_back(r.method);
    requests.push_back(fmt::format("{} status={} number={}", words(r.ending), r.status, r.number));
  }
  void on_finding(const record::FindingRecord&) override {}
  void on_dropped(std::uint64_t) override {}
  void flush(WallTime) override {}

  ManualClock clock_;
  record::Ring ring_;
  record::ConnectionIds ids_{.boot = 1, .worker = 0};
  std::shared_ptr<EjectionQuota> quota_ = std::make_shared<EjectionQuota>(1, 50);
};

}  // namespace finack::client::tests
