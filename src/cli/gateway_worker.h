#pragma once
#include <functional>
#include <memory>
#include <string_view>

#include "admin/worker.h"
#include "cli/plan_board.h"
#include "gateway/proxy.h"
#include "net/resolver.h"
#include "server/worker_handler.h"

namespace finack::cli {

/// One worker's gateway under its server: the proxy with a resolver of its own, going by the plan
/// that the board shows. Threads as for any WorkerHandler.
class GatewayWorker final : public server::WorkerHandler, public admin::Worker {
 public:
  /// Takes a line for the operator; called on any worker's thread.
  using LineSink = std::function<void(std::string_view)>;
  /// `board` outlives it.
  static Expected<std::unique_ptr<GatewayWorker>> create(const server::Seat& seat, PlanBoard& board,
                                                         LineSink say);

  void handle(http::Exchange& exchange) override;
  void close(record::Cause cause) override { proxy_.close(cause); }
  void cut(record::Cause cause) override { proxy_.cut(cause); }
  bool empty() const override { return proxy_.empty(); }

  void post(std::move_only_function<void()> fn) override { seat_.loop->post(std::move(fn)); }
  void list(record::LivePage& page) override;
  bool kill(const record::ConnectionId& id) override;
  std::vector<gateway::ClusterShare> shares() override { return proxy_.shares(); }
  void follow_drains() override { proxy_.follow_drains(); }

 private:
  GatewayWorker(const server::Seat& seat, std::unique_ptr<net::Resolver> resolver, PlanBoard& board,
                LineSink say);
  /// Goes by the plan that is in force now.
  void look();

  server::Seat seat_;
  PlanBoard& board_;
  std::unique_ptr<net::Resolver> resolver_;
  std::uint64_t plan_number_;
  gateway::Proxy proxy_;
  PlanBoard::Reader reader_;  ///< Last: news come until it is gone.
};

}  // namespace finack::cli
