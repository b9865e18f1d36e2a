#include "gateway/gateway_rig.h"

#include <fmt/format.h>

#include <algorithm>

#include "net/sockets.h"

namespace finack::gateway::tests {

Upstream::Upstream(int last_byte, std::uint16_t wanted) : last(last_byte) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(0x7f000000U + static_cast<std::uint32_t>(last));
  address.sin_port = htons(wanted);
  listener = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(listener.get(), 512), 0);
  port = ntohs(net::testing::address_of(listener.get()).sin_port);
}

std::string Upstream::address() const { return fmt::format("127.0.0.{}:{}", last, port); }

void Upstream::accept_all() {
  while (listener && accepting) {
    Fd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) break;
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    peers.push_back(std::make_unique<Client>(std::move(fd)));
  }
  for (auto& peer : peers) peer->pump();
}

GatewayRig::GatewayRig(net::Backend backend, std::size_t servers, const Change& change,
                       const std::string& name_server)
    : ring_({.bytes = std::size_t{1} << 20}) {
  auto made = net::Loop::create({.backend = backend, .clock = &clock_});
  if (!made) {
    why_not = made.error().what;
    return;
  }
  loop = std::move(*made);
  resolver = std::move(*net::Resolver::create(
      *loop, {.servers = name_server, .try_timeout = 1s, .tries = 1, .search = false}));
  ledger.emplace(record::Ledger::Options{
      .requests = record::RecordRequests::all, .ring = &ring_, .clock = &clock_});
  health_ledger.emplace(record::Ledger::Options{
      .purpose = record::Purpose::health, .ring = &ring_, .clock = &clock_});
  ClusterSettings cluster{.name = "api"};
  cluster.balance = Balance::round_robin;
  for (std::size_t i = 0; i < servers; ++i) {
    upstreams.push_back(std::make_unique<Upstream>());
    cluster.servers.push_back({.address = upstreams.back()->address()});
  }
  settings.clusters.push_back(cluster);
  settings.routes.push_back({.name = "all", .cluster = "api"});
  if (change) change(settings);
  auto planned = Plan::create(settings, "mark");
  if (!planned) {
    ADD_FAILURE() << planned.error().what;
    return;
  }
  plan = *planned;
  proxy.emplace(parts(), plan);
}

WorkerParts GatewayRig::parts() {
  return {.loop = loop.get(),
          .ledger = &*ledger,
          .health_ledger = &*health_ledger,
          .ids = &ids_,
          .resolver = resolver.get(),
          .emptied = [this] { ++emptied; },
          .say = [this](std::string_view line) { said.emplace_back(line); }};
}

GatewayRig::~GatewayRig() {
  if (!proxy) return;
  proxy->cut(record::Cause::operator_shutdown_forced);
  EXPECT_TRUE(until([this] { return proxy->empty() && emptied > 0; })) << "something is left";
  for (const auto& exchange : exchanges) {
    EXPECT_TRUE(exchange->ended);
    EXPECT_EQ(exchange->touched_after_end, 0);
  }
  const record::Books& books = ledger->counters().dialed;
  EXPECT_EQ(books.connections.opened.get(), books.connections.ended.get());
  EXPECT_EQ(books.requests.opened.get(), books.requests.ended.get());
  const record::Book& health = health_ledger->counters().dialed.connections;
  EXPECT_EQ(health.opened.get(), health.ended.get());
  for (const auto& one : plan->clusters()) {
    EXPECT_EQ(one->requests.count(), 0U);
    EXPECT_EQ(one->pending.count(), 0U);
    EXPECT_EQ(one->connections.count(), 0U);
    EXPECT_EQ(one->queued.count(), 0U);
    EXPECT_EQ(one->retry_budget().taken(), 0U);
    for (const auto& server : one->servers()) {
      EXPECT_EQ(server->connections_live.load(), 0U);
      EXPECT_EQ(server->requests_live.load(), 0U);
    }
  }
}

FakeExchange& GatewayRig::make(std::string method, std::string path) {
  exchanges.push_back(std::make_unique<FakeExchange>(std::move(method), std::move(path)));
  return *exchanges.back();
}

FakeExchange& GatewayRig::ask(FakeExchange& exchange) {
  proxy->handle(exchange);
  return exchange;
}

