#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/proxy.h"
#include "net/loop.h"
#include "support/fake_exchange.h"
#include "support/server_rig.h"

/// A gateway on a real loop between fake exchanges and real upstream sockets that the test drives.
/// Time stands still unless told.
namespace finack::gateway::tests {

using finack::tests::Client;
using finack::tests::FakeExchange;
using namespace std::chrono_literals;

/// One upstream: a listening socket and what it accepted.
struct Upstream {
  Fd listener;
  int last = 1;
  std::uint16_t port = 0;
  std::vector<std::unique_ptr<Client>> peers;
  bool accepting = true;

  Upstream() : Upstream(1, 0) {}
  /// On 127.0.0.`last`; port 0: any that is free.
  Upstream(int last, std::uint16_t port);
  std::string address() const;
  void accept_all();
  /// The socket that was accepted last.
  Client& peer() { return *peers.back(); }
  /// Nobody listens there any more.
  void close() { listener.reset(); }
};

class GatewayRig final : private record::Sink {
 public:
  using Change = std::function<void(GatewaySettings&)>;
  /// One cluster "api" of `servers` upstreams and one route for all paths, then what `change` says.
  /// `name_server`: "IP:PORT"; nobody answers at the usual one.
  GatewayRig(net::Backend backend, std::size_t servers, const Change& change = {},
             const std::string& name_server = "127.0.0.1:9");
  ~GatewayRig() override;

  /// Hands a request to the gateway.
  FakeExchange& ask(FakeExchange& exchange);
  FakeExchange& get(std::string path = "/x");
  FakeExchange& make(std::string method, std::string path);
  /// Adopts the settings as `change` leaves them.
  void reload(const Change& change);

  /// Waits for a whole request head at an upstream and takes it off what it received.
  std::string request(std::size_t server = 0);
  /// Waits for a request at an upstream, and answers it.
  void serve(std::string_view response, std::size_t server = 0);
  bool ended(FakeExchange& exchange);

  void turn(Nanos wait = 1ms);
  bool until(const std::function<bool()>& done, Nanos limit = 3s);
  void settle(int turns = 10);
  void advance(Nanos d, Nanos step = 250ms);
  ManualClock& clock() { return clock_; }
  /// What a worker's gateway runs on.
  WorkerParts parts();
  Cluster& cluster() { return *plan->clusters().front(); }
  client::UpstreamServer& server(std::size_t i = 0) { return *cluster().servers()[i]; }

  std::string why_not;
  std::unique_ptr<net::Loop> loop;
  std::unique_ptr<net::Resolver> resolver;
  std::optional<record::Ledger> ledger, health_ledger;
  std::vector<std::unique_ptr<Upstream>> upstreams;
  GatewaySettings settings;
  std::shared_ptr<const Plan> plan;
  std::optional<Proxy> proxy;
  std::vector<std::unique_ptr<FakeExchange>> exchanges;
  std::vector<std::string> connections;      ///< Causes of the upstream connections that ended.
  std::vector<record::Severity> severities;  ///< Theirs.
  std::vector<std::string> checks;           ///< Causes of the connections of health checks.
  std::vector<std::string> tries;            ///< Causes of the tries.
  std::vector<std::string> said;             ///< Lines for the operator.
  int emptied = 0;

 private:
  void on_connection(const record::ConnectionRecord& r) override;
  void on_request(const record::RequestRecord& r) override;
  void on_finding(const record::FindingRecord&) override {}
  void on_dropped(std::uint64_t) override {}
  void flush(WallTime) override {}
  void drain();

  ManualClock clock_;
  record::Ring ring_;
  record::ConnectionIds ids_{.boot = 1, .worker = 0};
};

/// What both backends must do alike.
class GatewayTest : public ::testing::TestWithParam<net::Backend> {
 protected:
  void proxying(std::size_t servers = 1, const GatewayRig::Change& change = {},
                const std::string& name_server = "127.0.0.1:9");
  GatewayRig& rig() { return *rig_; }
  std::unique_ptr<GatewayRig> rig_;
};

/// The causes of a request's tries, as its record has them: "upstream.refused ok.completed".
std::string causes(const FakeExchange& exchange);
std::string words(record::Cause cause);
inline constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

}  // namespace finack::gateway::tests

#define FINACK_GATEWAY_SUITE(Suite)                                                            \
  INSTANTIATE_TEST_SUITE_P(                                                                    \
      , Suite, ::testing::Values(finack::net::Backend::epoll, finack::net::Backend::io_uring), \
      finack::tests::backend_name)
#define PROXYING(...)                             \
  do {                                            \
    proxying(__VA_ARGS__);                        \
    if (IsSkipped() || HasFatalFailure()) return; \
  } while (false)
