// What the cluster as a whole decides: retries, breaker, health, queue.
#include <fmt/format.h>
#include <signal.h>

#include "e2e/gateway/case.h"

namespace finack::gateway_matrix {
namespace {

using e2e::closed_idle;
using e2e::served;

Row refused() {
  return row("peer", "refused", "connect", "upstream.refused", "fault", "nothing_owed");
}

/// Requests of one client that all fail, each with a status and a cause.
std::function<void(Stage&)> fail_in_turn(std::vector<std::pair<int, std::string>> failures) {
  return [=](Stage& stage) {
    for (Upstream& upstream : stage.upstreams()) upstream.refuse();
    Peer& client = stage.connect();
    for (const auto& [status, cause] : failures) {
      client.send(get());
      stage.see_failure(client, status, cause);
    }
    stage.part(client);
  };
}

void close_every_try(Stage& stage) {
  Peer& client = stage.connect();
  client.send(get());
  for (int i = 0; i < 3; ++i) stage.take_request().finish_sending();
  stage.see_failure(client, 502, "upstream.closed_no_head");  // the last try's
  stage.part(client);
}

std::vector<Case> failing_cases() {
  const Row attempt = refused().answered(0);
  const Row spent = answered("upstream.retries_spent", 502);
  const Row closed = row("peer", "fin", "wait", "upstream.closed_no_head", "fault", "all");
  const Row closed_try = Row(closed).answered(0);
  return {
      {"breaker_open",
       {.cluster = "retry: { tries: 1 }, breaker: { consecutive_failures: 1 }"},
       fail_in_turn({{502, "upstream.refused"}, {503, "upstream.circuit_open"}}),
       {{closed_idle(),
         {{answered("upstream.refused", 502), {{attempt}}},
          {answered("upstream.circuit_open", 503, "queue"), {}}}}},
       {refused()}},
      {"none_healthy",
       {.cluster = "retry: { tries: 2 }, health: { passive: { eject_after: 1, "
                   "eject_percent: 100 } }",
        .upstreams = 2},
       fail_in_turn({{502, "upstream.refused"}, {503, "upstream.none_healthy"}}),
       {{closed_idle(),
         {{Row(spent).with("reason", "upstream.refused"), {{attempt, 1}, {attempt, 2}}},
          {answered("upstream.none_healthy", 503, "queue"), {}}}}},
       {refused(), refused()}},
      {"retries_spent",
       {.cluster = "retry: { tries: 3 }"},
       close_every_try,
       {{closed_idle(),
         {{Row(spent).with("reason", "upstream.closed_no_head"),
           {{closed_try, 1}, {closed_try, 2}, {closed_try, 3}}}}}},
       {closed, closed, closed}},
  };
}

/// The cluster is another one after the reload: the connections of the old one go.
Case reload_case() {
  const auto act = [](Stage& stage) {
    Peer& client = stage.connect();
    client.send(get());
    Peer& kept = stage.take_request();
    kept.send(kOk);
    stage.see(client, 200);
    stage.wait_dialed("pool");
    stage.reload("tries: 2", "tries: 3");
    stage.check(kept.read_to_end() == StreamSight::eof, "the old connection was to be closed");
    client.send(get());
    stage.take_request().send(kOk);
    stage.see(client, 200);
    stage.part(client);
  };
  return {"reload_retires_pool",
          {.cluster = "retry: { tries: 2 }"},
          act,
          {{closed_idle(), {{served(), {{tried()}}}, {served(), {{tried(), 2}}}}}},
          {row("local", "fin", "pool", "operator.reload_retired", "normal", "all"), pool_shut()}};
}

// ---- Servers by name

/// A client's request goes to the upstream that is dialed for it; its place.
std::size_t serve_afresh(Stage& stage, Peer& client) {
  client.send(get());
  const std::size_t place = stage.upstream(0).is_dialed(Millis(300)) ? 0 : 1;
  stage.take_request(place).send(kOk);
  stage.see(client, 200);
  return place;
}

/// Both addresses of the name get requests. One is taken away: its connection is closed and it gets
/// none any more.
void take_an_address_away(Stage& stage) {
  const std::string first = stage.upstream(0).address();
  const std::string second = stage.upstream(1).address();
  stage.wait_said(fmt::format("is resolved anew: +{} +{}", first, second));
  Peer& client = stage.connect();
  const std::size_t stays = serve_afresh(stage, client);
  const std::size_t leaves = serve_afresh(stage, client);
  stage.check(stays != leaves, "one address got both requests");
  stage.wait_dialed("pool", 2);
  stage.names().hold({static_cast<std::uint8_t>(stays + 1)});
  stage.wait_said(fmt::format("is resolved anew: -{}", stage.upstream(leaves).address()));
  stage.check(stage.upstream(leaves).connections().front().read_to_end() == StreamSight::eof,
              "the connection to the address that left was to be closed");
  Peer& kept = stage.upstream(stays).connections().front();
  for (int i = 0; i < 3; ++i) {
    client.send(get());
    kept.read_head();
    kept.send(kOk);
    stage.see(client, 200);
  }
  stage.check(!stage.upstream(leaves).is_dialed(Millis(0)), "the address that left was dialed");
  stage.part(client);
}

Case address_case() {
  const Proxied reused{served(), {{tried(), 1, true}}};
  Case out{"address_leaves_name",
           {.cluster = "balance: round_robin", .upstreams = 2, .by_name = true},
           take_an_address_away,
           {{closed_idle(),
             {{served(), {{tried(), 1}}}, {served(), {{tried(), 2}}}, reused, reused, reused}}},
           {pool_shut(), row("local", "fin", "pool", "ok.pool_retired", "normal", "all")}};
  out.names = NameServer::Manner::addresses;
  out.own_network = true;
  return out;
}

// ---- The queue: one connection, which a first client's request holds.

constexpr std::string_view kOneSlot = "pool: { connections: 1 }, retry: { tries: 1 }";

/// A first request that the upstream works on; the next has to wait.
Peer& hold_slot(Stage& stage) {
  stage.connect().send(get());
  return stage.take_request();
}

/// The first client gets its answer, at last.
void release_slot(Stage& stage, Peer& upstream) {
  upstream.send(kOk);
  stage.see(stage.peers().front(), 200);
  stage.part(stage.peers().front());
}

Peer& wait_in_queue(Stage& stage, const std::string& request) {
  Peer& client = stage.connect();
  client.send(request);
  stage.wait_phase("queue");
  return client;
}

void overflow_queue(Stage& stage) {
  Peer& upstream = hold_slot(stage);
  Peer& second = wait_in_queue(stage, get());
  Peer& third = stage.connect();
  third.send(get());
  const Response shed = third.read_response();
  stage.check_answer(shed, 503);
  stage.check(!shed.header("retry-after").empty(), "a 503 without Retry-After");
  stage.part(third);
  release_slot(stage, upstream);
  upstream.read_head();
  upstream.send(kOk);
  stage.see(second, 200);
  stage.part(second);
}

void outlast_queue(Stage& stage) {
  Peer& upstream = hold_slot(stage);
  Peer& second = wait_in_queue(stage, get());
  stage.see_failure(second, 503, "timeout.queue");
  stage.part(second);
  release_slot(stage, upstream);
}

std::function<void(Stage&)> leave_queue(std::string request, Leave way) {
  return [=](Stage& stage) {
    Peer& upstream = hold_slot(stage);
    leave(wait_in_queue(stage, request), way);
    stage.settle();
    release_slot(stage, upstream);
  };
}

/// The budget of the one that waits for a slot is over.
void outlast_total(Stage& stage) {
  Peer& upstream = hold_slot(stage);
  Peer& second = wait_in_queue(stage, "GET /hasty HTTP/1.1\r\nHost: localhost\r\n\r\n");
  stage.see_failure(second, 504, "timeout.request_total");
  stage.part(second);
  release_slot(stage, upstream);
}

/// A second client that waited in vain behind a first that was served.
Case queue_case(std::string name, std::function<void(Stage&)> act, const Row& connection,
                const Row& request, std::string_view more = "") {
  return {std::move(name),
          {.cluster = fmt::format("{}{}", kOneSlot, more)},
          std::move(act),
          {{closed_idle(), {{served(), {{tried()}}}}}, {connection, {{request, {}}}}},
          {pool_shut()}};
}

Row gone(Leave way, std::string_view cause, std::string_view severity, std::string_view delivered) {
  return row("peer", word(way), "queue", cause, severity, delivered)
      .undelivered(0, way == Leave::fin ? 25 : 0)
      .answered(0);
}

std::vector<Case> leaving_queue_cases() {
  std::vector<Case> out;
  for (const Leave way : {Leave::fin, Leave::rst}) {
    const Row left = gone(way, "client.left_queued", "notice", "none");
    const Row cut = gone(way, "client.body_truncated", "fault", "nothing_owed");
    out.push_back(
        queue_case(fmt::format("left_queued_{}", word(way)), leave_queue(get(), way), left, left));
    out.push_back(queue_case(fmt::format("body_truncated_in_queue_{}", word(way)),
                             leave_queue(post(100, "0123"), way), cut, cut));
  }
  return out;
}

/// All that stands in the queue ends by the operator's will.
Case ended_in_queue(std::string name, const std::string& cause, const std::string& how, int signals,
                    std::string listener) {
  const Row queued = row("local", how, "queue", cause, "notice", "none").answered(0);
  Row held = queued;
  held.phase = "handling";
  const Row attempt = row("local", how == "rst" ? "fin" : how, "wait", cause, "notice", "handed");
  Row ended = attempt;
  ended.delivered = "all";
  Case out{std::move(name),
           {.cluster = std::string(kOneSlot), .listener = std::move(listener)},
           [=](Stage& stage) {
             hold_slot(stage);
             Peer& second = wait_in_queue(stage, get());
             stage.signal(SIGTERM);
             if (signals == 2) {
               stage.wait_drain();
               stage.signal(SIGTERM);
             }
             stage.check(second.read_to_end() != StreamSight::nothing, "the stream did not end");
           },
           {{held, {{held, {{Row(attempt).answered(0)}}}}}, {queued, {{queued, {}}}}},
           {ended}};
  out.exit_status = 1;
  return out;
}

std::vector<Case> queue_cases() {
  Case budget = queue_case("request_total_in_queue", outlast_total, closed_idle(),
                           answered("timeout.request_total", 504, "queue"));
  budget.file.second_route =
      "match: { prefix: /hasty }, cluster: api, timeouts: { request_total: 600ms }";
  const Row shed = answered("policy.overload_shed", 503).with("resource", "queue");
  Case full{"queue_full",
            {.cluster = std::string(kOneSlot) + ", queue: { limit: 1 }"},
            overflow_queue,
            {{closed_idle(), {{served(), {{tried()}}}}},
             {closed_idle(), {{served(), {{tried(), 1, true}}}}},
             {closed_idle(), {{shed, {}}}}},
            {pool_shut()}};
  std::vector<Case> out = {
      std::move(budget),
      std::move(full),
      queue_case("queue_timeout", outlast_queue, closed_idle(),
                 answered("timeout.queue", 503, "queue"), ", timeouts: { queue: 400ms }"),
      ended_in_queue("shutdown_forced_in_queue", "operator.shutdown_forced", "rst", 2, ""),
      ended_in_queue("drain_in_queue", "timeout.drain", "timeout", 1, "timeouts: { drain: 500ms }"),
  };
  return joined(std::move(out), leaving_queue_cases());
}

}  // namespace

std::vector<Case> cluster_cases() {
  std::vector<Case> out = joined(failing_cases(), queue_cases());
  out.push_back(reload_case());
  out.push_back(address_case());
  return out;
}

}  // namespace finack::gateway_matrix
