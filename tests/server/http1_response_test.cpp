// Responses as a client gets them: framing, headers, files, streams.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "support/server_rig.h"

namespace finack::tests {
namespace {

using namespace std::chrono_literals;
using record::Cause;
using record::Delivered;
using record::How;
using record::Phase;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr std::string_view kHead = "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr std::string_view kGet10 = "GET / HTTP/1.0\r\n\r\n";

class Http1ResponseTest : public ServerTest {};
FINACK_SERVER_SUITE(Http1ResponseTest);

int file_of(std::string_view bytes) {
  const int file = ::memfd_create("response", MFD_CLOEXEC);
  EXPECT_EQ(::write(file, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  return file;
}

/// Writes `total` bytes in pieces, waiting where it is told to, then finishes.
struct Stream : std::enable_shared_from_this<Stream> {
  Stream(http::Exchange& x, std::size_t bytes) : exchange(x), left(bytes) {}
  void go() {
    const std::string piece(16 * 1024, 's');
    while (left > 0) {
      const std::size_t n = std::min(left, piece.size());
      const http::WriteState state = exchange.write(std::string_view(piece).substr(0, n));
      if (state == http::WriteState::gone) return exchange.abort(Cause::app_abort);
      left -= n;
      if (state == http::WriteState::wait) {
        ++waits;
        return exchange.on_write_ready([self = shared_from_this()] { self->go(); });
      }
    }
    exchange.finish();
    finished = true;
  }
  http::Exchange& exchange;
  std::size_t left;
  int waits = 0;
  bool finished = false;
};

TEST_P(Http1ResponseTest, head_gets_the_headers_of_get_and_no_body) {
  SERVE([](http::Exchange& x) { answer(x, "hello"); });
  Client& client = rig().connect();
  const Response response = rig().ask(client, kHead, true);
  EXPECT_EQ(response.header("Content-Length"), "5");
  EXPECT_EQ(rig().ask(client, kGet).body, "hello");
}

TEST_P(Http1ResponseTest, no_content_has_no_framing) {
  SERVE([](http::Exchange& x) {
    http::ResponseHead head;
    head.status = x.number() == 1 ? 204 : 304;
    EXPECT_TRUE(x.respond(head, "ignored"));
  });
  Client& client = rig().connect();
  for (const int status : {204, 304}) {
    const Response response = rig().ask(client, kGet);
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.header("Content-Length"), "");
    EXPECT_EQ(response.header("Transfer-Encoding"), "");
  }
  EXPECT_EQ(client.received, "");
}

TEST_P(Http1ResponseTest, http10_closes_unless_asked_to_stay) {
  SERVE([](http::Exchange& x) { answer(x, "x"); });
  Client& once = rig().connect();
  EXPECT_EQ(rig().ask(once, kGet10).header("Connection"), "close");
  EXPECT_TRUE(rig().until([&] { return once.at_end; }));
  once.close();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::ok_completed);
  EXPECT_EQ(rig().connections[0].protocol, "http/1.0");
  Client& stays = rig().connect();
  for (int i = 0; i < 2; ++i) {
    const Response response = rig().ask(stays, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(response.header("Connection"), "keep-alive");
  }
}

TEST_P(Http1ResponseTest, a_stream_is_chunked_and_delimited_by_the_end_to_http10) {
  SERVE([](http::Exchange& x) {
    EXPECT_TRUE(x.start({}));
    x.inform(103, {});  // too late: ignored
    x.write("hello ");
    x.write("");
    x.write("world");
    const http::Header sum{"X-Sum", "11"};
    x.finish({&sum, 1});
  });
  Client& client = rig().connect();
  Response response = rig().ask(client, kGet);
  EXPECT_EQ(response.header("Transfer-Encoding"), "chunked");
  EXPECT_EQ(response.body, "hello world");
  EXPECT_EQ(response.trailers, "X-Sum: 11\r\n");
  response = rig().ask(client, kHead, true);
  EXPECT_EQ(response.header("Transfer-Encoding"), "chunked");
  EXPECT_EQ(rig().ask(client, kGet).body, "hello world");
  Client& old = rig().connect();
  response = rig().ask(old, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(response.header("Transfer-Encoding"), "");
  EXPECT_EQ(response.header("Connection"), "close");
  EXPECT_EQ(response.body, "hello world");
}

TEST_P(Http1ResponseTest, interim_responses_go_before_the_final_one_and_not_to_http10) {
  SERVE([](http::Exchange& x) {
    const http::Header link{"Link", "</a.css>"};
    x.inform(103, {&link, 1});
    answer(x, "x");
  });
  Client& client = rig().connect();
  Response response = rig().ask(client, kGet);
  EXPECT_EQ(response.status, 103);
  EXPECT_EQ(response.header("Link"), "</a.css>");
  EXPECT_EQ(rig().response(client).status, 200);
  Client& old = rig().connect();
  EXPECT_EQ(rig().ask(old, kGet10).status, 200);
}

TEST_P(Http1ResponseTest, a_client_that_does_not_read_holds_back_interim_responses) {
  server::Settings settings;
  settings.limits.write_buffer_bytes = 16 * 1024;
  const std::string value(1000, 'v');
  SERVE(
      [&](http::Exchange& x) {
        const http::Header field{"X", value};
        for (int i = 0; i < 1000; ++i) x.inform(103, {&field, 1});
        x.respond({}, "done");
      },
      settings);
  Client& client = rig().connect();
  client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(rig().until([&] { return client.received.ends_with("done"); }));
  EXPECT_GT(client.received.size(), 16U * 1024);
  EXPECT_LT(client.received.size(), 20U * 1024);
  client.close();
  ASSERT_TRUE(rig().ended());
}

TEST_P(Http1ResponseTest, inform_sends_interim_statuses_only) {
  SERVE([](http::Exchange& x) {
    x.inform(101, {});
    x.inform(200, {});
    x.inform(99, {});
    answer(x, "x");
  });
  Client& client = rig().connect();
  EXPECT_EQ(rig().ask(client, kGet).body, "x");
}

TEST_P(Http1ResponseTest, nothing_of_a_handler_can_split_a_response) {
  int refused = 0;
  SERVE([&](http::Exchange& x) {
    const http::Header bad[] = {{"X-A", "b\r\nX-Evil: 1"},
                                {"X\r\nY", "b"},
                                {"X A", "b"},
                                {"", "b"},
                                {"X-A", "a\nb"},
                                {"X-A", std::string_view("a\0b", 3)},
                                {"Content-Length", "5"},
                                {"Connection", "x"},
                                {"Transfer-Encoding", "chunked"}};
    for (const http::Header& field : bad) {
      http::ResponseHead head;
      head.headers = {&field, 1};
      if (!x.respond(head, "x")) ++refused;
      if (!x.start(head)) ++refused;
      if (!x.respond_file(head, file_of("x"), 0, 1)) ++refused;
    }
    http::ResponseHead head;
    head.content_type = "text/plain\r\nX-Evil: 1";
    if (!x.respond(head, "x")) ++refused;
    head.content_type = "";
    head.reason = "OK\r\nX-Evil: 1";
    if (!x.respond(head, "x")) ++refused;
    head.reason = "";
    for (const int status : {0, 100, 101, 199, 600, 1200}) {
      head.status = status;
      if (!x.respond(head, "x")) ++refused;
    }
    EXPECT_FALSE(x.started());
    answer(x, "fine");
  });
  Client& client = rig().connect();
  const Response response = rig().ask(client, kGet);
  EXPECT_EQ(refused, 9 * 3 + 2 + 6);
  EXPECT_EQ(response.body, "fine");
  EXPECT_FALSE(response.has("Evil"));
}

TEST_P(Http1ResponseTest, the_date_is_the_clocks_and_moves_with_it) {
  SERVE([](http::Exchange& x) { answer(x, "x"); });
  Client& client = rig().connect();
  EXPECT_EQ(rig().ask(client, kGet).header("Date"), "Thu, 01 Jan 1970 01:00:00 GMT");
  rig().clock().advance(999ms);
  EXPECT_EQ(rig().ask(client, kGet).header("Date"), "Thu, 01 Jan 1970 01:00:00 GMT");
  rig().clock().advance(1ms);
  EXPECT_EQ(rig().ask(client, kGet).header("Date"), "Thu, 01 Jan 1970 01:00:01 GMT");
}

TEST_P(Http1ResponseTest, keep_alive_names_the_timeout_and_what_is_left) {
  server::Settings settings;
  settings.timeouts.idle = 20s;
  settings.limits.requests_per_connection = 3;
  SERVE([](http::Exchange& x) { answer(x, "x"); }, settings);
  Client& client = rig().connect();
  EXPECT_EQ(rig().ask(client, kGet).header("Keep-Alive"), "timeout=20, max=2");
  EXPECT_EQ(rig().ask(client, kGet).header("Keep-Alive"), "timeout=20, max=1");
  const Response last = rig().ask(client, kGet);
  EXPECT_EQ(last.header("Keep-Alive"), "");
  EXPECT_EQ(last.header("Connection"), "close");
  client.finish();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::policy_request_limit);
}

TEST_P(Http1ResponseTest, keep_alive_is_not_sent_when_switched_off) {
  server::Settings settings;
  settings.keep_alive_header = false;
  SERVE([](http::Exchange& x) { answer(x, "x"); }, settings);
  Client& client = rig().connect();
  const Response response = rig().ask(client, kGet);
  EXPECT_EQ(response.header("Keep-Alive"), "");
  EXPECT_EQ(response.header("Connection"), "");
}

TEST_P(Http1ResponseTest, the_server_header_is_sent_when_set) {
  server::Settings settings;
  settings.server_header = "finack";
  SERVE([](http::Exchange& x) { answer(x, "x"); }, settings);
  EXPECT_EQ(rig().ask(rig().connect(), kGet).header("Server"), "finack");
}

TEST_P(Http1ResponseTest, writing_waits_for_a_slow_client_and_goes_on_with_it) {
  std::shared_ptr<Stream> stream;
  SERVE([&](http::Exchange& x) {
    stream = std::make_shared<Stream>(x, 20'000'000);
    EXPECT_TRUE(x.start({}));
    stream->go();
  });
  Client& client = rig().connect(64 * 1024);
  client.reading = false;
  client.send(kGet);
  ASSERT_TRUE(rig().until([&] { return stream && stream->waits > 0; }));
  rig().settle(100);
  EXPECT_FALSE(stream->finished);
  EXPECT_GT(stream->left, 1'000'000U) << "the answer was buffered instead of waited for";
  client.reading = true;
  EXPECT_EQ(rig().response(client).body.size(), 20'000'000U);
  EXPECT_TRUE(stream->finished);
}

TEST_P(Http1ResponseTest, a_large_body_given_away_arrives_whole) {
  SERVE([](http::Exchange& x) {
    http::ResponseHead head;
    EXPECT_TRUE(x.respond_owned(head, std::string(9'000'000, 'o')));
  });
  Client& client = rig().connect();
  client.send(std::string(kGet) + std::string(kGet));
  EXPECT_EQ(rig().response(client).body, std::string(9'000'000, 'o'));
  EXPECT_EQ(rig().response(client).body.size(), 9'000'000U);
}

TEST_P(Http1ResponseTest, a_file_is_sent_from_its_offset) {
  std::string content;
  for (int i = 0; i < 3'000'000; ++i) content += static_cast<char>('a' + i % 26);
  SERVE([&](http::Exchange& x) {
    EXPECT_TRUE(x.respond_file({}, file_of(content), 1'000, content.size() - 1'000));
  });
  Client& client = rig().connect();
  EXPECT_TRUE(rig().ask(client, kGet).body == std::string_view(content).substr(1'000));
  EXPECT_EQ(rig().ask(client, kHead, true).header("Content-Length"),
            std::to_string(content.size() - 1'000));
  EXPECT_TRUE(rig().ask(client, kGet).body == std::string_view(content).substr(1'000));
}

/// Many answers wait in a full window: a send of a file that takes nothing is no short file.
TEST_P(Http1ResponseTest, files_behind_a_full_window_arrive_whole) {
  const std::string content(100'000, 'f');
  SERVE([&](http::Exchange& x) {
    EXPECT_TRUE(x.respond_file({}, file_of(content), 0, content.size()));
  });
  Client& client = rig().connect(16 * 1024);
  client.reading = false;
  for (int i = 0; i < 100; ++i) client.send(kGet);
  rig().settle(300);
  client.reading = true;
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(rig().response(client).body.size(), content.size()) << "answer " << i;
}

TEST_P(Http1ResponseTest, a_file_that_is_shorter_than_promised_is_visibly_cut) {
  SERVE([](http::Exchange& x) { EXPECT_TRUE(x.respond_file({}, file_of("12345"), 0, 100)); });
  Client& client = rig().connect();
  client.send(kGet);
  EXPECT_TRUE(rig().until([&] { return client.gone(); })) << "the client waits for the rest";
  EXPECT_TRUE(client.received.ends_with("12345"));
  client.close();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::app_body_short);
  ASSERT_EQ(rig().requests.size(), 1U);
  EXPECT_EQ(rig().requests[0].ending.cause, Cause::app_body_short);
}

/// The answer that the file was part of is cut, whatever was queued before and behind it.
TEST_P(Http1ResponseTest, a_file_that_ends_early_cuts_its_own_answer) {
  std::size_t served = 0;
  SERVE([&](http::Exchange& x) {
    if (++served == 2) {
      EXPECT_TRUE(x.respond_file({}, file_of("12345"), 0, 100));
    } else {
      EXPECT_TRUE(x.respond({}, "whole"));
    }
  });
  Client& client = rig().connect();
  client.send(std::string(kGet) + std::string(kGet) + std::string(kGet));
  EXPECT_TRUE(rig().until([&] { return client.gone(); })) << "the client waits for the rest";
  EXPECT_TRUE(client.received.ends_with("12345"));
  client.close();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::app_body_short);
  EXPECT_EQ(rig().connections[0].ending.undelivered_bytes, 0U);
  ASSERT_EQ(rig().requests.size(), served);
  EXPECT_EQ(rig().requests[0].ending.cause, Cause::ok_completed);
  EXPECT_EQ(rig().requests[1].ending.cause, Cause::app_body_short);
  EXPECT_EQ(rig().requests[1].ending.delivered, Delivered::partial);
  EXPECT_EQ(rig().requests[1].ending.undelivered_bytes, 0U);
  // Whose answer was queued behind it: not a byte went out.
  if (served == 3) {
    EXPECT_EQ(rig().requests[2].ending.cause, Cause::app_body_short);
    EXPECT_EQ(rig().requests[2].ending.delivered, Delivered::none);
  }
}

/// A directory and a pipe open, and cannot be read from an offset.
TEST_P(Http1ResponseTest, a_file_that_cannot_be_read_is_the_disks_fault) {
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  const Fd writer(pipe[1]);
  int files[] = {::open("/", O_RDONLY | O_CLOEXEC | O_DIRECTORY), pipe[0]};
  std::size_t next = 0;
  SERVE([&](http::Exchange& x) { EXPECT_TRUE(x.respond_file({}, files[next++], 10, 100)); });
  while (next < std::size(files)) {
    Client& client = rig().connect();
    client.send(kGet);
    EXPECT_TRUE(rig().until([&] { return client.gone(); })) << "the client waits for the body";
    EXPECT_TRUE(client.at_end);
    client.close();
    ASSERT_TRUE(rig().ended(next));
  }
  ASSERT_EQ(rig().requests.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    for (const record::Ending& seen : {rig().connections[i].ending, rig().requests[i].ending}) {
      EXPECT_EQ(seen.cause, Cause::resource_disk);
      EXPECT_EQ(seen.ended_by, record::EndedBy::local);
      EXPECT_EQ(seen.how, How::fin);
      EXPECT_EQ(seen.phase, Phase::response);
      EXPECT_STREQ(seen.evidence.resource, "disk");
      EXPECT_NE(seen.evidence.error, 0);
      EXPECT_EQ(seen.delivered, Delivered::partial);
    }
  }
}

TEST_P(Http1ResponseTest, fewer_bytes_than_promised_close_the_connection) {
  SERVE([](http::Exchange& x) {
    http::ResponseHead head;
    head.content_length = 10;
    EXPECT_TRUE(x.start(head));
    x.write("short");
    x.finish();
  });
  Client& client = rig().connect();
  client.send(kGet);
  EXPECT_TRUE(rig().until([&] { return client.gone(); }));
  EXPECT_TRUE(client.received.ends_with("short"));
  client.close();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::app_body_short);
  EXPECT_EQ(rig().requests.at(0).ending.cause, Cause::app_body_short);
}

TEST_P(Http1ResponseTest, more_bytes_than_promised_are_not_sent) {
  SERVE([](http::Exchange& x) {
    http::ResponseHead head;
    head.content_length = 5;
    EXPECT_TRUE(x.start(head));
    EXPECT_EQ(x.write("0123456789"), http::WriteState::gone);
    x.finish();
  });
  Client& client = rig().connect();
  const Response response = rig().ask(client, kGet);
  EXPECT_EQ(response.body, "01234");
  EXPECT_TRUE(rig().until([&] { return client.gone(); }));
  EXPECT_EQ(client.received, "");
  client.close();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().requests.at(0).ending.cause, Cause::app_body_over);
}

TEST_P(Http1ResponseTest, a_failed_handler_is_a_500_and_the_connection_goes_on) {
  SERVE([](http::Exchange& x) {
    if (x.number() == 1) return x.abort(Cause::app_failed, "it broke");
    answer(x, "x");
  });
  Client& client = rig().connect();
  EXPECT_EQ(rig().ask(client, kGet).status, 500);
  EXPECT_EQ(rig().ask(client, kGet).status, 200);
  client.close();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().requests.at(0).ending.cause, Cause::app_failed);
  EXPECT_EQ(rig().requests.at(0).exception, "it broke");
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::ok_peer_closed_idle);
}

TEST_P(Http1ResponseTest, a_stream_that_fails_is_never_complete) {
  SERVE([](http::Exchange& x) {
    EXPECT_TRUE(x.start({}));
    x.write("part");
    x.abort(Cause::app_failed, "it broke");
  });
  Client& client = rig().connect();
  client.send(kGet);
  EXPECT_TRUE(rig().until([&] { return client.gone(); }));
  EXPECT_FALSE(client.received.ends_with("0\r\n\r\n"));
  EXPECT_TRUE(client.received.ends_with("part\r\n"));
  Client& old = rig().connect();
  old.send(kGet10);
  EXPECT_TRUE(rig().until([&] { return old.gone(); }));
  EXPECT_TRUE(old.was_reset) << "a FIN would end the body as if it were whole";
  client.close();
  ASSERT_TRUE(rig().ended(2));
  for (const SeenRequest& request : rig().requests)
    EXPECT_EQ(request.ending.cause, Cause::app_failed);
  for (const SeenConnection& seen : rig().connections) {
    EXPECT_EQ(seen.ending.cause, Cause::app_body_short);
    EXPECT_EQ(seen.ending.how, seen.protocol == "http/1.0" ? How::rst : How::fin);
  }
}

TEST_P(Http1ResponseTest, the_cause_of_an_error_of_our_own_is_recorded) {
  SERVE([](http::Exchange& x) {
    http::ResponseHead head;
    head.status = 404;
    head.cause = Cause::policy_no_route;
    EXPECT_TRUE(x.respond(head, "no"));
  });
  Client& client = rig().connect();
  EXPECT_EQ(rig().ask(client, kGet).status, 404);
  client.close();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().requests.at(0).ending.cause, Cause::policy_no_route);
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::ok_peer_closed_idle);
}

TEST_P(Http1ResponseTest, the_exception_of_an_answer_is_recorded) {
  SERVE([](http::Exchange& x) {
    http::ResponseHead head;
    head.status = 500;
    head.cause = Cause::app_failed;
    head.exception = "it broke";
    EXPECT_TRUE(x.respond(head, "sorry"));
  });
  Client& client = rig().connect();
  EXPECT_EQ(rig().ask(client, kGet).body, "sorry");
  client.close();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().requests.at(0).ending.cause, Cause::app_failed);
  EXPECT_EQ(rig().requests.at(0).exception, "it broke");
}

TEST_P(Http1ResponseTest, finishing_without_an_answer_is_a_500) {
  SERVE([](http::Exchange& x) { x.finish({}); });
  Client& client = rig().connect();
  EXPECT_EQ(rig().ask(client, kGet).status, 500) << "the client waits for an answer for ever";
  client.close();
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().requests.at(0).ending.cause, Cause::app_no_reply);
}

