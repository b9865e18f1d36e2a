// Requests as a client sends them: heads, bodies, pipelines.
#include <gtest/gtest.h>

#include <string>

#include "support/server_rig.h"

namespace finack::tests {
namespace {

using namespace std::chrono_literals;
using record::Cause;
using record::Phase;

class Http1ExchangeTest : public ServerTest {};
FINACK_SERVER_SUITE(Http1ExchangeTest);

void answer_target(http::Exchange& x) { answer(x, x.request().target); }

TEST_P(Http1ExchangeTest, answers_request_after_request_on_one_connection) {
  SERVE(answer_target);
  Client& client = rig().connect();
  for (const std::string target : {"/a", "/b", "/c"}) {
    const Response response = rig().ask(client, "GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, target);
  }
  client.finish();
  ASSERT_TRUE(rig().ended());
  const SeenConnection& seen = rig().connections[0];
  EXPECT_EQ(seen.ending.cause, Cause::ok_peer_closed_idle);
  EXPECT_EQ(seen.ending.delivered, record::Delivered::all);
  EXPECT_EQ(seen.requests, 3U);
  EXPECT_EQ(seen.protocol, "http/1.1");
  ASSERT_EQ(rig().requests.size(), 3U);
  for (const SeenRequest& request : rig().requests) {
    EXPECT_EQ(request.ending.cause, Cause::ok_completed);
    EXPECT_EQ(request.ending.delivered, record::Delivered::handed);
    EXPECT_EQ(request.status, 200);
    EXPECT_EQ(request.method, "GET");
  }
  EXPECT_EQ(rig().requests[2].target, "/c");
  EXPECT_EQ(rig().requests[2].number, 3U);
}

TEST_P(Http1ExchangeTest, a_head_may_come_byte_by_byte) {
  SERVE(answer_target);
  Client& client = rig().connect();
  for (const char byte : std::string_view("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")) {
    client.send({&byte, 1});
    rig().turn();
  }
  EXPECT_EQ(rig().response(client).body, "/slow");
}

/// A head may be larger than a buffer, and its last piece may be the only one behind the first.
TEST_P(Http1ExchangeTest, a_head_larger_than_a_buffer_may_come_in_any_pieces) {
  SERVE(answer_target);
  const std::string head = "GET /big HTTP/1.1\r\nHost: h\r\nX-Big: " + std::string(28'000, 'x') +
                           "\r\nX-Last: y\r\n\r\n";
  for (const std::size_t last : {2UL, 100UL, 5'000UL, 12'000UL}) {
    Client& client = rig().connect();
    client.send(std::string_view(head).substr(0, 17'000));
    rig().settle(5);
    client.send(std::string_view(head).substr(17'000, head.size() - 17'000 - last));
    rig().settle(5);
    client.send(std::string_view(head).substr(head.size() - last));
    EXPECT_EQ(rig().response(client).body, "/big") << last;
  }
}

TEST_P(Http1ExchangeTest, pipelined_requests_are_answered_in_order) {
  SERVE(answer_target);
  Client& client = rig().connect();
  std::string many;
  for (int i = 0; i < 500; ++i)
    many += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  client.send(many);
  for (int i = 0; i < 500; ++i)
    ASSERT_EQ(rig().response(client).body, "/" + std::to_string(i)) << "answer " << i;
  client.close();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().requests.size(), 500U);
}

TEST_P(Http1ExchangeTest, late_answers_keep_the_order_of_a_pipeline) {
  SERVE([](http::Exchange& x) {
    if (x.request().target.starts_with("/late")) return x.sleep(10ms, [&x] { answer_target(x); });
    answer_target(x);
  });
  Client& client = rig().connect();
  const std::string targets[] = {"/1", "/late2", "/3", "/late4", "/late5", "/6"};
  std::string many;
  for (const std::string& target : targets)
    many += "GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n";
  client.send(many);
  for (const std::string& target : targets) {
    rig().until([&] {
      rig().clock().advance(1ms);
      return client.received.find("\r\n\r\n") != std::string::npos;
    });
    EXPECT_EQ(rig().response(client).body, target);
  }
}

TEST_P(Http1ExchangeTest, a_body_with_a_length_is_echoed) {
  SERVE(echo);
  Client& client = rig().connect();
  for (const std::size_t size : {0UL, 1UL, 1'000UL, 100'000UL, 1'000'000UL}) {
    const std::string body(size, 'b');
    const Response response =
        rig().ask(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(size) +
                              "\r\n\r\n" + body);
    EXPECT_EQ(response.body, body) << size;
  }
  client.close();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().requests.back().bytes_in, 1'000'000U);
}

TEST_P(Http1ExchangeTest, a_chunked_body_is_echoed_and_its_trailers_are_known) {
  std::string trailer;
  SERVE([&](http::Exchange& x) {
    struct Reader {
      http::Exchange& x;
      std::string& trailer;
      std::string body;
    };
    auto reader = std::make_shared<Reader>(Reader{x, trailer, {}});
    auto read = [](auto self, const std::shared_ptr<Reader>& r) -> void {
      for (;;) {
        const http::BodyRead piece = r->x.read_body();
        if (piece.kind == http::BodyRead::Kind::chunk) {
          r->body += piece.bytes;
        } else if (piece.kind == http::BodyRead::Kind::wait) {
          return r->x.on_body_ready([self, r] { self(self, r); });
        } else {
          for (const http::Header& field : r->x.trailers())
            r->trailer += std::string(field.name) + "=" + std::string(field.value);
          return answer(r->x, r->body);
        }
      }
    };
    read(read, reader);
  });
  Client& client = rig().connect();
  client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
  rig().settle(5);
  client.send(
      "lo\r\n6;ext=1\r\n world\r\n0\r\nX-Sum: 7\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(rig().response(client).body, "hello world");
  EXPECT_EQ(rig().response(client).status, 200);
  EXPECT_EQ(trailer, "X-Sum=7") << "the next request has none";
}

TEST_P(Http1ExchangeTest, says_continue_when_the_handler_reads_and_not_before) {
  http::Exchange* exchange = nullptr;
  SERVE([&](http::Exchange& x) { exchange = &x; });
  Client& client = rig().connect();
  client.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  ASSERT_TRUE(rig().until([&] { return exchange != nullptr; }));
  rig().settle();
  EXPECT_EQ(client.received, "");
  echo(*exchange);
  ASSERT_TRUE(rig().until([&] { return !client.received.empty(); }));
  EXPECT_EQ(client.received, "HTTP/1.1 100 Continue\r\n\r\n");
  client.received.clear();
  client.send("hello");
  EXPECT_EQ(rig().response(client).body, "hello");
}

TEST_P(Http1ExchangeTest, an_answer_without_reading_sends_no_continue_and_closes) {
  SERVE(answer_target);
  Client& client = rig().connect();
  const Response response = rig().ask(
      client, "POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("Connection"), "close");
  client.finish();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::policy_early_reply);
}

TEST_P(Http1ExchangeTest, a_body_that_nobody_read_does_not_become_the_next_request) {
  SERVE(answer_target);
  Client& client = rig().connect();
  client.send(
      "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 26\r\n\r\nGET /evil HTTP/1.1\r\nX: "
      "y\r\n\r\n");
  client.send(
      "POST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  client.send("GET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(rig().response(client).body, "/1");
  rig().until([&] { return client.received.find("/2") != std::string::npos || client.gone(); });
  EXPECT_EQ(client.received.find("/evil"), std::string::npos);
}

TEST_P(Http1ExchangeTest, reading_pauses_while_the_handler_is_slow_and_goes_on_after) {
  server::Settings settings;
  settings.limits.read_buffer_bytes = 64 * 1024;
  http::Exchange* exchange = nullptr;
  settings.limits.body_bytes = 100'000'000;
  SERVE([&](http::Exchange& x) { exchange = &x; }, settings);
  Client& client = rig().connect();
  const std::size_t size = 24'000'000;
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
  client.send(std::string(size, 'u'));
  ASSERT_TRUE(rig().until([&] { return exchange != nullptr; }));
  rig().settle(200);
  EXPECT_FALSE(client.sent_all()) << "everything was taken although nobody reads it";
  EXPECT_LT(rig().worker().loop().buffers().leased(), 200U);
  echo(*exchange);
  EXPECT_EQ(rig().response(client).body.size(), size);
}

TEST_P(Http1ExchangeTest, a_body_over_the_limit_gets_its_413_although_the_client_goes_on) {
  server::Settings settings;
  settings.limits.body_bytes = 100'000;
  SERVE(echo, settings);
  Client& announced = rig().connect();
  announced.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n");
  announced.send(std::string(3'000'000, 'x'));
  Response response = rig().response(announced);
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(response.header("Connection"), "close");
  EXPECT_TRUE(rig().until([&] { return announced.sent_all(); })) << "the upload is not discarded";
  EXPECT_FALSE(announced.was_reset);
  announced.finish();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::policy_body_too_large);
  EXPECT_EQ(rig().connections[0].ending.how, record::How::reply);

  Client& chunked = rig().connect();
  chunked.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 300; ++i) chunked.send("2710\r\n" + std::string(10'000, 'x') + "\r\n");
  response = rig().response(chunked);
  EXPECT_EQ(response.status, 413);
  EXPECT_TRUE(rig().until([&] { return chunked.sent_all(); })) << "the upload is not discarded";
  chunked.finish();
  ASSERT_TRUE(rig().ended(2));
  const record::Ending& ending = rig().connections[1].ending;
  EXPECT_EQ(ending.cause, Cause::policy_body_too_large);
  ASSERT_NE(ending.evidence.reason, nullptr) << "the reason was lost on the way to the record";
  EXPECT_STREQ(ending.evidence.reason, "body_too_large");
}

TEST_P(Http1ExchangeTest, a_handler_s_own_413_ends_its_connection_for_the_same_cause) {
  SERVE([](http::Exchange& x) {
    http::ResponseHead head;
    head.status = 413;
    head.cause = Cause::policy_body_too_large;
    EXPECT_TRUE(x.respond(head, "too large"));
  });
  Client& client = rig().connect();
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
  const Response response = rig().response(client);
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(response.header("Connection"), "close");
  client.finish();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().requests[0].ending.cause, Cause::policy_body_too_large);
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::policy_body_too_large);
  EXPECT_EQ(rig().connections[0].ending.how, record::How::reply);
  EXPECT_EQ(rig().connections[0].ending.evidence.expected_bytes, 10U);
}

TEST_P(Http1ExchangeTest, a_handler_that_outlives_its_client_is_a_finding_unless_it_may) {
  http::Exchange* exchange = nullptr;
  static const http::RouteLabel kRoute{"/work"};
  SERVE([&](http::Exchange& x) {
    x.set_route(kRoute);
    exchange = &x;
  });
  for (const bool may : {false, true}) {
    exchange = nullptr;
    Client& client = rig().connect();
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_TRUE(rig().until([&] { return exchange != nullptr; }));
    if (may) exchange->set_runs_on();
    client.reset();
    ASSERT_TRUE(rig().until([&] { return static_cast<bool>(exchange->left()); }));
    rig().settle();
    rig().advance(3s);
    exchange->abort(exchange->left().cause, {});
    ASSERT_TRUE(rig().until([&] { return rig().requests.size() == (may ? 2U : 1U); }));
    rig().settle();
    EXPECT_EQ(rig().findings.size(), 1U) << may;
  }
}

TEST_P(Http1ExchangeTest, a_bad_request_has_one_reason_one_status_one_cause) {
  SERVE(answer_target);
  struct Case {
    const char* bytes;
    int status;
    Cause cause;
    const char* reason;
  };
  std::size_t n = 0;
  for (const Case& c : {
           Case{"GET / HTTP/1.1\r\n\r\n", 400, Cause::policy_bad_request, "host_missing"},
           Case{"GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505, Cause::policy_bad_request,
                "version_unsupported"},
           Case{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400,
                Cause::policy_smuggling, "content_length_repeated"},
           Case{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: "
                "chunked\r\n\r\n",
                400, Cause::policy_smuggling, "content_length_with_transfer_encoding"},
           Case{"\rX", 400, Cause::policy_smuggling, "request_line_bare_cr"},
       }) {
    Client& client = rig().connect();
    const Response response = rig().ask(client, c.bytes);
    EXPECT_EQ(response.status, c.status) << c.reason;
    EXPECT_EQ(response.header("Connection"), "close") << c.reason;
    client.finish();
    ASSERT_TRUE(rig().ended(++n)) << c.reason;
    const record::Ending& ending = rig().connections.back().ending;
    EXPECT_EQ(ending.cause, c.cause) << c.reason;
    EXPECT_EQ(ending.how, record::How::reply) << c.reason;
    EXPECT_STREQ(ending.evidence.reason, c.reason);
    EXPECT_EQ(rig().requests.back().ending.cause, c.cause) << c.reason;
    EXPECT_EQ(rig().requests.back().status, c.status) << c.reason;
  }
}

/// The response had started, so no reply of ours can say what was wrong: it ends with our FIN.
TEST_P(Http1ExchangeTest, a_bad_chunk_under_a_started_response_ends_by_fin) {
  http::Exchange* exchange = nullptr;
  SERVE([&](http::Exchange& x) {
    exchange = &x;
    EXPECT_TRUE(x.start({}));
    x.write("begun");
    if (x.read_body().kind == http::BodyRead::Kind::wait)
      x.on_body_ready([&x] {
        EXPECT_EQ(x.read_body().kind, http::BodyRead::Kind::cut);
        x.finish({});
      });
  });
  Client& client = rig().connect();
  client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  ASSERT_TRUE(rig().until([&] { return client.received.find("begun") != std::string::npos; }));
  client.send("zz\r\n");
  ASSERT_TRUE(rig().until([&] { return client.gone(); }));
  EXPECT_TRUE(client.at_end);
  client.close();
  ASSERT_TRUE(rig().ended());
  for (const record::Ending& ending : {rig().connections[0].ending, rig().requests.at(0).ending}) {
    EXPECT_EQ(ending.cause, Cause::policy_smuggling);
    EXPECT_EQ(ending.how, record::How::fin);
    EXPECT_EQ(ending.phase, Phase::response);
    EXPECT_STREQ(ending.evidence.reason, "chunk_size_invalid");
    EXPECT_EQ(ending.delivered, record::Delivered::partial);
  }
}

TEST_P(Http1ExchangeTest, a_bad_head_behind_good_ones_is_answered_after_them_also_with_a_fin) {
  SERVE(answer_target);
  Client& client = rig().connect();
  client.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET  /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  client.finish();
  EXPECT_EQ(rig().response(client).body, "/1");
  EXPECT_EQ(rig().response(client).status, 400);
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.how, record::How::reply);
}

TEST_P(Http1ExchangeTest, a_half_closed_pipeline_is_served_to_its_end) {
  SERVE([](http::Exchange& x) {
    if (x.request().framing != http::Framing::none) return echo(x);
    answer_target(x);
  });
  Client& client = rig().connect();
  client.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
  client.send(
      "POST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  client.send("GET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
  client.finish();
  EXPECT_EQ(rig().response(client).body, "/1");
  EXPECT_EQ(rig().response(client).body, "abc");
  EXPECT_EQ(rig().response(client).body, "/3");
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::ok_half_close_served);
}

TEST_P(Http1ExchangeTest, empty_lines_before_a_head_are_no_request) {
  SERVE(echo);
  Client& client = rig().connect();
  const Response response =
      rig().ask(client, "\r\n\r\nPOST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok\r\n");
  EXPECT_EQ(response.body, "ok");
  rig().settle();
  client.finish();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::ok_peer_closed_idle);
  EXPECT_EQ(rig().connections[0].requests, 1U);
}

TEST_P(Http1ExchangeTest, single_bytes_of_one_client_do_not_take_all_buffers) {
  http::Exchange* exchange = nullptr;
  SERVE([&](http::Exchange& x) { exchange = &x; });
  Client& client = rig().connect();
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
  ASSERT_TRUE(rig().until([&] { return exchange != nullptr; }));
  const std::uint64_t before = rig().worker().live();
  for (int i = 0; i < 500; ++i) {
    client.send("x");
    rig().turn();
  }
  EXPECT_EQ(rig().worker().live(), before);
  if (GetParam() == net::Backend::epoll) {
    EXPECT_LT(rig().worker().loop().buffers().leased(), 50U);
  }
  client.send(std::string(500, 'x'));
  echo(*exchange);
  EXPECT_EQ(rig().response(client).body.size(), 1'000U);
}

/// The whole request is owed its answer; the cut one ends the connection.
TEST_P(Http1ExchangeTest, a_request_that_is_cut_behind_a_whole_one) {
  SERVE([](http::Exchange& x) {
    if (x.request().framing != http::Framing::none) return echo(x);
    answer_target(x);
  });
  struct Row {
    std::string_view cut;
    Cause cause;
    Phase phase;
  };
  std::size_t ends = 0;
  for (const Row& row : {Row{"GET /cut HT", Cause::client_head_truncated, Phase::head},
                         Row{"POST /cut HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf",
                             Cause::client_body_truncated, Phase::body}}) {
    Client& client = rig().connect();
    client.send("GET /whole HTTP/1.1\r\nHost: h\r\n\r\n");
    client.send(row.cut);
    client.finish();
    EXPECT_EQ(rig().response(client).body, "/whole");
    ASSERT_TRUE(rig().ended(++ends));
    EXPECT_EQ(rig().connections.back().ending.cause, row.cause);
    ASSERT_EQ(rig().requests.size(), 2 * ends);
    EXPECT_EQ(rig().requests[2 * ends - 2].ending.cause, Cause::ok_completed);
    const record::Ending& cut = rig().requests.back().ending;
    EXPECT_EQ(cut.cause, row.cause);
    EXPECT_EQ(cut.phase, row.phase);
    EXPECT_EQ(cut.how, record::How::fin);
    EXPECT_EQ(cut.delivered, record::Delivered::nothing_owed);
  }
}

/// What the client did not take of an answer is not the loss of the request behind it.
TEST_P(Http1ExchangeTest, a_cut_head_lost_nothing_of_the_answer_before_it) {
  SERVE([](http::Exchange& x) { EXPECT_TRUE(x.respond_owned({}, std::string(300'000, 'o'))); });
  Client& client = rig().connect(4 * 1024);
  client.reading = false;
  client.send("GET /big HTTP/1.1\r\nHost: h\r\n\r\nGET /cut HT");
  rig().settle(50);
  client.reset();
  ASSERT_TRUE(rig().ended());
  ASSERT_EQ(rig().requests.size(), 2U) << "the kernel was to take the answer";
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::client_head_truncated);
  EXPECT_GT(rig().connections[0].ending.undelivered_bytes, 0U);
  EXPECT_EQ(rig().requests[1].ending.cause, Cause::client_head_truncated);
  EXPECT_EQ(rig().requests[1].ending.undelivered_bytes, 0U);
  EXPECT_EQ(rig().requests[1].ending.delivered, record::Delivered::nothing_owed);
}

/// The answer stands, and nothing behind the bad chunk can be taken for a request.
TEST_P(Http1ExchangeTest, a_bad_chunk_in_a_body_that_nobody_reads) {
  SERVE(answer_target);
  std::size_t ends = 0;
  for (const bool with_fin : {false, true}) {
    Client& client = rig().connect();
    client.send(
        "POST /up HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n"
        "GET /evil HTTP/1.1\r\nHost: h\r\n\r\n");
    if (with_fin) client.finish();
    const Response response = rig().response(client);
    EXPECT_EQ(response.body, "/up");
    EXPECT_EQ(response.header("Connection"), "close");
    EXPECT_TRUE(rig().until([&] { return client.gone(); }));
    EXPECT_EQ(client.received, "");
    client.close();
    ASSERT_TRUE(rig().ended(++ends));
    EXPECT_EQ(rig().connections.back().ending.cause, Cause::policy_early_reply) << with_fin;
    ASSERT_EQ(rig().requests.size(), ends);
    EXPECT_EQ(rig().requests.back().ending.cause, Cause::policy_early_reply) << with_fin;
  }
}

}  // namespace
}  // namespace finack::tests
