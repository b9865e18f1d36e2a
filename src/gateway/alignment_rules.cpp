// The rules of alignment that look at clusters and at what stands in front of them.
#include <fmt/format.h>

#include <algorithm>

#include "config/units.h"
#include "gateway/alignment_use.h"

namespace finack::gateway {
namespace {

using config::format_duration;
using std::chrono::seconds;

/// A server that answers nothing must be given up while its clients still wait; Envoy's default is
/// 5 s.
constexpr Nanos kLongConnect = seconds(10);
/// Twice the 30 s at which WebSocket libraries usually send their pings.
constexpr Nanos kShortTunnel = seconds(60);

/// The widest waits before all retries together.
Nanos widest_backoff(const BackoffSettings& backoff, std::uint32_t tries) {
  Nanos sum{0};
  Nanos next = std::min(backoff.base, backoff.most);
  for (std::uint32_t retry = 1; retry < tries; ++retry) {
    sum += next;
    next = std::min(backoff.most, next * 2);
  }
  return sum;
}

void tries_fit_the_total(const ClusterUse& use, std::vector<Misalignment>& out) {
  const WaitInForce total = use.request_total();
  const WaitInForce one = use.one_try();
  const WaitInForce first = use.first_response_byte();
  if (!total.limited()) return;
  if (one.limited()) {
    const Nanos waits = widest_backoff(use.cluster().retry.backoff, use.tries());
    const Nanos needed = one.value * use.tries() + waits;
    if (needed <= total.value) return;
    const Nanos fits =
        std::chrono::floor<Millis>(std::max((total.value - waits) / use.tries(), Nanos{0}));
    out.push_back(
        {.rule = "19E",
         .settings = {total.setting(), one.setting(), use.tries_setting()},
         .what = fmt::format("{} tries of {}, with waits of up to {}, take up to {}, and all of "
                             "them have {}: the last ones are cut off or never made",
                             use.tries(), format_duration(one.value), format_duration(waits),
                             format_duration(needed), format_duration(total.value)),
         .change = fits > Nanos{0}
                       ? fmt::format("set request_total to {} or more, or try to {} or less",
                                     format_duration(needed), format_duration(fits))
                       : fmt::format("set request_total to {} or more", format_duration(needed))});
    return;
  }
  if (use.on_timeout() && use.tries() > 1 && (!first.limited() || first.value >= total.value)) {
    out.push_back(
        {.rule = "19E",
         .settings = {total.setting(), first.setting()},
         .what = fmt::format("retries after timeouts are asked for, but the first try may wait {} "
                             "for its response, and all tries have {}: no such retry is ever made",
                             first.limited() ? format_duration(first.value) : "for ever",
                             format_duration(total.value)),
         .change = "set first_response_byte, or try, to a part of request_total"});
  }
}

void connect_is_short(const ClusterUse& use, std::vector<Misalignment>& out) {
  const WaitInForce connect = use.connect();
  if (use.cluster().servers.size() < 2 || (connect.limited() && connect.value <= kLongConnect))
    return;
  out.push_back(
      {.rule = "20W",
       .settings = {connect.setting()},
       .what = fmt::format(
           "each request that meets a server which is cut off waits {} before "
           "another one is asked",
           connect.limited() ? format_duration(connect.value) : "until the kernel gives up"),
       .change = "set connect to 5s or less; 1s is plenty within one data centre"});
}

void tunnels_outlast_heartbeats(const ClusterUse& use, std::vector<Misalignment>& out) {
  const WaitInForce idle = use.tunnel_idle();
  if (!use.tunnels) return;
  if (!idle.limited()) {
    out.push_back({.rule = "24E",
                   .settings = {idle.setting()},
                   .what = "a tunnel whose client vanished without a word is kept for ever",
                   .change = "set tunnel_idle to more than twice the heartbeat of its peers, such "
                             "as 1h"});
  } else if (idle.value < kShortTunnel) {
    out.push_back(
        {.rule = "26W",
         .settings = {idle.setting()},
         .what = fmt::format("a WebSocket whose peers send a ping every 30s, as most libraries do, "
                             "is cut at {} of silence as soon as one ping is late",
                             format_duration(idle.value)),
         .change = "set tunnel_idle to more than twice the heartbeat: 1m or more"});
  }
}

/// The shortest of the cluster's limits by which a request's first response byte has come or its
/// try is over; not limited: there is none.
WaitInForce first_byte_limit(const ClusterUse& use) {
  WaitInForce shortest = use.first_response_byte();
  for (WaitInForce other : {use.one_try(), use.request_total()}) {
    if (other.limited() && (!shortest.limited() || other.value < shortest.value))
      shortest = std::move(other);
  }
  return shortest;
}

WaitInForce listener_wait(const std::string& path, std::string_view key, Nanos value) {
  return {fmt::format("{}.timeouts.{}", path, key), value};
}

void outer_outlasts_inner(const WaitInForce& outer, const WaitInForce& inner, std::string_view why,
                          std::vector<Misalignment>& out) {
  if (!outer.limited() || (inner.limited() && inner.value < outer.value)) return;
  out.push_back(
      {.rule = "18E",
       .settings = {outer.setting(), inner.setting()},
       .what = fmt::format(
           "the listener gives up after {}, the cluster {}: {}", format_duration(outer.value),
           inner.limited() ? "only after " + format_duration(inner.value) : "never", why),
       .change =
           inner.limited()
               ? fmt::format("set the listener's to more than {}, or the cluster's "
                             "to less than {}",
                             format_duration(inner.value), format_duration(outer.value))
               : fmt::format("set the cluster's to less than {}", format_duration(outer.value))});
}

void response_fits(const ListenerTimeouts& t, const std::string& path, const ClusterUse& use,
                   std::vector<Misalignment>& out) {
  const WaitInForce total = use.request_total();
  if (t.response_total == Nanos{0} || !total.limited() || total.value <= t.response_total) return;
  const WaitInForce outer = listener_wait(path, "response_total", t.response_total);
  out.push_back(
      {.rule = "18E",
       .settings = {outer.setting(), total.setting()},
       .what = fmt::format("the cluster allows a request {}, but the listener cuts a response "
                           "after {}: what the server still sends is thrown away",
                           format_duration(total.value), format_duration(t.response_total)),
       .change = fmt::format("set response_total to {} or more", format_duration(total.value))});
}

void drain_covers(const ListenerTimeouts& t, const std::string& path, const ClusterUse& use,
                  std::vector<Misalignment>& out) {
  const WaitInForce total = use.request_total();
  if (t.drain == Nanos{0} || !total.limited() || total.value <= t.drain) return;
  out.push_back(
      {.rule = "55E",
       .settings = {listener_wait(path, "drain", t.drain).setting(), total.setting()},
       .what = fmt::format("a request may take {}, but at a stop it is cut after {}",
                           format_duration(total.value), format_duration(t.drain)),
       .change = fmt::format("set drain to {} or more, and the grace period of whoever stops the "
                             "process to more than that",
                             format_duration(total.value))});
}

}  // namespace

void align_cluster_use(const ClusterUse& use, std::vector<Misalignment>& out) {
  tries_fit_the_total(use, out);
  connect_is_short(use, out);
  tunnels_outlast_heartbeats(use, out);
}

void align_cluster(const ClusterSettings& cluster, std::vector<Misalignment>& out) {
  const std::string path = "clusters." + cluster.name;
  const PassiveHealthSettings& passive = cluster.health.passive;
  if (passive.eject_after > 0 && passive.eject_percent == 100 && cluster.servers.size() > 1) {
    out.push_back(
        {.rule = "54W",
         .settings = {{path + ".health.passive.eject_percent", "100"}},
         .what = fmt::format("a bad minute of all {} servers ejects all of them, and every request "
                             "is answered 503 although some would succeed",
                             cluster.servers.size()),
         .change = "set eject_percent to 50: some always stay in"});
  }
  if (cluster.pool.free_connections > 0 && cluster.pool.idle == Nanos{0}) {
    out.push_back(
        {.rule = "1E",
         .settings = {{path + ".pool.idle", "0"}},
         .what = "free connections are kept until the server closes them, so requests meet its "
                 "close until its limit has been learned",
         .change = "set pool.idle to at least 1s less than the server's keep-alive"});
  }
  const bool by_tcp = std::ranges::any_of(
      cluster.servers, [](const auto& server) { return !server.address.starts_with("unix:"); });
  if (cluster.pool.free_connections == 0 && by_tcp) {
    out.push_back({.rule = "42W",
                   .settings = {{path + ".pool.free_connections", "0"}},
                   .what = "each request dials, and each closed connection holds its port for 60s: "
                           "beyond some 470 requests a second no port is left for a server",
                   .change = "leave free_connections at 64"});
  }
}

void align_listener(const ListenerSettings& listener, const std::string& path,
                    std::vector<Misalignment>& out) {
  if (listener.timeouts.drain == Nanos{0}) {
    out.push_back({.rule = "56E",
                   .settings = {{path + ".timeouts.drain", "0"}},
                   .what = "one tunnel or one endless download keeps the process from stopping",
                   .change = "set drain to what the longest request takes, such as 30s"});
  }
  if (listener.timeouts.linger == Nanos{0}) {
    out.push_back({.rule = "46W",
                   .settings = {{path + ".timeouts.linger", "0"}},
                   .what = "a client that still sends when it is refused is reset, and may lose "
                           "the answer that is on its way",
                   .change = "set linger to 5s"});
  }
  if (listener.client_half_close == ClientHalfClose::cancel) {
    out.push_back({.rule = "58W",
                   .settings = {{path + ".client_half_close", "cancel"}},
                   .what = "clients that close their side when they have sent their request, and "
                           "wait for the answer, get none",
                   .change = "leave client_half_close at probe, which tells them from those that "
                             "left"});
  }
}

void align_listener_with(const ListenerSettings& listener, const std::string& path,
                         const ClusterUse& use, std::vector<Misalignment>& out) {
  const ListenerTimeouts& t = listener.timeouts;
  outer_outlasts_inner(listener_wait(path, "handler", t.handler), first_byte_limit(use),
                       "the record names the listener's wait instead of the server's, and no other "
                       "server is tried",
                       out);
  outer_outlasts_inner(listener_wait(path, "handler_stall", t.handler_stall), use.response_idle(),
                       "a server that stops within a response is taken for a fault of ours", out);
  response_fits(t, path, use, out);
  drain_covers(t, path, use, out);
}

}  // namespace finack::gateway
