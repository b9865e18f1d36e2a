// How dialed connections, and the requests on them, end: over real sockets, on both backends.
#include "client/connection.h"

#include <gtest/gtest.h>
#include <linux/filter.h>

#include <cstdlib>

#include "client/client_test.h"

namespace finack::client::tests {
namespace {

using record::Cause;

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class ConnectionTest : public ClientTest {
 protected:
  /// Waits for both records, and compares them whole.
  void expect(const std::string& connection, const std::string& request) {
    EXPECT_TRUE(rig().until([&] { return !rig().connections.empty() && !rig().requests.empty(); }));
    ASSERT_EQ(rig().connections, std::vector<std::string>{connection});
    ASSERT_EQ(rig().requests, std::vector<std::string>{request});
  }
};
/// What the upstream does when the request has arrived, and what both records say.
struct Case {
  const char* what;
  void (*act)(ClientRig&);
  const char* connection;
  const char* request;
};

const Case kCases[] = {
    {"FIN instead of a response", [](ClientRig& r) { r.peer().close(); },
     "peer fin wait upstream.closed_no_head fault all proved requests=1",
     "peer fin wait upstream.closed_no_head fault all proved status=0 number=1"},
    {"RST instead of a response", [](ClientRig& r) { r.peer().reset(); },
     "peer rst wait upstream.closed_no_head fault all proved requests=1",
     "peer rst wait upstream.closed_no_head fault all proved status=0 number=1"},
    {"100 and 103, then FIN",
     [](ClientRig& r) {
       r.peer().send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
       r.peer().finish();
     },
     "peer fin wait upstream.closed_no_head fault all proved requests=1",
     "peer fin wait upstream.closed_no_head fault all proved status=0 number=1"},
    {"half of an interim head, then FIN",
     [](ClientRig& r) {
       r.peer().send("HTTP/1.1 103 Early Hints\r\nLink: </a");
       r.peer().finish();
     },
     "peer fin wait upstream.closed_no_head fault all proved requests=1",
     "peer fin wait upstream.closed_no_head fault all proved status=0 number=1"},
    {"head cut by FIN",
     [](ClientRig& r) {
       r.peer().send("HTTP/1.1 200 OK\r\nContent-");
       r.peer().finish();
     },
     "peer fin head upstream.head_truncated fault all proved requests=1",
     "peer fin head upstream.head_truncated fault all proved status=0 number=1"},
    {"head cut by RST",
     [](ClientRig& r) {
       r.peer().send("HTTP/1.1 200 OK\r\nContent-");
       r.settle(3);
       r.peer().reset();
     },
     "peer rst head upstream.head_truncated fault all proved requests=1",
     "peer rst head upstream.head_truncated fault all proved status=0 number=1"},
    {"Content-Length body cut by FIN",
     [](ClientRig& r) {
       r.peer().send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
       r.peer().finish();
     },
     "peer fin body upstream.body_truncated fault all proved requests=1",
     "peer fin body upstream.body_truncated fault all proved status=200 number=1"},
    {"Content-Length body cut by RST",
     [](ClientRig& r) {
       r.peer().send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
       r.settle(3);
       r.peer().reset();
     },
     "peer rst body upstream.body_truncated fault all proved requests=1",
     "peer rst body upstream.body_truncated fault all proved status=200 number=1"},
    {"chunked body cut by FIN",
     [](ClientRig& r) {
       r.peer().send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n");
       r.peer().finish();
     },
     "peer fin body upstream.body_truncated fault all proved requests=1",
     "peer fin body upstream.body_truncated fault all proved status=200 number=1"},
    {"chunked body cut by RST",
     [](ClientRig& r) {
       r.peer().send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12");
       r.settle(3);
       r.peer().reset();
     },
     "peer rst body upstream.body_truncated fault all proved requests=1",
     "peer rst body upstream.body_truncated fault all proved status=200 number=1"},
    {"a body that the FIN ends",
     [](ClientRig& r) {
       r.peer().send("HTTP/1.0 200 OK\r\n\r\nbody");
       r.peer().finish();
     },
     "peer fin body upstream.body_end_unproved notice all proved requests=1",
     "peer fin body upstream.body_end_unproved notice all proved status=200 number=1"},
    {"malformed head", [](ClientRig& r) { r.peer().send("HTTP/1.1 abc OK\r\n\r\n"); },
     "local rst head upstream.bad_head fault all proved requests=1",
     "local rst head upstream.bad_head fault all proved status=0 number=1"},
    {"oversized head",
     [](ClientRig& r) { r.peer().send("HTTP/1.1 200 OK\r\nA: " + std::string(100'000, 'a')); },
     "local rst head upstream.head_too_large fault all proved requests=1",
     "local rst head upstream.head_too_large fault all proved status=0 number=1"},
    {"two lengths",
     [](ClientRig& r) {
       r.peer().send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n");
     },
     "local rst head upstream.bad_framing fault all proved requests=1",
     "local rst head upstream.bad_framing fault all proved status=0 number=1"},
    {"a chunk size that is none",
     [](ClientRig& r) {
       r.peer().send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
     },
     "local rst body upstream.bad_framing fault all proved requests=1",
     "local rst body upstream.bad_framing fault all proved status=200 number=1"},
    {"bytes behind the response",
     [](ClientRig& r) { r.peer().send(std::string(kOk) + "HTTP/1.1 200 OK\r\n"); },
     "local rst body upstream.extra_data fault all proved requests=1",
     "local none body ok.completed normal all proved status=200 number=1"},
    {"bytes between two requests",
     [](ClientRig& r) {
       r.peer().send(kOk);
       r.until([&] { return r.askers[0]->done(); });
       r.peer().send("x");
     },
     "local rst pool upstream.extra_data fault all proved requests=1",
     "local none body ok.completed normal all proved status=200 number=1"},
    {"Connection: close, and it closes",
     [](ClientRig& r) {
       r.peer().send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
       r.until([&] { return r.askers[0]->done(); });
       r.settle();
       EXPECT_TRUE(r.connections.empty()) << "the server gets to close first";
       r.peer().finish();
     },
     "peer fin body ok.completed normal all proved requests=1",
     "local none body ok.completed normal all proved status=204 number=1"},
    {"Connection: close, and it does not close",
     [](ClientRig& r) {
       r.peer().send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
       r.until([&] { return r.askers[0]->done(); });
       r.advance(999ms);
       EXPECT_TRUE(r.connections.empty());
       r.advance(2ms);
     },
     "local fin body ok.completed normal all proved requests=1",
     "local none body ok.completed normal all proved status=204 number=1"},
    {"kept, then closed between requests",
     [](ClientRig& r) {
       r.peer().send(kOk);
       r.until([&] { return r.askers[0]->done(); });
       r.peer().close();
     },
     "peer fin pool ok.pool_peer_closed normal all proved requests=1",
     "local none body ok.completed normal all proved status=200 number=1"},
    {"kept, then reset between requests",
     [](ClientRig& r) {
       r.peer().send(kOk);
       r.until([&] { return r.askers[0]->done(); });
       r.peer().reset();
     },
     "peer rst pool ok.pool_peer_closed normal all proved requests=1",
     "local none body ok.completed normal all proved status=200 number=1"},
    {"a response and a FIN in one",
     [](ClientRig& r) {
       r.peer().send(kOk);
       r.peer().finish();
     },
     "peer fin pool ok.pool_peer_closed normal all proved requests=1",
     "local none body ok.completed normal all proved status=200 number=1"},
    {"never answers", [](ClientRig& r) { r.advance(61s, 1s); },
     "local timeout wait timeout.first_response_byte fault all proved requests=1",
     "local timeout wait timeout.first_response_byte fault all proved status=0 number=1"},
    {"stalls in the head",
     [](ClientRig& r) {
       r.peer().send("HTTP/1.1 200 OK\r\n");
       r.settle(3);
       r.advance(31s, 1s);
     },
     "local timeout head timeout.response_idle fault all proved requests=1",
     "local timeout head timeout.response_idle fault all proved status=0 number=1"},
    {"stalls in the body",
     [](ClientRig& r) {
       r.peer().send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n1");
       r.settle(3);
       r.advance(29s, 1s);
       r.peer().send("2");
       r.advance(29s, 1s);
       EXPECT_TRUE(r.connections.empty()) << "each byte restarts it";
       r.advance(2s, 1s);
     },
     "local timeout body timeout.response_idle fault all proved requests=1",
     "local timeout body timeout.response_idle fault all proved status=200 number=1"},
    {"Connection: close, and it resets",
     [](ClientRig& r) {
       r.peer().send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
       r.until([&] { return r.askers[0]->done(); });
       r.peer().reset();
     },
     "peer rst body ok.completed normal all proved requests=1",
     "local none body ok.completed normal all proved status=204 number=1"},
    {"stalls in the head, byte by byte",
     [](ClientRig& r) {
       r.peer().send("HTTP/1.1 200 OK\r\nA: ");
       for (int i = 0; i < 31; ++i) {
         r.peer().send("a");
         r.settle(3);
         r.advance(1s, 1s);
       }
     },
     "local timeout head timeout.response_idle fault all proved requests=1",
     "local timeout head timeout.response_idle fault all proved status=0 number=1"},
    {"the caller cancels", [](ClientRig& r) { r.askers[0]->attempt.cancel(Cause::app_cancelled); },
     "local fin wait app.cancelled normal all proved requests=1",
     "local fin wait app.cancelled normal handed proved status=0 number=1"},
};

TEST_P(ConnectionTest, EndsAsTheUpstreamActed) {
  for (const Case& one : kCases) {
    SCOPED_TRACE(one.what);
    DIALING();
    rig().asked();
    one.act(rig());
    expect(one.connection, one.request);
  }
}

// ---- Before a request

TEST_P(ConnectionTest, Refused) {
  DIALING();
  rig().listener.reset();
  Asker& asker = rig().make();
  rig().begin(asker);
  expect("peer refused connect upstream.refused fault nothing_owed proved requests=0",
         "peer refused connect upstream.refused fault nothing_owed proved status=0 number=0");
  EXPECT_EQ(rig().evidence[0].error, ECONNREFUSED);
  ASSERT_TRUE(asker.failed);
  EXPECT_EQ(asker.attempt.summary().cause, Cause::upstream_refused);
}

/// Takes the loopback's only place in a backlog, so that the next SYN is not answered.
TEST_P(ConnectionTest, ConnectTimeout) {
  sockaddr_in address;
  const Fd full = net::testing::listen_on_loopback(address, 0);
  std::vector<Fd> takers;
  for (int i = 0; i < 4; ++i) takers.push_back(net::testing::connect_to(address, SOCK_NONBLOCK));
  const Address at{
      .family = Address::Family::v4, .port = ntohs(address.sin_port), .bytes = {127, 0, 0, 1}};
  DIALING(
      {.timeouts = {.connect = 700ms}, .target = UpstreamTarget(net::DialTarget{.address = at})});
  Asker& asker = rig().make();
  rig().begin(asker);
  rig().settle(3);
  rig().advance(699ms, 100ms);
  EXPECT_TRUE(rig().connections.empty());
  rig().advance(2ms);
  expect("local timeout connect timeout.connect fault nothing_owed proved requests=0",
         "local timeout connect timeout.connect fault nothing_owed proved status=0 number=0");
  EXPECT_EQ(rig().evidence[0].setting_value, 700'000'000U);
  EXPECT_STREQ(rig().evidence[0].setting, "timeouts.connect");
}

TEST_P(ConnectionTest, OfSeveralAddressesTheFirstThatConnects) {
  DIALING();
  sockaddr_in nobody;
  net::testing::listen_on_loopback(nobody).reset();
  UpstreamTarget target;
  for (const sockaddr_in& one : {nobody, rig().address}) {
    target.addresses.push_back(
        {.address = {
             .family = Address::Family::v4, .port = ntohs(one.sin_port), .bytes = {127, 0, 0, 1}}});
  }
  const Fd kept = std::move(rig().listener);
  const sockaddr_in address = rig().address;
  DIALING({.target = target});
  rig().address = address;
  rig().listener = Fd(::fcntl(kept.get(), F_DUPFD_CLOEXEC, 3));
  rig().answer(rig().asked(), kOk);
  EXPECT_EQ(rig().askers[0]->attempt.summary().address.port, ntohs(address.sin_port));
}

TEST_P(ConnectionTest, ANameIsResolved) {
  DIALING({.named = true, .real_time = true});
  Asker& asker = rig().make();
  rig().begin(asker);
  rig().settle(1);
  ASSERT_TRUE(rig().arrived(asker));
  rig().answer(asker, kOk);
  EXPECT_EQ(asker.received, "ok");
}

TEST_P(ConnectionTest, ANameThatNobodyHas) {
  DIALING({.target = UpstreamTarget("nobody.test", 80), .real_time = true});
  Asker& asker = rig().make();
  rig().begin(asker);
  expect("network unreachable resolve upstream.resolve_failed fault nothing_owed proved requests=0",
         "network unreachable resolve upstream.resolve_failed fault nothing_owed proved status=0 "
         "number=0");
  EXPECT_STREQ(rig().evidence[0].reason, "timed_out") << "the rig's name server is none";
}

// ---- Reuse

TEST_P(ConnectionTest, StaleReuseIsProvedByWhatWasNotAcknowledged) {
  DIALING();
  rig().answer(rig().asked(), kOk);
  rig().settle();
  rig().advance(4s);
  // The FIN arrives behind the loop's back, as one that crosses the request does.
  Asker& second = rig().make();
  struct Closer final : net::Deferred {
    explicit Closer(ClientRig& r) : rig(r) {}
    void run_deferred() override { rig.peer().close(); }
    ClientRig& rig;
  } closer(rig());
  rig().loop->defer(closer);
  rig().begin(second);
  ASSERT_TRUE(rig().until([&] { return second.done() && !rig().connections.empty(); }));
  // The FIN alone, or also the RST that answered our request, depending on who looks when.
  EXPECT_NE(rig().connections[0].find("upstream.stale_reuse notice none proved requests=2"),
            std::string::npos)
      << rig().connections[0];
  ASSERT_EQ(rig().requests.size(), 2U);
  EXPECT_NE(rig().requests[1].find("upstream.stale_reuse notice none proved status=0 number=2"),
            std::string::npos)
      << rig().requests[1];
  EXPECT_TRUE(second.attempt.reused());
  EXPECT_EQ(rig().evidence[0].idle_us, 4'000'000U) << "before the request";
  EXPECT_TRUE(rig().keep_alives[0].valid);
  EXPECT_EQ(rig().keep_alives[0].used, 60s);
}

TEST_P(ConnectionTest, StaleReuseIsInferredFromItsHaste) {
  for (const bool soon : {true, false}) {
    SCOPED_TRACE(soon);
    DIALING();
    rig().answer(rig().asked(), kOk);
    rig().settle();
    Asker& second = rig().make();
    rig().begin(second);
    ASSERT_TRUE(rig().arrived(second));
    rig().settle(60);  // until it is acknowledged
    if (!soon) rig().advance(200ms);
    rig().peer().close();
    ASSERT_TRUE(rig().until([&] { return second.done() && !rig().connections.empty(); }));
    EXPECT_EQ(rig().connections[0],
              soon ? "peer fin wait upstream.stale_reuse notice all inferred requests=2"
                   : "peer fin wait upstream.closed_no_head fault all proved requests=2");
  }
}

TEST_P(ConnectionTest, WhatIsQueuedForAStaleConnectionIsNotSentAnyMore) {
  DIALING();
  rig().answer(rig().asked(), kOk);
  rig().settle();
  Client& peer = rig().peer();
  peer.reading = false;
  Asker& second = rig().make();
  second.method = http::Method::post;
  second.body.assign(16 << 20, 'b');
  second.head = {.method = "POST",
                 .target = "/x",
                 .host = "upstream.test",
                 .framing = http::Framing::length,
                 .content_length = second.body.size()};
  rig().begin(second);
  ASSERT_TRUE(rig().until([&] { return second.ready; }));
  rig().settle();
  peer.finish();
  ASSERT_TRUE(rig().until([&] { return second.done() && !rig().connections.empty(); }));
  EXPECT_NE(rig().connections[0].find("upstream.stale_reuse"), std::string::npos)
      << rig().connections[0];
  peer.reading = true;
  ASSERT_TRUE(rig().until([&] { return peer.gone(); }));
  EXPECT_TRUE(peer.was_reset) << "it read " << peer.received.size() << " bytes to the end";
}

// ---- Replies before the request was read

TEST_P(ConnectionTest, AnEarlyReplyIsKept) {
  for (const bool resets : {false, true}) {
    SCOPED_TRACE(resets);
    DIALING();
    Asker& asker = rig().make();
    asker.head.framing = http::Framing::length;
    asker.head.method = "POST";
    asker.method = http::Method::post;
    asker.head.content_length = 50'000'000;
    asker.body_follows = true;
    rig().begin(asker);
    ASSERT_TRUE(rig().arrived(asker));
    rig().peer().reading = false;
    const std::string piece(64 * 1024, 'x');
    for (int i = 0; i < 1000 && asker.attempt.write(piece); ++i) rig().turn();
    rig().peer().send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
    rig().peer().pump();
    // Unread bytes turn the close into a RST.
    resets ? rig().peer().close() : rig().peer().finish();
    ASSERT_TRUE(rig().until([&] { return asker.done(); }));
    ASSERT_TRUE(rig().until([&] { return !rig().connections.empty(); }));
    EXPECT_EQ(asker.status, 413);
    EXPECT_EQ(asker.received, "big");
    EXPECT_EQ(asker.over, Progress::complete);
    EXPECT_EQ(rig().connections[0],
              "local fin send upstream.early_reply notice partial proved requests=1");
    EXPECT_EQ(rig().requests[0],
              "local fin send upstream.early_reply notice partial proved status=413 number=1");
  }
}

TEST_P(ConnectionTest, ARefusedRequestWithoutReply) {
  DIALING();
  Asker& asker = rig().make();
  asker.head.framing = http::Framing::length;
  asker.head.content_length = 50'000'000;
  asker.body_follows = true;
  rig().begin(asker);
  ASSERT_TRUE(rig().arrived(asker));
  rig().peer().reading = false;
  const std::string piece(64 * 1024, 'x');
  for (int i = 0; i < 1000 && asker.attempt.write(piece); ++i) rig().turn();
  rig().peer().reset();
  expect("peer rst send upstream.write_refused fault partial proved requests=1",
         "peer rst send upstream.write_refused fault partial proved status=0 number=1");
}

TEST_P(ConnectionTest, TheUpstreamTakesNoBytes) {
  DIALING({.timeouts = {.send = 3s}});
  Asker& asker = rig().make();
  asker.head.framing = http::Framing::length;
  asker.head.content_length = 50'000'000;
  asker.body_follows = true;
  rig().begin(asker);
  ASSERT_TRUE(rig().arrived(asker));
  rig().advance(10s, 1s);
  EXPECT_TRUE(rig().connections.empty()) << "the caller's turn";
  rig().peer().reading = false;
  const std::string piece(64 * 1024, 'x');
  for (int i = 0; i < 1000 && asker.attempt.write(piece); ++i) rig().turn();
  rig().advance(4s, 500ms);
  expect("local timeout send timeout.send fault partial proved requests=1",
         "local timeout send timeout.send fault partial proved status=0 number=1");
}

// ---- The network and the operator

TEST_P(ConnectionTest, APeerThatVanishedIsNotSlow) {
  DIALING({.timeouts = {.first_response_byte = 900ms}, .real_time = true});
  rig().answer(rig().asked(), kOk);
  rig().settle(60);
  // It acknowledges nothing any more.
  sock_filter drop_all[] = {{BPF_RET | BPF_K, 0, 0, 0}};
  const sock_fprog filter{1, drop_all};
  ASSERT_EQ(::setsockopt(rig().peer().fd(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter),
            0);
  Asker& second = rig().make();
  rig().begin(second);
  ASSERT_TRUE(rig().until([&] { return second.done() && !rig().connections.empty(); }));
  EXPECT_EQ(rig().connections[0],
            "network timeout wait network.vanished fault none proved requests=2");
  EXPECT_EQ(rig().requests[1],
            "network timeout wait network.vanished fault none proved status=0 number=2");
  EXPECT_EQ(rig().evidence[0].found_by, record::FoundBy::retransmit);
}

TEST_P(ConnectionTest, KilledByTheOperator) {
  DIALING();
  rig().asked();
  const std::string kill =
      fmt::format("ss -K dst 127.0.0.1 dport = {} >/dev/null 2>&1", ntohs(rig().address.sin_port));
  if (std::system(kill.c_str()) != 0) GTEST_SKIP() << "\n*** SKIPPED: `ss -K` is refused here\n";
  if (!rig().until([&] { return !rig().connections.empty(); }, 500ms))
    GTEST_SKIP() << "\n*** SKIPPED: this kernel has no CONFIG_INET_DIAG_DESTROY\n";
  expect("local rst wait operator.killed notice all proved requests=1",
         "local rst wait operator.killed notice all proved status=0 number=1");
}

// ---- Bodies, pauses, tunnels

TEST_P(ConnectionTest, AResponseInPiecesWithTrailers) {
  DIALING();
  Asker& asker = rig().asked();
  const std::string response =
      "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2\r\nde\r\n0\r\nSum: 1\r\n\r\n";
  for (const char byte : response) {
    rig().peer().send({&byte, 1});
    rig().turn();
  }
  ASSERT_TRUE(rig().until([&] { return asker.done(); }));
  EXPECT_EQ(asker.received, "abcde");
  EXPECT_EQ(asker.interims, std::vector<int>{103});
  EXPECT_EQ(asker.trailers, std::vector<std::string>{"1"});
}

TEST_P(ConnectionTest, ASmallResponseIsOneCall) {
  DIALING();
  Asker& asker = rig().asked();
  rig().answer(asker, kOk);
  EXPECT_EQ(asker.calls, 1);
}

TEST_P(ConnectionTest, WhatWaitedBehindAPauseComesBeforeTheEnd) {
  DIALING();
  Asker& asker = rig().make();
  asker.pause_at_head = true;
  rig().begin(asker);
  ASSERT_TRUE(rig().arrived(asker));
  const std::string body(500'000, 'b');
  rig().peer().send("HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n" + body);
  rig().peer().finish();
  ASSERT_TRUE(rig().until([&] { return asker.status == 200; }));
  rig().advance(60s, 10s);
  EXPECT_FALSE(asker.done()) << "a pause of ours is no stall of the server";
  EXPECT_LT(asker.received.size(), 200'000U);
  asker.attempt.resume_reading();
  ASSERT_TRUE(rig().until([&] { return asker.done(); }));
  EXPECT_EQ(asker.received, body);
  EXPECT_FALSE(asker.failed);
}

TEST_P(ConnectionTest, APauseAtTheHeadIsNoStallWhateverCameBehind) {
  DIALING();
  Asker& asker = rig().make();
  asker.pause_at_head = true;
  rig().begin(asker);
  ASSERT_TRUE(rig().arrived(asker));
  rig().peer().send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n");
  ASSERT_TRUE(rig().until([&] { return asker.status == 200; }));
  rig().advance(60s, 10s);
  EXPECT_FALSE(asker.done());
  asker.attempt.resume_reading();
  rig().settle();
  rig().advance(31s, 1s);
  ASSERT_TRUE(asker.failed);
  EXPECT_EQ(asker.failed->cause, Cause::timeout_response_idle);
}

TEST_P(ConnectionTest, NoTimerOfTheServersRunsInAPauseAndOneDoesBehindIt) {
  struct Pause {
    const char* sent;  ///< Before it.
    Nanos limit;
    Cause cause;
  };
  for (const Pause& one :
       {Pause{"", 60s, Cause::timeout_first_response_byte},
        Pause{"HTTP/1.1 103 Early Hints\r\n\r\n", 60s, Cause::timeout_first_response_byte},
        Pause{"HTTP/1.1 200 OK\r\n", 30s, Cause::timeout_response_idle}}) {
    SCOPED_TRACE(one.sent);
    DIALING();
    Asker& asker = rig().asked();
    rig().peer().send(one.sent);
    rig().settle();
    asker.attempt.pause_reading();
    rig().advance(2 * one.limit, 10s);
    ASSERT_FALSE(asker.done()) << "a pause of ours is no stall of the server";
    asker.attempt.resume_reading();
    rig().advance(one.limit - 1s, 1s);
    EXPECT_FALSE(asker.done());
    rig().advance(2s, 1s);
    ASSERT_TRUE(asker.failed);
    EXPECT_EQ(asker.failed->cause, one.cause);
  }
}

TEST_P(ConnectionTest, ARequestThatIsSentInAPauseWaitsForNothingYet) {
  DIALING();
  Asker& asker = rig().make();
  asker.head.framing = http::Framing::length;
  asker.head.content_length = 1;
  asker.body_follows = true;
  rig().begin(asker);
  ASSERT_TRUE(rig().arrived(asker));
  asker.attempt.pause_reading();
  asker.attempt.write("x");
  asker.attempt.finish_body({});
  rig().advance(120s, 10s);
  ASSERT_FALSE(asker.done());
  asker.attempt.resume_reading();
  rig().advance(61s, 1s);
  ASSERT_TRUE(asker.failed);
  EXPECT_EQ(asker.failed->cause, Cause::timeout_first_response_byte);
}

TEST_P(ConnectionTest, MayBeEndedFromInsideItsLastCall) {
  for (const std::string_view response :
       {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nok"}) {
    SCOPED_TRACE(response);
    DIALING();
    Asker& asker = rig().make();
    asker.at_end = [this] { rig().pool->cut(Cause::operator_server_drained); };
    rig().begin(asker);
    ASSERT_TRUE(rig().arrived(asker));
    rig().peer().send(response);
    rig().peer().finish();
    ASSERT_TRUE(rig().until([&] { return asker.done() && rig().pool->empty(); }));
    EXPECT_EQ(rig().connections.size(), 1U);
    EXPECT_EQ(rig().pool->free_connections(), 0U);
  }
}

TEST_P(ConnectionTest, ATryThatIsOutOfTimeIsRecordedAsItIsTold) {
  DIALING();
  Asker& asker = rig().make();
  rig().begin(asker, {.budget = 2s});
  ASSERT_TRUE(rig().arrived(asker));
  rig().advance(3s, 1s);
  expect("local timeout wait timeout.try fault all proved requests=1",
         "local timeout wait timeout.try fault handed proved status=0 number=1");
  ASSERT_TRUE(asker.failed);
  EXPECT_EQ(asker.failed->delivered, record::Delivered::handed);
}

TEST_P(ConnectionTest, ARequestInChunksThatIsWholeGoesOutInOne) {
  DIALING();
  Asker& asker = rig().make();
  asker.head.framing = http::Framing::chunked;
  asker.body = "abc";
  rig().begin(asker);
  ASSERT_TRUE(rig().until(
      [&] { return !rig().peers.empty() && rig().peer().received.ends_with("\r\n0\r\n\r\n"); }));
  EXPECT_TRUE(rig().peer().received.ends_with("\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
  // tcpi_data_segs_in of linux/tcp.h, which the C library's own tcp_info ends before.
  constexpr std::size_t kDataSegmentsIn = 38;
  std::uint32_t seen[64]{};
  socklen_t size = sizeof seen;
  ASSERT_EQ(::getsockopt(rig().peer().fd(), IPPROTO_TCP, TCP_INFO, seen, &size), 0);
  EXPECT_EQ(seen[kDataSegmentsIn], 1U);
}

TEST_P(ConnectionTest, AMethodThatWeDoNotKnowIsRecordedByItsName) {
  DIALING();
  Asker& asker = rig().make();
  std::string method = "PURGE";
  asker.head.method = method;
  asker.method = http::Method::other;
  rig().begin(asker);
  ASSERT_TRUE(rig().arrived(asker));
  method.assign("XXXXX");  // what the head showed may be gone
  rig().answer(asker, kOk);
  ASSERT_TRUE(rig().until([&] { return !rig().methods.empty(); }));
  EXPECT_EQ(rig().methods[0], "PURGE");
}

TEST_P(ConnectionTest, ATunnelEndsWhenBothSidesHaveFinished) {
  for (const bool server_first : {true, false}) {
    SCOPED_TRACE(server_first);
    DIALING();
    Asker& asker = rig().make();
    asker.head.upgrade = "echo";
    rig().begin(asker);
    ASSERT_TRUE(rig().arrived(asker));
    rig().peer().received.clear();
    rig().peer().send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhi");
    ASSERT_TRUE(rig().until([&] { return asker.received == "hi"; }));
    if (server_first) {
      rig().peer().finish();
      ASSERT_TRUE(rig().until([&] { return asker.tunnel_fin; }));
      EXPECT_TRUE(asker.attempt.write("last"));
      asker.attempt.finish_tunnel();
    } else {
      EXPECT_TRUE(asker.attempt.write("last"));
      asker.attempt.finish_tunnel();
      ASSERT_TRUE(rig().until([&] { return rig().peer().at_end; }));
      rig().peer().send("more");
      ASSERT_TRUE(rig().until([&] { return asker.received == "himore"; }));
      rig().peer().finish();
    }
    ASSERT_TRUE(rig().until([&] { return asker.failed && rig().peer().at_end; }));
    EXPECT_EQ(rig().peer().received, "last");
    EXPECT_EQ(asker.failed->cause, Cause::ok_tunnel_done);
    EXPECT_TRUE(rig().connections[0].starts_with(server_first
                                                     ? "peer fin tunnel ok.tunnel_done normal"
                                                     : "local fin tunnel ok.tunnel_done normal"))
        << rig().connections[0];
  }
}

FINACK_SERVER_SUITE(ConnectionTest);

}  // namespace
}  // namespace finack::client::tests
