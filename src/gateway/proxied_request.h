#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/try.h"
#include "finack/http/exchange.h"
#include "gateway/plan.h"
#include "gateway/worker_cluster.h"
#include "route/byte_arena.h"

namespace finack::gateway {

class Proxy;

/// Where a request goes, as the proxy found it.
struct Passage {
  std::shared_ptr<const Plan> plan;
  const Route* route = nullptr;
  WorkerCluster* cluster = nullptr;
  std::string_view set_cookie;  ///< Of a split; the route's.
  client::Breaker::Admit admitted = client::Breaker::Admit::yes;
};

/// One request on its way through: from the client's exchange to a server and back, over as many
/// tries as the rules allow. Leased from its Proxy, which takes it back when it is done. The two
/// directions are independent: the response may start, and end, before the body has gone out.
class ProxiedRequest final : public ListNode, private client::TryObserver {
 public:
  ProxiedRequest(Proxy& proxy, const WorkerParts& parts);

  /// `target`: path and query for the server.
  void start(http::Exchange& exchange, Passage passage, std::string_view target);

 private:
  void on_try_ready() override;
  void on_try_interim(const http::ReceivedResponse& head) override;
  void on_try_response(const http::ReceivedResponse& head, std::string_view body,
                       client::Progress progress) override;
  void on_try_body(std::string_view bytes, client::Progress progress,
                   std::span<const http::Header> trailers) override;
  void on_try_tunnel_bytes(std::string_view bytes) override;
  void on_try_tunnel_fin() override;
  void on_try_failed(const record::Ending& ending) override;
  void on_try_write_ready() override { pump_body(); }

  void begin_try();
  void pump_body();
  void watch_client();
  void client_gone();
  void respond(const http::ReceivedResponse& head, std::string_view body, bool complete);
  void forward_body(std::string_view bytes);
  void note_success();
  void note_failure(const record::Ending& ending);
  bool retry(const record::Ending& ending);
  void fail(record::Cause cause);
  void done();

  Proxy& proxy_;
  net::Loop& loop_;
  Nanos wall_offset_;
  client::Try try_;
  http::Exchange* exchange_ = nullptr;
  Passage passage_;
  ForwardedRequest forwarded_;
  std::vector<http::Header> headers_;  ///< For the server; then, for the client.
  std::string target_;
  route::ByteArena arena_;
  std::array<std::size_t, 8> tried_{};  ///< Servers that failed; of more, the oldest are forgotten.
  std::size_t server_ = 0;
  Instant try_began_{};
  std::uint32_t number_ = 0;  ///< Of the try.
  bool fresh_only_ = false;
  bool holds_budget_ = false;
  bool body_taken_ = false;  ///< Bytes of the body were read that are not held any more.
  bool body_sent_ = false;   ///< All of it.
  bool responding_ = false;  ///< A byte of the final response went to the client.
  bool gone_ = false;        ///< The client has left.
};

}  // namespace finack::gateway
