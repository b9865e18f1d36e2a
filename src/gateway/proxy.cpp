#include "gateway/proxy.h"

#include <utility>

#include "gateway/answer.h"

namespace finack::gateway {

using record::Cause;

Proxy::Proxy(const WorkerParts& parts, std::shared_ptr<const Plan> plan)
    : parts_(parts), plan_(std::move(plan)) {}

Proxy::~Proxy() = default;

WorkerCluster& Proxy::share_of(const std::shared_ptr<Cluster>& cluster) {
  auto& share = clusters_[cluster.get()];
  if (!share) share = std::make_unique<WorkerCluster>(parts_, cluster);
  return *share;
}

void Proxy::handle(http::Exchange& exchange) {
  const Plan::Route* route = plan_->find(exchange.request());
  if (route == nullptr) return answer(exchange, 404, Cause::policy_no_route);
  exchange.set_route(route->label);
  WorkerCluster& share = share_of(route->cluster);
  const auto admitted = share.cluster().breaker().admit(parts_.loop->now());
  if (admitted == client::Breaker::Admit::no)
    return answer(exchange, 503, Cause::upstream_circuit_open);
  if (spare_.empty()) {
    requests_.push_back(std::make_unique<ProxiedRequest>(*this, parts_));
    spare_.push_front(*requests_.back());
  }
  spare_.pop_front().start(exchange, share, admitted);
}

void Proxy::give_back(ProxiedRequest& request) { spare_.push_front(request); }

void Proxy::adopt(std::shared_ptr<const Plan> plan) {
  plan_ = std::move(plan);
  for (const auto& [cluster, share] : clusters_) {
    const auto& kept = plan_->clusters();
    const bool stays = std::ranges::any_of(kept, [&](const auto& c) { return c.get() == cluster; });
    if (!stays) share->close(Cause::operator_reload_retired);
  }
}

void Proxy::close(Cause cause) {
  for (const auto& [cluster, share] : clusters_) share->close(cause);
}

}  // namespace finack::gateway
