#include "gateway/name_watch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/unit_draw.h"
#include "net/route.h"

namespace finack::gateway {
namespace {

/// Questions come up to this part of an answer's time late, never early: who asks a caching server
/// too early is told the old answer.
constexpr double kJitter = 0.1;
/// Between questions that fail.
constexpr Nanos kLongestWait = std::chrono::seconds(30);

Nanos scaled(Nanos whole, double by) {
  return Nanos(static_cast<Nanos::rep>(static_cast<double>(whole.count()) * by));
}

/// As the server's own dial would ask, but never from the cache.
net::LookupOptions question(const Cluster& cluster, const ServerName& name) {
  net::LookupOptions options = cluster.membership().lookup(name);
  options.timeout = cluster.settings().timeouts.resolve;
  options.fresh = true;
  return options;
}

/// Of an answer with both families, what this host has a route to, if that is anything: one without
/// IPv6 would have servers that always fail.
std::vector<Address> usable(std::vector<Address> addresses) {
  const auto other = [&](const Address& one) { return one.family != addresses.front().family; };
  if (std::ranges::none_of(addresses, other)) return addresses;
  std::vector<Address> routed;
  std::ranges::copy_if(addresses, std::back_inserter(routed), net::has_route);
  return routed.empty() ? addresses : routed;
}

}  // namespace

Nanos wait_after_failures(std::uint32_t failures, Nanos least, Nanos most, std::uint64_t draw) {
  const Nanos longest = std::max(least, std::min(most, kLongestWait));
  const std::uint32_t doublings = std::min<std::uint32_t>(failures == 0 ? 0 : failures - 1, 20);
  const Nanos::rep times = Nanos::rep{1} << doublings;
  const Nanos wait = least > longest / times ? longest : least * times;
  return scaled(wait, 1 - unit_draw(draw) / 2);
}

NameWatch::NameWatch(const WorkerParts& parts, std::shared_ptr<Cluster> cluster, ServerName name,
                     std::mt19937_64& random)
    : parts_(parts),
      cluster_(std::move(cluster)),
      name_(std::move(name)),
      options_(question(*cluster_, name_)),
      random_(random),
      lookup_(*parts_.resolver, *this),
      next_(*this, *parts_.loop) {
  next_.set(Nanos(0), &NameWatch::ask);
}

NameWatch::~NameWatch() { next_.stop(); }

void NameWatch::ask() { lookup_.start(name_.host, name_.port, options_); }

void NameWatch::on_resolved(const net::Resolved& resolved) {
  resolved ? answered(resolved) : failed(resolved.error);
}

void NameWatch::answered(const net::Resolved& resolved) {
  const Nanos wait = scaled(resolved.ttl, 1 + kJitter * unit_draw(random_()));
  const Instant now = parts_.loop->now();
  const ServerChange change =
      cluster_->membership().take_answer(name_, usable(resolved.addresses), now, now + wait);
  if (std::exchange(failures_, 0) != 0) say("is resolved again");
  known_ = true;
  say_change(change);
  next_.set(wait, &NameWatch::ask);
}

void NameWatch::failed(net::ResolveError error) {
  const net::TtlBounds& bounds = *options_.ttl;
  const Nanos wait = wait_after_failures(++failures_, bounds.least, bounds.most, random_());
  cluster_->membership().note_failure(name_, error, parts_.loop->now() + wait);
  if (failures_ == 1) {
    say(fmt::format("is not resolved: {}; {}", net::name(error),
                    known_ ? "the last answer stays in use" : "each connection asks again"));
  }
  next_.set(wait, &NameWatch::ask);
}

void NameWatch::say_change(const ServerChange& change) const {
  if (change.came.empty() && change.left.empty()) return;
  std::string what = "is resolved anew:";
  if (!change.came.empty()) what += fmt::format(" +{}", fmt::join(change.came, " +"));
  if (!change.left.empty()) what += fmt::format(" -{}", fmt::join(change.left, " -"));
  say(what);
}

void NameWatch::say(std::string_view what) const {
  if (!parts_.say) return;
  parts_.say(fmt::format("cluster {}: server {} {}", cluster_->settings().name, text(), what));
}

}  // namespace finack::gateway
