#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/try.h"
#include "finack/http/exchange.h"
#include "gateway/worker_cluster.h"

namespace finack::gateway {

class Proxy;

/// One request on its way through: from the client's exchange to a server and back, over as many
/// tries as the rules allow. Leased from its Proxy, which takes it back when it is done. The two
/// directions are independent: the response may start, and end, before the body has gone out.
class ProxiedRequest final : public ListNode, private client::TryObserver {
 public:
  ProxiedRequest(Proxy& proxy, const WorkerParts& parts);

  void start(http::Exchange& exchange, WorkerCluster& cluster, client::Breaker::Admit admitted);

 private:
  // client::TryObserver
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

  /// Put off to the end of the loop's turn, when all that has happened is known.
  struct NextTry final : net::Deferred {
    explicit NextTry(ProxiedRequest& of) : request(of) {}
    void run_deferred() override { request.begin_try(); }
    ProxiedRequest& request;
  };

  void begin_try();
  void pump_body();
  void watch_client();
  void client_gone();
  bool retry(const record::Ending& ending, int status);
  void fail(const record::Ending& ending);
  void answer(int status, record::Cause cause);
  void respond(const http::ReceivedResponse& head, std::string_view body, bool complete);
  void forward_body(std::string_view bytes);
  void judge(const record::Ending* failure);
  void done();

  Proxy& proxy_;
  net::Loop& loop_;
  Nanos wall_offset_;
  client::Try try_;
  NextTry next_try_{*this};
  http::Exchange* exchange_ = nullptr;
  WorkerCluster* cluster_ = nullptr;
  std::size_t server_ = WorkerCluster::kNone;
  client::Breaker::Admit admitted_ = client::Breaker::Admit::yes;
  std::vector<http::Header> headers_;  ///< Scratch, its capacity kept.
  std::string forwarded_for_;
  std::uint64_t tried_ = 0;   ///< A bit for each of the first 64 servers.
  std::uint32_t number_ = 0;  ///< Of the try.
  bool fresh_only_ = false;
  bool retrying_ = false;     ///< Holds a token of the retry budget.
  bool body_taken_ = false;   ///< Bytes of the body were read that are not held any more.
  bool body_sent_ = false;    ///< All of it.
  bool responding_ = false;   ///< A byte of the final response went to the client.
  bool gone_ = false;         ///< The client has left.
};

}  // namespace finack::gateway
