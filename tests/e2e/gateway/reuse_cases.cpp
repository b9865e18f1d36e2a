// Kept connections that their server has closed: known before, or found out too late.
#include <fmt/format.h>

#include "e2e/gateway/case.h"

namespace finack::gateway_matrix {
namespace {

using e2e::closed_idle;
using e2e::served;

/// One request is answered; its connection waits in the pool.
Peer& fill_pool(Stage& stage, Peer& client) {
  client.send(get());
  Peer& upstream = stage.take_request();
  upstream.send(kOk);
  stage.see(client, 200);
  stage.wait_dialed("pool");
  return upstream;
}

/// The same with a server that seems far away, its first SYN being lost: what it does within two
/// seconds of a request crossed it, even on a machine that is busy.
Peer& fill_pool_from_afar(Stage& stage, Peer& client) {
  stage.upstream().fill_backlog();
  client.send(get());
  stage.wait_dialed("connect");
  stage.upstream().empty_backlog();
  Peer& upstream = stage.take_request();
  upstream.send(kOk);
  stage.see(client, 200);
  stage.wait_dialed("pool");
  return upstream;
}

/// The FIN or RST has arrived when the request comes: it goes out on a fresh connection.
std::function<void(Stage&)> close_before_checkout(Leave way) {
  return [=](Stage& stage) {
    Peer& client = stage.connect();
    Peer& kept = fill_pool(stage, client);
    stage.freeze();
    leave(kept, way);
    client.send(post(2, "hi"));
    stage.thaw();
    stage.take_request().send(kOk);
    stage.see(client, 200);
    stage.part(client);
  };
}

/// The upstream takes the request, and leaves instead of answering: nobody knows what it did.
void close_on_request(Peer& kept, Leave way) {
  kept.read_head();
  way == Leave::fin ? kept.finish_sending() : kept.reset();
}

std::function<void(Stage&)> retry_inferred(Leave way) {
  return [=](Stage& stage) {
    Peer& client = stage.connect();
    Peer& kept = fill_pool_from_afar(stage, client);
    client.send(get());
    close_on_request(kept, way);
    stage.take_request().send(kOk);
    stage.see(client, 200);
    stage.part(client);
  };
}

std::function<void(Stage&)> fail_inferred(Leave way) {
  return [=](Stage& stage) {
    Peer& client = stage.connect();
    Peer& kept = fill_pool_from_afar(stage, client);
    client.send(post(2, "hi"));
    kept.read_head();
    kept.read_text(2);
    way == Leave::fin ? kept.finish_sending() : kept.reset();
    stage.see_failure(client, 502, "upstream.stale_reuse");
    stage.check(!stage.upstream().is_dialed(Millis(300)), "a POST was sent twice");
    stage.part(client);
  };
}

/// The same in the middle of an upload.
std::function<void(Stage&)> fail_in_upload(Leave way) {
  return [=](Stage& stage) {
    Peer& client = stage.connect();
    Peer& kept = fill_pool_from_afar(stage, client);
    client.send(post(100, "0123"));
    kept.read_head();
    kept.read_text(4);
    way == Leave::fin ? kept.finish_sending() : kept.reset();
    stage.see_failure(client, 502, "upstream.stale_reuse");
    stage.check(client.read_to_end() == StreamSight::eof, "no FIN behind an early answer");
    client.close();
  };
}

/// The request is lost on its way, so that a FIN arrives which acknowledges nothing of it: even a
/// POST may go out again.
void retry_proved(Stage& stage) {
  Peer& client = stage.connect();
  Peer& kept = fill_pool(stage, client);
  kept.vanish();
  client.send(post(2, "hi"));
  stage.wait_dialed("wait");
  kept.finish_sending();
  stage.take_request().send(kOk);
  stage.see(client, 200);
  stage.part(client);
}

/// The same with a RST, which proves nothing: an acknowledgement may have been under way.
void fail_unproved(Stage& stage) {
  Peer& client = stage.connect();
  Peer& kept = fill_pool_from_afar(stage, client);
  kept.vanish();
  client.send(post(2, "hi"));
  stage.wait_dialed("wait");
  kept.reset();
  stage.see_failure(client, 502, "upstream.");
  stage.check(!stage.upstream().is_dialed(Millis(300)), "a POST was sent twice");
  stage.part(client);
}

/// It said 103 before: it has read the request, whatever the haste.
void close_after_interim(Stage& stage) {
  Peer& client = stage.connect();
  Peer& kept = fill_pool(stage, client);
  client.send(post(2, "hi"));
  kept.read_head();
  kept.read_text(2);
  kept.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  kept.finish_sending();
  stage.see_failure(client, 502, "upstream.closed_no_head");
  stage.part(client);
}

Row stale(std::string_view how, std::string_view certainty) {
  const bool proved = certainty == "proved";
  // Who resets at once acknowledges nothing that he has read.
  const std::string_view delivered = proved ? "none" : how == "rst" ? "all|none" : "all";
  return row("peer", how, "wait", "upstream.stale_reuse", "notice", delivered)
      .undelivered(proved ? 1 : 0, proved || how == "rst" ? kKiB : 0)
      .with("certainty", std::string(certainty));
}

/// The second request meets a connection that is stale, and is served by another.
Case retried(std::string name, std::function<void(Stage&)> act, const Row& met) {
  Row attempt = met;
  attempt.status = 0;
  return {
      std::move(name),
      {},
      std::move(act),
      {{closed_idle(), {{served(), {{tried()}}}, {served(), {{attempt, 1, true}, {tried(), 2}}}}}},
      {met, pool_shut()}};
}

Case failed(std::string name, std::function<void(Stage&)> act, const Row& met, const Row& request) {
  Row attempt = met;
  attempt.status = 0;
  return {std::move(name),
          {},
          std::move(act),
          {{closed_idle(), {{served(), {{tried()}}}, {request, {{attempt, 1, true}}}}}},
          {met}};
}

/// With a backlog that can be filled.
Case afar(Case each) {
  each.backlog = 0;
  return each;
}

Case in_upload(std::string name, Leave way) {
  Row met = stale(word(way), "inferred");
  met.phase = "send";
  Case out =
      failed(std::move(name), fail_in_upload(way), met,
             row("local", "reply", "body", "upstream.stale_reuse", "fault", "all").answered(502));
  out.fronts[0].connection = row("local", "reply", "body", "policy.early_reply", "notice", "all");
  return out;
}

std::vector<Case> cases_of(Leave way) {
  const std::string how(word(way));
  return {
      {"closed_before_checkout_" + how,
       {},
       close_before_checkout(way),
       {{closed_idle(), {{served(), {{tried()}}}, {served(), {{tried(), 2}}}}}},
       // What was learned of this server is that it closes soon.
       {pool_closed(how), row("local", "fin", "pool", "ok.pool_retired", "normal", "all")}},
      afar(retried("stale_get_" + how, retry_inferred(way), stale(how, "inferred"))),
      afar(failed("stale_post_" + how, fail_inferred(way), stale(how, "inferred"),
                  answered("upstream.stale_reuse", 502))),
      afar(in_upload("stale_in_upload_" + how, way)),
  };
}

}  // namespace

std::vector<Case> reuse_cases() {
  std::vector<Case> out = joined(cases_of(Leave::fin), cases_of(Leave::rst));
  out.push_back(retried("stale_post_proved", retry_proved, stale("fin", "proved")));
  out.push_back(afar(failed("stale_post_unacknowledged_rst", fail_unproved,
                            stale("rst", "inferred"), answered("upstream.stale_reuse", 502))));
  out.push_back(failed("reused_and_interim_then_closed", close_after_interim,
                       row("peer", "fin", "wait", "upstream.closed_no_head", "fault", "all"),
                       answered("upstream.closed_no_head", 502)));
  return out;
}

}  // namespace finack::gateway_matrix
