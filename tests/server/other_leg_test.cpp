// What a proxied request ends with when its upstream fails it, and what its client sees.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "support/server_rig.h"

namespace finack::tests {
namespace {

using namespace std::chrono_literals;
using record::Cause;
using record::How;
using record::Phase;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

class OtherLegTest : public ServerTest {};
FINACK_SERVER_SUITE(OtherLegTest);

struct Answered {
  Cause cause;
  int status;
  How how = How::reply;
  Phase phase = Phase::handling;
};

constexpr Answered kAnswered[] = {
    {Cause::upstream_refused, 502},
    {Cause::upstream_closed_no_head, 502},
    {Cause::upstream_bad_head, 502},
    {Cause::upstream_retries_spent, 502},
    {Cause::upstream_none_healthy, 503, How::reply, Phase::queue},
    {Cause::upstream_circuit_open, 503, How::reply, Phase::queue},
    {Cause::timeout_queue, 503, How::timeout, Phase::queue},
    {Cause::timeout_connect, 504, How::timeout},
    {Cause::timeout_first_response_byte, 504, How::timeout},
    {Cause::timeout_request_total, 504, How::timeout},
    {Cause::network_vanished, 504},
    {Cause::network_unreachable, 502},
    {Cause::resource_ports, 503},
    {Cause::policy_loop, 508},
};

TEST_P(OtherLegTest, before_a_response_the_client_gets_the_cause_s_status) {
  Cause cause = Cause::unknown;
  SERVE([&](http::Exchange& x) { x.abort(cause); });
  Client& client = rig().connect();
  std::size_t n = 0;
  for (const Answered& row : kAnswered) {
    SCOPED_TRACE(record::name(row.cause));
    cause = row.cause;
    const Response response = rig().ask(client, kGet);
    EXPECT_EQ(response.status, row.status);
    EXPECT_EQ(response.header("Connection"), "keep-alive");
    ASSERT_TRUE(rig().until([&] { return rig().requests.size() > n; }));
    const SeenRequest& request = rig().requests[n++];
    EXPECT_EQ(request.ending.cause, row.cause);
    EXPECT_EQ(request.ending.how, row.how);
    EXPECT_EQ(request.ending.phase, row.phase);
    EXPECT_EQ(request.ending.ended_by, record::EndedBy::local);
    EXPECT_EQ(request.ending.severity, record::info(row.cause).severity);
    EXPECT_EQ(request.status, row.status);
  }
  client.close();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::ok_peer_closed_idle);
}

/// The gateway's own text and headers, and the same cause.
TEST_P(OtherLegTest, an_answer_that_names_its_cause) {
  Cause cause = Cause::unknown;
  SERVE([&](http::Exchange& x) {
    http::ResponseHead head;
    head.status = 502;
    head.cause = cause;
    EXPECT_TRUE(x.respond(head, "sorry"));
  });
  Client& client = rig().connect();
  std::size_t n = 0;
  for (const Answered& row : kAnswered) {
    SCOPED_TRACE(record::name(row.cause));
    cause = row.cause;
    EXPECT_EQ(rig().ask(client, kGet).body, "sorry");
    ASSERT_TRUE(rig().until([&] { return rig().requests.size() > n; }));
    const record::Ending& ending = rig().requests[n++].ending;
    EXPECT_EQ(ending.cause, row.cause);
    EXPECT_EQ(ending.how, row.how);
    EXPECT_EQ(ending.phase, row.phase);
  }
}

/// The upload had not ended: that closes the connection, and is not why the request failed.
TEST_P(OtherLegTest, a_failure_under_an_upload_is_the_request_s_cause) {
  bool by_head = false;
  SERVE([&](http::Exchange& x) {
    if (!by_head) return x.abort(Cause::upstream_refused);
    http::ResponseHead head;
    head.status = 502;
    head.cause = Cause::upstream_refused;
    EXPECT_TRUE(x.respond(head, "sorry"));
  });
  std::size_t n = 0;
  for (by_head = false; n < 2; by_head = true) {
    Client& client = rig().connect();
    const Response response =
        rig().ask(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
    EXPECT_EQ(response.status, 502);
    EXPECT_EQ(response.header("Connection"), "close");
    client.finish();
    ASSERT_TRUE(rig().ended(++n));
    ASSERT_EQ(rig().requests.size(), n);
    EXPECT_EQ(rig().requests.back().ending.cause, Cause::upstream_refused) << by_head;
    EXPECT_EQ(rig().connections.back().ending.cause, Cause::policy_early_reply) << by_head;
  }
}

struct Cut {
  Cause cause;
  std::string_view request;
  std::uint64_t length;  ///< Content-Length, or kChunked.
  How how;
};
constexpr std::string_view kOld = "GET / HTTP/1.0\r\n\r\n";
constexpr std::uint64_t kChunked = http::ResponseHead::kChunked;
constexpr Cut kCuts[] = {
    {Cause::upstream_body_truncated, kGet, kChunked, How::fin},
    {Cause::upstream_body_truncated, kGet, 100, How::fin},
    {Cause::upstream_body_truncated, kOld, kChunked, How::rst},
    {Cause::upstream_bad_framing, kGet, kChunked, How::fin},
    {Cause::timeout_response_idle, kGet, kChunked, How::fin},
    {Cause::timeout_request_total, kOld, kChunked, How::rst},
    {Cause::network_vanished, kGet, 100, How::fin},
    {Cause::network_unreachable, kGet, kChunked, How::fin},
    {Cause::resource_memory, kGet, kChunked, How::fin},
    {Cause::upstream_body_end_unproved, kGet, kChunked, How::fin},
};

TEST_P(OtherLegTest, under_a_response_the_client_sees_it_cut) {
  http::Exchange* exchange = nullptr;
  std::uint64_t length = 0;
  SERVE([&](http::Exchange& x) {
    http::ResponseHead head;
    head.content_length = length;
    EXPECT_TRUE(x.start(head));
    EXPECT_EQ(x.write("some"), http::WriteState::ready);
    exchange = &x;
  });
  std::size_t n = 0;
  for (const Cut& row : kCuts) {
    SCOPED_TRACE(std::string(record::name(row.cause)) + " " + std::string(record::name(row.how)));
    length = row.length;
    Client& client = rig().connect();
    client.send(row.request);
    ASSERT_TRUE(rig().until([&] { return client.received.find("some") != std::string::npos; }));
    record::UpstreamTry attempt;
    attempt.cause = row.cause;
    attempt.connection = {1, 0, 40 + n};
    exchange->set_upstream({&attempt, 1});
    exchange->abort(row.cause);
    ASSERT_TRUE(rig().until([&] { return client.gone(); }));
    EXPECT_EQ(client.was_reset, row.how == How::rst);
    EXPECT_EQ(client.received.find("0\r\n\r\n"), std::string::npos) << "a last chunk is a lie";
    client.close();
    ASSERT_TRUE(rig().ended(++n));
    ASSERT_EQ(rig().requests.size(), n);
    const SeenRequest& request = rig().requests.back();
    EXPECT_EQ(request.ending.cause, row.cause);
    const bool wait = record::info(row.cause).family == record::CauseFamily::timeout;
    EXPECT_EQ(request.ending.how, wait ? How::timeout : row.how);
    EXPECT_EQ(request.ending.phase, Phase::response);
    EXPECT_EQ(request.ending.delivered, record::Delivered::partial);
    ASSERT_EQ(request.upstream.size(), 1U);
    EXPECT_EQ(request.upstream[0].cause, row.cause);
    const record::Ending& ending = rig().connections.back().ending;
    EXPECT_EQ(ending.cause, Cause::policy_other_leg);
    EXPECT_EQ(ending.how, row.how);
    EXPECT_EQ(ending.phase, Phase::response);
    const bool unproved = row.cause == Cause::upstream_body_end_unproved;
    const record::Severity severity =
        unproved ? record::Severity::fault : record::info(row.cause).severity;
    EXPECT_EQ(ending.severity, severity) << "as the other leg";
    EXPECT_EQ(request.ending.severity, severity);
    EXPECT_EQ(rig().connections.back().other_leg, 39 + n);
  }
}

// ---- Tries --------------------------------------------------------------------------------------

std::vector<record::UpstreamTry> tries(std::size_t count) {
  std::vector<record::UpstreamTry> all(count);
  for (std::size_t i = 0; i < count; ++i) {
    all[i].connection = {1, 0, 100 + i};
    all[i].attempt = static_cast<std::uint16_t>(i + 1);
    all[i].cause = i + 1 < count ? Cause::upstream_stale_reuse : Cause::ok_completed;
  }
  return all;
}

TEST_P(OtherLegTest, tries_stand_in_the_record_of_their_request) {
  std::size_t count = 0;
  SERVE([&](http::Exchange& x) {
    x.set_upstream(tries(1));
    x.set_upstream(tries(count));
    answer(x, "x");
  });
  Client& client = rig().connect();
  count = 3;
  EXPECT_EQ(rig().ask(client, kGet).status, 200);
  ASSERT_TRUE(rig().until([&] { return rig().requests.size() == 1; }));
  ASSERT_EQ(rig().requests[0].upstream.size(), 3U);
  EXPECT_EQ(rig().requests[0].upstream[0].connection.sequence, 100U);
  EXPECT_EQ(rig().requests[0].upstream[2].cause, Cause::ok_completed);
  count = 0;
  EXPECT_EQ(rig().ask(client, kGet).status, 200);
  ASSERT_TRUE(rig().until([&] { return rig().requests.size() == 2; }));
  EXPECT_TRUE(rig().requests[1].upstream.empty()) << "the tries of the request before";
  count = 11;
  EXPECT_EQ(rig().ask(client, kGet).status, 200);
  ASSERT_TRUE(rig().until([&] { return rig().requests.size() == 3; }));
  ASSERT_EQ(rig().requests[2].upstream.size(), 8U);
  EXPECT_EQ(rig().requests[2].upstream[0].attempt, 4U) << "of many the last are kept";
}

TEST_P(OtherLegTest, pipelined_requests_keep_their_own_tries) {
  std::size_t count = 0;
  SERVE([&](http::Exchange& x) {
    x.set_upstream(tries(++count));
    answer(x, "x");
  });
  Client& client = rig().connect();
  client.send(std::string(kGet) + std::string(kGet) + std::string(kGet));
  ASSERT_TRUE(rig().until([&] { return rig().requests.size() == 3; }));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(rig().requests[i].upstream.size(), i + 1);
}

/// The client left first; the gateway tells of its tries when it lets go.
TEST_P(OtherLegTest, an_orphan_s_tries_are_recorded) {
  http::Exchange* exchange = nullptr;
  SERVE([&](http::Exchange& x) { exchange = &x; });
  Client& client = rig().connect();
  client.send(kGet);
  ASSERT_TRUE(rig().until([&] { return exchange != nullptr; }));
  client.reset();
  ASSERT_TRUE(rig().ended());
  exchange->set_upstream(tries(2));
  exchange->abort(Cause::client_left_waiting);
  ASSERT_TRUE(rig().until([&] { return rig().requests.size() == 1; }));
  EXPECT_EQ(rig().requests[0].ending.cause, Cause::client_left_waiting);
  EXPECT_EQ(rig().requests[0].upstream.size(), 2U);
}

/// The server answered for the handler, which tells of its tries when it is stopped.
TEST_P(OtherLegTest, a_detached_request_s_tries_are_recorded) {
  server::Settings settings;
  settings.limits.body_bytes = 4;
  settings.timeouts.body_idle = 2s;
  const auto read = [](http::Exchange& x) {
    if (x.read_body().kind != http::BodyRead::Kind::cut) return;
    x.set_upstream(tries(2));
    x.abort(Cause::policy_other_leg);
  };
  SERVE(
      [&](http::Exchange& x) {
        x.on_body_ready([&] { read(x); });
        read(x);
      },
      settings);
  std::size_t n = 0;
  for (const int status : {413, 408}) {
    Client& client = rig().connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    rig().settle(3);
    if (status == 413) client.send("5\r\nhello\r\n");
    if (status == 408) rig().advance(3s);
    EXPECT_EQ(rig().response(client).status, status);
    client.finish();
    ASSERT_TRUE(rig().ended(++n));
    ASSERT_EQ(rig().requests.size(), n);
    EXPECT_EQ(rig().requests.back().status, status);
    EXPECT_EQ(rig().requests.back().upstream.size(), 2U) << status;
  }
}

// ---- Whom the client's connection names ---------------------------------------------------------

/// Its dialed connection is known before the gateway has told of any try.
TEST_P(OtherLegTest, a_client_that_leaves_names_the_dialed_connection) {
  http::Exchange* exchange = nullptr;
  SERVE([&](http::Exchange& x) {
    x.set_other_leg({1, 0, 5});
    exchange = &x;
  });
  Client& client = rig().connect();
  client.send(kGet);
  ASSERT_TRUE(rig().until([&] { return exchange != nullptr; }));
  client.reset();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::client_left_waiting);
  EXPECT_EQ(rig().connections[0].other_leg, 5U);
  exchange->abort(Cause::client_left_waiting);
}

TEST_P(OtherLegTest, only_the_last_request_s_dialed_connection_is_named) {
  SERVE([&](http::Exchange& x) {
    if (x.request().target == "/proxied") x.set_other_leg({1, 0, 5});
    if (x.request().target == "/tried") x.set_upstream(tries(2));
    answer(x, "x");
  });
  struct Row {
    const char* what;
    std::string_view sent;
    std::uint64_t named;
  };
  constexpr Row kRows[] = {
      {"closed behind it", "GET /proxied HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 5},
      {"its last try's", "GET /tried HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 101},
      {"idle since", "GET /proxied HTTP/1.1\r\nHost: h\r\n\r\n", 0},
      {"another behind it",
       "GET /proxied HTTP/1.1\r\nHost: h\r\n\r\n"
       "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
       0},
      {"half a head behind it", "GET /proxied HTTP/1.1\r\nHost: h\r\n\r\nGET / HT", 0},
      {"nothing proxied", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 0},
  };
  std::size_t n = 0;
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.what);
    Client& client = rig().connect();
    client.send(row.sent);
    EXPECT_EQ(rig().response(client).status, 200);
    rig().settle(3);
    client.finish();
    ASSERT_TRUE(rig().ended(++n));
    EXPECT_EQ(rig().connections.back().other_leg, row.named);
  }
}

// ---- The queue ----------------------------------------------------------------------------------

TEST_P(OtherLegTest, a_client_that_leaves_the_queue) {
  http::Exchange* exchange = nullptr;
  SERVE([&](http::Exchange& x) {
    x.set_queued(true);
    exchange = &x;
  });
  Client& client = rig().connect();
  client.send(kGet);
  ASSERT_TRUE(rig().until([&] { return exchange != nullptr; }));
  const auto queue = static_cast<std::size_t>(Phase::queue);
  EXPECT_EQ(rig().counters().live_by_phase[queue].get(), 1);
  client.reset();
  ASSERT_TRUE(rig().ended());
  exchange->abort(Cause::client_left_queued);
  ASSERT_TRUE(rig().until([&] { return rig().requests.size() == 1; }));
  for (const record::Ending& ending : {rig().connections[0].ending, rig().requests[0].ending}) {
    EXPECT_EQ(ending.cause, Cause::client_left_queued);
    EXPECT_EQ(ending.phase, Phase::queue);
  }
}

TEST_P(OtherLegTest, a_slot_ends_the_queue) {
  SERVE([&](http::Exchange& x) {
    x.set_queued(true);
    x.set_queued(false);
    x.set_queued(false);
    answer(x, "x");
  });
  Client& client = rig().connect();
  EXPECT_EQ(rig().ask(client, kGet).status, 200);
  EXPECT_EQ(rig().ask(client, kGet).status, 200);
}

}  // namespace
}  // namespace finack::tests
