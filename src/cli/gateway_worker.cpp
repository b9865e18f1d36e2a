#include "cli/gateway_worker.h"

namespace finack::cli {

Expected<std::unique_ptr<GatewayWorker>> GatewayWorker::create(const server::Seat& seat,
                                                               PlanBoard& board, LineSink say) {
  auto resolver = net::Resolver::create(*seat.loop, {});
  if (!resolver) return std::unexpected(std::move(resolver.error()));
  return std::unique_ptr<GatewayWorker>(
      new GatewayWorker(seat, std::move(*resolver), board, std::move(say)));
}

GatewayWorker::GatewayWorker(const server::Seat& seat, std::unique_ptr<net::Resolver> resolver,
                             PlanBoard& board, LineSink say)
    : seat_(seat),
      board_(board),
      resolver_(std::move(resolver)),
      plan_number_(board.number()),
      proxy_({.loop = seat.loop,
              .ledger = seat.ledger,
              .health_ledger = seat.health_ledger,
              .ids = seat.ids,
              .resolver = resolver_.get(),
              .worker = seat.worker,
              .workers = seat.workers,
              .wall_offset = seat.wall_offset,
              .emptied = seat.emptied,
              .say = std::move(say)},
             board.current().first),
      // A worker without requests lets go of retired connections, too.
      reader_(board, [this, loop = seat.loop] { loop->post([this] { look(); }); }) {}

void GatewayWorker::look() {
  auto [plan, number] = board_.current();
  if (number == plan_number_) return;
  plan_number_ = number;
  proxy_.adopt(std::move(plan));
}

void GatewayWorker::list(record::LivePage& page) {
  seat_.list_clients(page);
  proxy_.list(page);
}

bool GatewayWorker::kill(const record::ConnectionId& id) {
  return seat_.kill_client(id) || proxy_.kill(id);
}

void GatewayWorker::handle(http::Exchange& exchange) {
  if (board_.number() != plan_number_) look();
  proxy_.handle(exchange);
}

}  // namespace finack::cli