/// A second answer must not leave the first one open: the next response would become its body.
TEST_P(Http1ResponseTest, a_second_answer_cannot_desynchronise_the_connection) {
  SERVE([](http::Exchange& x) {
    if (x.number() > 1) return answer(x, "second request");
    EXPECT_TRUE(x.start({}));
    x.write("one");
    x.respond({}, "two");
  });
  Client& client = rig().connect();
  client.send(std::string(kGet) + std::string(kGet));
  rig().until([&] { return client.gone(); }, 300ms);
  EXPECT_EQ(client.received.find("second request"), std::string::npos);
}

TEST_P(Http1ResponseTest, abort_resets_on_purpose) {
  SERVE([](http::Exchange& x) { x.abort(Cause::app_abort); });
  Client& client = rig().connect();
  client.send(kGet);
  EXPECT_TRUE(rig().until([&] { return client.was_reset; }));
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::app_abort);
  EXPECT_EQ(rig().connections[0].ending.how, How::rst);
  EXPECT_EQ(rig().requests.at(0).ending.cause, Cause::app_abort);
  EXPECT_EQ(rig().requests.at(0).status, 0);
  EXPECT_EQ(rig().connections[0].ending.delivered, record::Delivered::none);
}

TEST_P(Http1ResponseTest, nothing_was_owed_when_half_a_request_was_aborted) {
  SERVE([](http::Exchange& x) {
    while (x.read_body().kind == http::BodyRead::Kind::chunk) continue;
    x.sleep(1ms, [&x] { x.abort(Cause::app_abort); });
  });
  Client& client = rig().connect();
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf");
  rig().settle(10);
  rig().advance(2ms, 1ms);
  EXPECT_TRUE(rig().until([&] { return client.was_reset; }));
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.phase, record::Phase::body);
  EXPECT_EQ(rig().connections[0].ending.delivered, record::Delivered::nothing_owed);
  EXPECT_EQ(rig().requests.at(0).ending.delivered, record::Delivered::nothing_owed);
}

