// A request that is routed, rewritten, prepared and given a server allocates nothing once warm.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "gateway/balancer.h"
#include "gateway/forwarding.h"
#include "gateway/hash_key.h"
#include "gateway/router.h"

namespace {
thread_local std::size_t allocations = 0;

void* counted(std::size_t size) {
  ++allocations;
  if (void* place = std::malloc(size)) return place;
  throw std::bad_alloc();
}
}  // namespace

// Counts what this thread allocates; the whole test program is linked with these.
void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size);
}
void operator delete(void* place) noexcept { std::free(place); }
void operator delete[](void* place) noexcept { std::free(place); }
void operator delete(void* place, std::size_t) noexcept { std::free(place); }
void operator delete[](void* place, std::size_t) noexcept { std::free(place); }

namespace finack::gateway {
namespace {

std::vector<RouteSettings> routes() {
  std::vector<RouteSettings> out(4);
  out[0].match.hosts = {"example.test"};
  out[0].match.prefix = "/api";
  out[0].rewrite.emplace().prefix = "/version/two/of/it";
  out[1].match.hosts = {"*.example.test"};
  out[1].match.regex = "/items/([0-9]+)/.*";
  out[1].rewrite = {"", "^/items/([0-9]+)", R"(/a/long/way/to/items/of/number/\1)"};
  out[2].match.exact = "/health";
  out[3].split.emplace();
  out[3].split->sticky.emplace();
  out[3].split->to = {{"one", 1, ""}, {"two", 1, ""}};
  out[3].headers.request.set = {{"X-Zone", "a"}};
  return out;
}

/// What a worker keeps, and one request after another.
struct Worker {
  Router router = Router::compile(routes()).value();
  Forwarding forwarding;
  std::vector<RingServer> servers = {{"a", 1}, {"b", 1}, {"c", 2}};
  Balancer two, ring;
  std::vector<PeakEwma> latencies{3};
  std::vector<Candidate> candidates;
  std::string path_storage, target;
  std::vector<http::Header> headers;
  route::ByteArena arena;
  std::uint64_t draw = 1;

  Worker()
      : forwarding(settings(), "7f"),
        two(Balance::p2c_ewma, servers, 125, 1),
        ring(Balance::consistent_hash, servers, 125, 1) {
    for (PeakEwma& latency : latencies) {
      latency = {};
      candidates.push_back({.latency = &latency});
    }
  }
  static GatewaySettings settings() {
    GatewaySettings settings;
    settings.forwarded = ForwardedHeaders::both;
    settings.trusted_proxies = {"10.0.0.0/8"};
    settings.proxy_status = true;
    return settings;
  }

  const Route* serve(const http::RequestHead& head) {
    arena.reset();
    const Found found =
        router.find({head.host, head.path, head.method_name, head.headers}, path_storage);
    if (found.route == nullptr) return nullptr;
    const Route& route = *found.route;
    if (route.rewrite) route.rewrite->apply(found.path, head.query, target);
    SplitChoice choice;
    if (route.split) choice = route.split->choose(head.headers, ++draw << 60);
    Hop hop{{}, head.host, false};
    hop.peer.family = Address::Family::v4;
    hop.peer.bytes[0] = 10;
    const ForwardedRequest request =
        forwarding.prepare(head, hop, route.settings, {draw, draw}, arena, headers);
    const Pick pick{++draw, hash_key({}, head.headers, request.client), {}, {}};
    two.pick(candidates, pick);
    ring.pick(candidates, pick);
    forwarding.prepare_response(1, route.settings, {choice.set_cookie, request.request_id},
                                headers);
    forwarding.proxy_status(record::Cause::upstream_refused, arena);
    return &route;
  }
};

http::RequestHead request(std::string_view host, std::string_view path) {
  http::RequestHead head;
  head.method_name = "GET";
  head.host = host;
  head.path = path;
  head.query = "q=1";
  head.headers = {{"Host", host}, {"X-Forwarded-For", "203.0.113.9"}, {"Cookie", "a=b"}};
  return head;
}

TEST(Allocation, NoneOnceWarm) {
  Worker worker;
  const std::vector<http::RequestHead> requests = {
      request("Example.test:8080", "/api/a/path/that/is/long/enough/for/the/heap"),
      request("example.test", "/api/%7Ea/./path//that/is/long%2Fenough/for/the/heap;x=1"),
      request("shop.example.test.", "/items/12345/with/something/behind/it"),
      request("nobody.test", "/health"),
      request("nobody.test", "/somewhere/else"),
  };
  const std::size_t expected[] = {0, 0, 1, 2, 3};
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const std::size_t before = allocations;
      const Route* route = worker.serve(requests[i]);
      const std::size_t made = allocations - before;
      ASSERT_NE(route, nullptr);
      EXPECT_EQ(route->index, expected[i]);
      EXPECT_TRUE(round == 0 || made == 0) << "request " << i << ": " << made;
    }
  }
}

}  // namespace
}  // namespace finack::gateway