FakeExchange& GatewayRig::get(std::string path) { return ask(make("GET", std::move(path))); }

void GatewayRig::reload(const Change& change) {
  change(settings);
  auto planned = Plan::create(settings, "mark", plan.get());
  ASSERT_TRUE(planned) << planned.error().what;
  plan = *planned;
  proxy->adopt(plan);
}

std::string GatewayRig::request(std::size_t server) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  std::string head;
  EXPECT_TRUE(until([&] {
    for (const auto& peer : upstreams[server]->peers) {
      const std::size_t end = peer->received.find(kEnd);
      if (end == std::string::npos) continue;
      head = peer->received.substr(0, end + kEnd.size());
      peer->received.erase(0, head.size());
      return true;
    }
    return false;
  })) << "no request came to server "
      << server;
  return head;
}

void GatewayRig::serve(std::string_view response, std::size_t server) {
  Client* at = nullptr;
  EXPECT_TRUE(until([&] {
    for (const auto& peer : upstreams[server]->peers)
      if (peer->received.find("\r\n\r\n") != std::string::npos) at = peer.get();
    return at != nullptr;
  })) << "no request came to server "
      << server;
  if (at == nullptr) return;
  at->received.clear();
  at->send(response);
}

bool GatewayRig::ended(FakeExchange& exchange) {
  return until([&] { return exchange.ended; });
}

void GatewayRig::turn(Nanos wait) {
  for (auto& upstream : upstreams) upstream->accept_all();
  loop->run_once(wait);
  drain();
}

void GatewayRig::drain() {
  ledger->publish();
  record::Sink* const self = this;
  ring_.drain({&self, 1});
}

bool GatewayRig::until(const std::function<bool()>& done, Nanos limit) {
  const auto give_up = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    turn();
  }
  return true;
}

void GatewayRig::settle(int turns) {
  for (int i = 0; i < turns; ++i) turn();
}

void GatewayRig::advance(Nanos d, Nanos step) {
  for (; d > Nanos{0}; d -= std::min(d, step)) {
    clock_.advance(std::min(d, step));
    turn();
    turn();
  }
}

void GatewayRig::on_connection(const record::ConnectionRecord& r) {
  const auto& info = record::info(r.ending.cause);
  EXPECT_TRUE(info.client && info.ends_connection && info.client_phases.contains(r.ending.phase))
      << name(r.ending.cause) << " in " << name(r.ending.phase);
  auto& causes = r.purpose == record::Purpose::health ? checks : connections;
  causes.push_back(words(r.ending.cause));
  if (r.purpose != record::Purpose::health) severities.push_back(r.ending.severity);
  const bool busy = r.requests > 0 && r.purpose == record::Purpose::traffic &&
                    r.ending.phase != record::Phase::pool;
  EXPECT_EQ(r.other_leg.sequence, busy ? 7U : 0U) << "the fake exchange's connection";
}

void GatewayRig::on_request(const record::RequestRecord& r) {
  const auto& info = record::info(r.ending.cause);
  EXPECT_TRUE(info.client && info.ends_request && info.client_phases.contains(r.ending.phase))
      << name(r.ending.cause) << " in " << name(r.ending.phase);
  tries.push_back(words(r.ending.cause));
  EXPECT_EQ(r.other_leg.sequence, 7U) << "the fake exchange's connection";
  EXPECT_EQ(r.other_number, 1U);
}

void GatewayTest::proxying(std::size_t servers, const GatewayRig::Change& change,
                           const std::string& name_server) {
  rig_ = std::make_unique<GatewayRig>(GetParam(), servers, change, name_server);
  if (!rig_->loop)
    GTEST_SKIP() << "\n*** SKIPPED: " << net::name(GetParam())
                 << " is refused on this host: " << rig_->why_not
                 << "\n*** This backend was NOT tested.\n";
}

std::string words(record::Cause cause) { return std::string(name(cause)); }

std::string causes(const FakeExchange& exchange) {
  std::string all;
  for (const record::UpstreamTry& one : exchange.upstream) {
    if (!all.empty()) all += ' ';
    all += name(one.cause);
  }
  return all;
}

}  // namespace finack::gateway::tests