TEST_P(Http1ResponseTest, abort_resets_on_purpose_but_not_before_earlier_answers_were_sent) {
  SERVE([](http::Exchange& x) {
    if (x.number() == 2) return x.abort(Cause::app_abort);
    answer(x, "first");
  });
  Client& client = rig().connect();
  client.send(std::string(kGet) + std::string(kGet));
  EXPECT_TRUE(rig().until([&] { return client.gone(); }));
  EXPECT_TRUE(client.was_reset);
  ASSERT_TRUE(rig().ended());
  EXPECT_EQ(rig().connections[0].ending.cause, Cause::app_abort);
  EXPECT_EQ(rig().connections[0].ending.how, How::rst);
  ASSERT_EQ(rig().requests.size(), 2U);
  EXPECT_GT(rig().connections[0].bytes_out, 0U);
}

/// A response that ends without further bytes: its last ones left the turn before.
TEST_P(Http1ResponseTest, a_response_may_end_after_its_last_byte_was_sent) {
  SERVE([](http::Exchange& x) {
    http::ResponseHead head;
    if (x.request().method != http::Method::head) head.content_length = 4;
    x.start(head);
    x.write("four");
    x.sleep(1ms, [&x] { x.finish(); });
  });
  Client& client = rig().connect();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(rig().ask(client, kHead, true).status, 200);
    rig().advance(5ms);
    EXPECT_EQ(rig().ask(client, kGet).body, "four");
    rig().advance(5ms);
  }
  EXPECT_EQ(rig().counters().requests.ended.get(), 4U);
}

}  // namespace
}  // namespace finack::tests
