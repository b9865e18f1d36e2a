#include "gateway/proxy.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "gateway/answer.h"
#include "gateway/fixed_answer.h"

namespace finack::gateway {

using record::Cause;

namespace {

/// The same plan with a count of its own: workers do not share the line that their requests count
/// on.
std::shared_ptr<const Plan> counted_here(std::shared_ptr<const Plan> plan) {
  const Plan* const one = plan.get();
  return {one, [kept = std::move(plan)](const Plan*) {}};
}

/// What a server is to be asked for: what the client sent, but no "http://host" before it.
std::string_view target_of(const http::RequestHead& head, std::string& storage) {
  if (head.target.starts_with('/') || head.target == "*") return head.target;
  storage.assign(head.path);
  if (head.query.data() != nullptr) storage.append("?").append(head.query);
  if (!storage.starts_with('/') && storage != "*") storage.insert(0, "/");
  return storage;
}

}  // namespace

Proxy::Proxy(const WorkerParts& parts, std::shared_ptr<const Plan> plan)
    : parts_(parts),
      plan_(counted_here(std::move(plan))),
      checks_(parts_, [this] { parts_.loop->defer(*this); }),
      names_(parts_) {
  read_news();
  follow_servers();  // what changed while nobody read
  checks_.adopt(*plan_);
  names_.adopt(*plan_);
}

Proxy::~Proxy() { assert(empty() && "requests or connections outlive their gateway"); }

WorkerCluster& Proxy::share_of(const std::shared_ptr<Cluster>& cluster) {
  auto& share = clusters_[cluster.get()];
  if (!share) {
    share = std::make_unique<WorkerCluster>(parts_, cluster, [this] {
      if (leaving_) parts_.loop->defer(*this);
    });
    if (closing_ != Cause::unknown) share->drain(closing_);
  }
  return *share;
}

void Proxy::handle(http::Exchange& exchange) {
  const http::RequestHead& head = exchange.request();
  const Found found = plan_->router().find(
      {.host = head.host, .path = head.path, .method = head.method_name, .headers = head.headers},
      path_storage_);
  if (found.fault != PathFault::none) return refuse(exchange, 400, cause_of(found.fault));
  if (found.route == nullptr) return refuse(exchange, 404, Cause::policy_no_route);
  const RouteSettings& settings = found.route->settings;
  exchange.set_route(*found.route->label);
  if (settings.redirect) return redirect(exchange, *found.route);
  if (settings.respond) {
    exchange.respond(answer_head(*settings.respond, headers_), answer_body(*settings.respond));
    return;
  }
  pass(exchange, found);
}

void Proxy::refuse(http::Exchange& exchange, int status, Cause cause) {
  answer(exchange, status, cause, plan_->forwarding().proxy_status(cause, arena_));
  arena_.reset();
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
  std::string_view target;
  if (found.route->rewrite) {
    const RewriteFault fault = found.route->rewrite->apply(found.path, head.query, target_);
    if (fault != RewriteFault::none)
      return refuse(exchange, fault == RewriteFault::dots ? 400 : 414, Cause::policy_bad_request);
    target = target_;
  } else {
    target = target_of(head, target_);
  }
  Passage passage{.plan = plan_, .route = found.route, .set_cookie = {}};
  std::size_t branch = 0;
  if (found.route->split) {
    const auto& first = plan_->destination(*found.route, 0).cluster;
    const SplitChoice choice = found.route->split->choose(head.headers, share_of(first).draw());
    branch = choice.branch;
    passage.set_cookie = choice.set_cookie;
  }
  passage.to = &plan_->destination(*found.route, branch);
  passage.share = &share_of(passage.to->cluster);
  passage.admitted = passage.to->cluster->breaker().admit(parts_.loop->now());
  if (passage.admitted == client::Breaker::Admit::no)
    return refuse(exchange, 503, Cause::upstream_circuit_open);
  if (spare_.empty()) {
    requests_.push_back(std::make_unique<ProxiedRequest>(*this, parts_));
    spare_.push_front(*requests_.back());
    ++spares_;
  }
  ProxiedRequest& request = spare_.pop_front();
  --spares_;
  busy_.push_back(request);
  request.start(exchange, std::move(passage), target);
}

void Proxy::give_back(ProxiedRequest& request) {
  request.ListNode::unlink();
  if (spares_ == kSpareRequests) return parts_.loop->defer(*this);  // It is still on the stack.
  spare_.push_front(request);
  ++spares_;
}

bool Proxy::stays(const Cluster& cluster) const {
  return std::ranges::any_of(plan_->clusters(), [&](const auto& c) { return c.get() == &cluster; });
}

void Proxy::adopt(std::shared_ptr<const Plan> plan) {
  news_.clear();
  plan_ = counted_here(std::move(plan));
  leaving_ = true;
  for (const auto& [cluster, share] : clusters_)
    if (!stays(*cluster)) share->drain(Cause::operator_reload_retired);
  read_news();
  checks_.adopt(*plan_);
  names_.adopt(*plan_);
  parts_.loop->defer(*this);
}

/// A worker without requests lets go of servers that left, too. Before anybody looks at the
/// servers: what comes after that look must not be missed.
void Proxy::read_news() {
  for (const auto& cluster : plan_->clusters()) {
    ClusterServers& servers = cluster->membership();
    if (servers.names().empty()) continue;
    news_.push_back(std::make_unique<Board<ClusterServers::List>::Reader>(
        servers.board(), [this, loop = parts_.loop] { loop->post([this] { follow_servers(); }); }));
  }
}

void Proxy::follow_servers() {
  for (const auto& [cluster, share] : clusters_) share->follow_servers();
  checks_.follow_servers();
}

void Proxy::close(Cause cause) {
  closing_ = cause;
  leaving_ = true;
  for (const auto& [cluster, share] : clusters_) share->drain(cause);
  checks_.stop(cause);
  names_.stop();
  parts_.loop->defer(*this);
}

void Proxy::cut(Cause cause) {
  closing_ = cause;
  leaving_ = true;
  while (!busy_.empty()) busy_.front().cut(cause);
  for (const auto& [cluster, share] : clusters_) share->cut(cause);
  checks_.stop(cause);
  names_.stop();
  parts_.loop->defer(*this);
}

std::vector<ClusterShare> Proxy::shares() {
  std::vector<ClusterShare> out;
  out.reserve(clusters_.size());
  for (const auto& [cluster, share] : clusters_) out.push_back(share->share());
  return out;
}

void Proxy::list(record::LivePage& page) {
  for (const auto& [cluster, share] : clusters_) share->list(page);
}

bool Proxy::kill(const record::ConnectionId& id) {
  if (id.boot != parts_.ids->boot || id.worker != parts_.ids->worker) return false;
  return std::ranges::any_of(clusters_, [&](const auto& entry) { return entry.second->kill(id); });
}

void Proxy::follow_drains() {
  for (const auto& [cluster, share] : clusters_) share->follow_drains();
}

bool Proxy::empty() const {
  return checks_.empty() &&
         std::ranges::all_of(clusters_, [](const auto& entry) { return entry.second->empty(); });
}

/// Clusters of former plans go when they are empty; who closes is told when nothing is left.
void Proxy::run_deferred() {
  // Those beyond the spare ones are in neither list.
  if (requests_.size() > kSpareRequests)
    std::erase_if(requests_, [](const auto& request) { return !request->ListNode::linked(); });
  std::erase_if(clusters_, [this](const auto& entry) {
    return entry.second->empty() && !stays(*entry.first);
  });
  checks_.sweep();
  if (closing_ != Cause::unknown) {
    if (parts_.emptied && empty()) parts_.emptied();
  } else {
    leaving_ = !std::ranges::all_of(clusters_, [this](const auto& c) { return stays(*c.first); });
  }
}

}  // namespace finack::gateway
