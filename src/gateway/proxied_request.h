#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/try.h"
#include "finack/http/exchange.h"
#include "gateway/alarm.h"
#include "gateway/plan.h"
#include "gateway/request_body.h"
#include "gateway/response_spool.h"
#include "gateway/try_list.h"
#include "gateway/worker_cluster.h"
#include "route/byte_arena.h"

namespace finack::gateway {

class Proxy;

/// Where a request goes, as the proxy found it.
struct Passage {
  std::shared_ptr<const Plan> plan;
  const Route* route = nullptr;
  const Destination* to = nullptr;
  WorkerCluster* share = nullptr;
  std::string_view set_cookie;  ///< Of a split; the route's.
  client::Breaker::Admit admitted = client::Breaker::Admit::yes;
};

/// One request on its way through: from the client's exchange to a server and back, over as many
/// tries as the rules allow. Leased from its Proxy, which takes it back when it is done. The two
/// directions are independent: the response may start, and end, before the body has gone out.
class ProxiedRequest final : public ListNode,
                             private client::TryObserver,
                             private http::TunnelObserver {
 public:
  ProxiedRequest(Proxy& proxy, const WorkerParts& parts);

  /// `target`: path and query for the server. May be done when it returns.
  void start(http::Exchange& exchange, Passage passage, std::string_view target);
  /// Ends it now, both legs.
  void cut(record::Cause cause);

 private:
  /// Its place in the queue.
  struct Turn final : SlotWaiter {
    explicit Turn(ProxiedRequest& of) : request(of) {}
    bool on_slot() override { return request.begin_if_possible(); }
    ProxiedRequest& request;
  };

  // Tries and how the request ends: proxied_request.cpp.
  void begin_try();
  bool begin_if_possible();
  void queue_up();
  void leave_queue();
  void give_slot();
  bool take_connection();
  void give_connection();
  void queued_too_long();
  void ask(ServerShare& server);
  void let_go_of_server();
  void note_connected();
  void on_try_ready() override;
  void on_try_write_ready() override { tunnel_ ? pump_tunnel() : pump_body(); }
  void pump_body();
  void gather_body();
  void finish_body();
  void body_cut();
  /// Not where the server was waiting for the client's bytes when the try ended.
  bool blames_server(record::Cause cause) const {
    return !awaits_body_ && client::blames_server(cause);
  }
  void on_try_failed(const record::Ending& ending) override;
  bool may_be_repeated() const;
  client::RetryDecision decide(const client::TryFacts& facts);
  bool retry(const client::RetryDecision& decision);
  void note_tried();
  void out_of_time();
  void shed(const char* full);
  void fail(record::Cause cause, record::Cause because, const char* resource = nullptr);
  void fail(record::Cause cause) { fail(cause, cause); }
  enum class Word : std::uint8_t { good, bad, none };
  void tell_breaker(Word word);
  void note_try() {
    tries_.add(try_.summary());
    give_connection();
  }
  void done();

  // The client leaves.
  void watch_client();
  void client_gone();
  void ran_too_long();
  void abandon(record::Cause cause);
  void cancel_for(record::Cause cause);
  bool worth_draining() const;
  void stop_draining();

  // The response: proxied_response.cpp.
  void on_try_interim(const http::ReceivedResponse& head) override;
  void on_try_response(const http::ReceivedResponse& head, std::string_view body,
                       client::Progress progress) override;
  void on_try_body(std::string_view bytes, client::Progress progress,
                   std::span<const http::Header> trailers) override;
  void end_cut_response();
  bool try_again_for(int status, client::Progress progress);
  void note_answer();
  void note_whole();
  bool send_head(const http::ReceivedResponse& head, std::string_view body, bool whole);
  void send_body(std::string_view bytes, Buffer&& whole = {});
  void spool(std::string_view bytes);
  void spool_failed();
  void client_ready();
  void end_response(std::span<const http::Header> trailers);
  void pause();
  void resume();
  void finish(std::span<const http::Header> trailers);

  // Behind 101: proxied_tunnel.cpp.
  void open_tunnel(const http::ReceivedResponse& head);
  bool switch_client(const http::ReceivedResponse& head);
  void pump_tunnel();
  void tunnel_left(const record::Ending& ending);
  void tunnel_silent();
  void on_try_tunnel_bytes(std::string_view bytes) override;
  void on_try_tunnel_fin() override;
  void on_tunnel_bytes(std::string_view bytes) override;
  void on_tunnel_fin() override;
  void on_tunnel_write_ready() override { resume(); }
  void on_tunnel_end(const http::Departure& departure) override;

  Proxy& proxy_;
  net::Loop& loop_;
  record::Ledger& ledger_;
  Nanos wall_offset_;
  client::Try try_;
  Alarm<ProxiedRequest> budget_;  ///< request_total.
  Alarm<ProxiedRequest> pause_;   ///< In the queue; before a retry; of the draining; of a tunnel.
  Turn turn_{*this};
  http::Exchange* exchange_ = nullptr;  ///< nullptr: it was let go of; what comes is dropped.
  Passage passage_;
  ForwardedRequest forwarded_;
  std::vector<http::Header> headers_;  ///< For the server.
  std::string_view target_;            ///< Of the exchange or of arena_.
  route::ByteArena arena_;
  RequestBody body_;
  ResponseSpool spool_;
  TryList tries_;
  /// Numbers of servers that failed; of more, the oldest are forgotten.
  std::array<std::uint64_t, 8> tried_{};
  std::size_t tried_count_ = 0;
  ServerShare* server_ = nullptr;  ///< Of the last try; held.
  Instant try_began_{};
  Instant deadline_ = Instant::max();          ///< Of request_total.
  std::optional<std::uint64_t> response_due_;  ///< Body bytes to come, where that is known.
  std::uint32_t number_ = 0;                   ///< Of the try.
  bool fresh_only_ = false;
  bool holds_budget_ = false;
  bool holds_slot_ = false;      ///< One of Cluster::requests,
  bool holds_pending_ = false;   ///< of Cluster::pending,
  bool holds_try_ = false;       ///< of Cluster::connections,
  bool holds_place_ = false;     ///< of Cluster::queued.
  bool body_sent_ = false;       ///< All of it, in this try.
  bool awaits_body_ = false;     ///< Bytes of it from the client.
  bool responding_ = false;      ///< A byte of the final response went to the client.
  bool response_empty_ = false;  ///< Its status allows no body.
  bool paused_ = false;          ///< The server is not read for now.
  bool blocked_ = false;         ///< The client takes no more for now.
  bool gone_ = false;            ///< The client has left, and the server's work goes on.
  bool told_ = false;            ///< The breaker knows.
  bool tunnel_ = false;          ///< Both sides have switched protocols.
  bool server_fin_ = false;      ///< And the server has finished.
};

}  // namespace finack::gateway
