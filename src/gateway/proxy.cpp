#include "gateway/proxy.h"

#include <algorithm>
#include <utility>

#include "gateway/answer.h"
#include "gateway/fixed_answer.h"

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
  const http::RequestHead& head = exchange.request();
  const Found found = plan_->router().find(
      {.host = head.host, .path = head.path, .method = head.method_name, .headers = head.headers},
      path_storage_);
  if (found.fault != PathFault::none) return answer(exchange, 400, cause_of(found.fault));
  if (found.route == nullptr) return answer(exchange, 404, Cause::policy_no_route);
  const RouteSettings& settings = found.route->settings;
  exchange.set_route(found.route->label);
  if (settings.redirect) return redirect(exchange, *found.route);
  if (settings.respond) {
    exchange.respond(answer_head(*settings.respond, headers_), answer_body(*settings.respond));
    return;
  }
  pass(exchange, found);
}

void Proxy::redirect(http::Exchange& exchange, const Route& route) {
  const http::RequestHead& head = exchange.request();
  target_.clear();
  write_location(*route.settings.redirect, head.path, head.query, target_);
  headers_.assign({{.name = "Location", .value = target_}});
  http::ResponseHead out;
  out.status = route.settings.redirect->status;
  out.headers = headers_;
  exchange.respond(out, {});
}

void Proxy::pass(http::Exchange& exchange, const Found& found) {
  const http::RequestHead& head = exchange.request();
  std::string_view target = head.target;
  if (found.route->rewrite) {
    const RewriteFault fault = found.route->rewrite->apply(found.path, head.query, target_);
    if (fault != RewriteFault::none)
      return answer(exchange, fault == RewriteFault::dots ? 400 : 414, Cause::policy_bad_request);
    target = target_;
  }
  Passage passage{.plan = plan_, .route = found.route};
  SplitChoice choice;
  const std::shared_ptr<Cluster>* cluster = &plan_->cluster(*found.route, 0);
  if (found.route->split) {
    choice = found.route->split->choose(head.headers, share_of(*cluster).draw());
    cluster = &plan_->cluster(*found.route, choice.branch);
    passage.set_cookie = choice.set_cookie;
  }
  passage.cluster = &share_of(*cluster);
  passage.admitted = (*cluster)->breaker().admit(parts_.loop->now());
  if (passage.admitted == client::Breaker::Admit::no)
    return answer(exchange, 503, Cause::upstream_circuit_open);
  if (spare_.empty()) {
    requests_.push_back(std::make_unique<ProxiedRequest>(*this, parts_));
    spare_.push_front(*requests_.back());
  }
  spare_.pop_front().start(exchange, std::move(passage), target);
}

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

void Proxy::cut(Cause cause) {
  for (const auto& [cluster, share] : clusters_) share->cut(cause);
}

bool Proxy::empty() const {
  return std::ranges::all_of(clusters_, [](const auto& entry) { return entry.second->empty(); });
}

}  // namespace finack::gateway
