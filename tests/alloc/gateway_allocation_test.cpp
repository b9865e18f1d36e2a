// A request without a body through the gateway and back allocates nothing once warm.
#include <gtest/gtest.h>

#include "gateway/gateway_rig.h"
#include "support/allocations.h"

namespace finack::gateway::tests {
namespace {

class GatewayAllocationTest : public GatewayTest {};

TEST_P(GatewayAllocationTest, a_get_on_a_kept_connection) {
  PROXYING(2, [](GatewaySettings& s) {
    s.clusters[0].balance = Balance::p2c_ewma;
    s.clusters[0].timeouts.request_total = 60s;
    s.clusters[0].timeouts.try_ = 30s;
    s.clusters[0].breaker.limits.requests = 100;
    s.proxy_status = true;
  });
  FakeExchange& exchange = rig().make("GET", "/path?query=of-some-length");
  exchange.add_header("Accept", "*/*").add_header("Cookie", std::string(200, 'c'));
  exchange.record_response = false;
  const auto request = [&] {
    exchange.reset_response();
    finack::tests::go_on_counting();
    rig().ask(exchange);
    rig().loop->run_once(0ms);
    finack::tests::stop_counting();
    Client* at = nullptr;
    ASSERT_TRUE(rig().until([&] {
      for (auto& upstream : rig().upstreams)
        for (auto& peer : upstream->peers)
          if (peer->received.find("\r\n\r\n") != std::string::npos) at = peer.get();
      return at != nullptr;
    }));
    at->received.clear();
    at->send(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-A: b\r\nContent-Length: 2\r\n\r\nok");
    at->pump();
    for (int i = 0; i < 2000 && !exchange.ended; ++i) {
      finack::tests::go_on_counting();
      rig().loop->run_once(1ms);
      finack::tests::stop_counting();
    }
    ASSERT_TRUE(exchange.ended);
    ASSERT_EQ(exchange.status, 200);
  };
  for (int i = 0; i < 50; ++i) request();
  finack::tests::start_counting();
  finack::tests::stop_counting();
  for (int i = 0; i < 300; ++i) request();
  const std::size_t count = finack::tests::stop_counting();
  EXPECT_EQ(count, 0U);
  if (count != 0) finack::tests::print_first_allocation();
}

FINACK_GATEWAY_SUITE(GatewayAllocationTest);

}  // namespace
}  // namespace finack::gateway::tests
