// TLS to upstreams: what a handshake that fails is recorded as, and what one that works carries.
#include <gtest/gtest.h>

#include <future>

#include "client/client_test.h"
#include "net/tls_peer.h"

namespace finack::client::tests {
namespace {

using net::testing::Certificates;
using net::testing::TlsPeerSetup;
using net::testing::TlsPeerThread;

class TlsUpstreamTest : public ClientTest {
 protected:
  void dialing(bool real_time = true, const std::string& name = "localhost") {
    auto context = net::TlsContext::client(
        {.ca_file = Certificates::get().file("ca"), .alpn = {"http/1.1", "h2"}});
    ASSERT_TRUE(context);
    ClientTest::dialing(RigSetup{.timeouts = timeouts_,
                                 .tls = *context,
                                 .tls_peer = {.name = name},
                                 .real_time = real_time});
    if (IsSkipped()) return;
    if (small_window_) {
      const int bytes = 4096;
      ::setsockopt(rig_->listener.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
    asker_ = &rig_->make();
    rig_->begin(*asker_);
    ASSERT_TRUE(rig_->until([&] { return !rig_->peers.empty(); }));
  }
  Fd peer_fd() {
    rig().peer().reading = false;
    Fd fd(::fcntl(rig().peer().fd(), F_DUPFD_CLOEXEC, 3));
    rig().peer().close();
    return fd;
  }
  /// Recorded, and our FIN or reset is out, which a peer's thread waits for.
  bool over() {
    return rig().until([&] { return asker_->done() && rig().pool->empty(); });
  }
  void expect(const std::string& ending, const char* reason) {
    EXPECT_TRUE(over());
    ASSERT_EQ(rig().connections.size(), 1U);
    EXPECT_TRUE(rig().connections[0].starts_with(ending)) << rig().connections[0];
    ASSERT_EQ(rig().requests.size(), 1U);
    EXPECT_TRUE(rig().requests[0].starts_with(ending)) << rig().requests[0];
    EXPECT_STREQ(rig().evidence[0].reason, reason);
  }
  /// The gateway's end of the connection keeps no more than this for the peer.
  void limit_send_buffer() {
    const int bytes = 4096;
    for (int fd = 3; fd < 256; ++fd) {
      sockaddr_in at{};
      socklen_t size = sizeof at;
      if (::getpeername(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0 &&
          at.sin_port == rig().address.sin_port)
        ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    }
  }
  Timeouts timeouts_{};
  Asker* asker_ = nullptr;
  bool small_window_ = false;
};
TEST_P(TlsUpstreamTest, ARequestOverTls) {
  DIALING();
  std::string request;
  TlsPeerThread peer(peer_fd(), {}, [&](SSL* ssl, Fd& fd) {
    request = net::testing::tls_read(ssl, 8);
    net::testing::tls_write(ssl, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    net::testing::tls_close(ssl, fd);
  });
  ASSERT_TRUE(over());
  peer.join();
  EXPECT_EQ(request, "GET /x H");
  EXPECT_EQ(asker_->received, "ok");
  EXPECT_TRUE(rig().connections[0].starts_with("peer fin pool ok.pool_peer_closed normal"))
      << rig().connections[0];
}

// Of a record that the socket took in part, the server may have read the request.
TEST_P(TlsUpstreamTest, WhatTheSocketTookInPartIsNotProvedUnread) {
  small_window_ = true;
  DIALING();
  std::promise<void> asked, done;
  TlsPeerThread peer(peer_fd(), {}, [&](SSL* ssl, Fd& fd) {
    net::testing::tls_read(ssl, 8);
    net::testing::tls_write(ssl, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    asked.get_future().wait_for(5s);
    ::SSL_shutdown(ssl);
    ::shutdown(fd.get(), SHUT_WR);
    done.get_future().wait_for(5s);
  });
  ASSERT_TRUE(rig().until([&] { return asker_->done(); }));
  limit_send_buffer();
  Asker& second = rig().make();
  second.method = http::Method::post;
  second.body.assign(1 << 20, 'b');
  second.head = {.method = "POST",
                 .target = "/x",
                 .host = "upstream.test",
                 .framing = http::Framing::length,
                 .content_length = second.body.size()};
  rig().begin(second);
  ASSERT_TRUE(rig().until([&] { return second.ready; }));
  rig().settle(3);
  EXPECT_EQ(second.attempt.request_bytes(), 0U) << "the first send is still under way";
  asked.set_value();
  EXPECT_TRUE(rig().until([&] { return second.done() && !rig().connections.empty(); }));
  done.set_value();
  ASSERT_TRUE(second.failed);
  EXPECT_TRUE(second.attempt.sent());
  EXPECT_FALSE(second.failed->cause == record::Cause::upstream_stale_reuse &&
               second.failed->evidence.certainty == record::Certainty::proved);
}

TEST_P(TlsUpstreamTest, ACertificateThatNobodyVouchesFor) {
  DIALING();
  TlsPeerSetup setup;
  setup.certificate = "stranger";
  TlsPeerThread peer(peer_fd(), setup, {});
  expect("local alert tls upstream.tls_untrusted fault",
         X509_verify_cert_error_string(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY));
}

TEST_P(TlsUpstreamTest, AnotherNamesCertificate) {
  DIALING(true, "elsewhere.test");
  TlsPeerThread peer(peer_fd(), {}, {});
  expect("local alert tls upstream.tls_untrusted fault",
         X509_verify_cert_error_string(X509_V_ERR_HOSTNAME_MISMATCH));
}

TEST_P(TlsUpstreamTest, AFinInsideTheHandshake) {
  DIALING();
  ASSERT_TRUE(rig().until([&] { return !rig().peer().received.empty(); }));
  rig().peer().finish();
  expect("peer fin tls upstream.tls_closed fault", nullptr);
}

TEST_P(TlsUpstreamTest, ARstInsideTheHandshake) {
  DIALING();
  ASSERT_TRUE(rig().until([&] { return !rig().peer().received.empty(); }));
  rig().peer().reset();
  expect("peer rst tls upstream.tls_closed fault", nullptr);
}

TEST_P(TlsUpstreamTest, AnAlertInsideTheHandshake) {
  DIALING();
  ASSERT_TRUE(rig().until([&] { return !rig().peer().received.empty(); }));
  rig().peer().send(std::string_view("\x15\x03\x03\x00\x02\x02\x28", 7));
  expect("peer alert tls upstream.tls_alert fault", "handshake_failure");
}

TEST_P(TlsUpstreamTest, PlaintextInsteadOfTls) {
  DIALING();
  rig().peer().send("HTTP/1.1 400 Bad Request\r\n\r\n");
  expect("local rst tls upstream.tls_closed fault", "not_tls");
}

TEST_P(TlsUpstreamTest, AProtocolThatWeDoNotSpeak) {
  DIALING();
  TlsPeerSetup setup;
  setup.alpn = "\x02h2";
  TlsPeerThread peer(peer_fd(), setup, [](SSL*, Fd& fd) { net::testing::read_all(fd.get()); });
  expect("local rst tls upstream.tls_closed fault", "alpn");
}

TEST_P(TlsUpstreamTest, ADemandForACertificateThatWeDoNotHave) {
  DIALING();
  TlsPeerSetup setup;
  setup.client_ca = "ca";
  TlsPeerThread peer(peer_fd(), setup, {});
  // TLS 1.3: our handshake is done when the alert comes.
  expect("peer alert", "certificate_required");
  EXPECT_NE(rig().connections[0].find("upstream.tls_alert fault"), std::string::npos)
      << rig().connections[0];
}

TEST_P(TlsUpstreamTest, AHandshakeThatIsNotAnswered) {
  DIALING(false);
  rig().advance(11s, 1s);
  expect("local timeout tls timeout.tls notice", nullptr);
  EXPECT_STREQ(rig().evidence[0].setting, "timeouts.tls");
}

TEST_P(TlsUpstreamTest, ABodyCutWithoutCloseNotify) {
  DIALING();
  TlsPeerThread peer(peer_fd(), {}, [&](SSL* ssl, Fd& fd) {
    net::testing::tls_read(ssl, 8);
    net::testing::tls_write(ssl, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok");
    ::shutdown(fd.get(), SHUT_WR);
    net::testing::read_all(fd.get());
  });
  expect("peer truncated body upstream.body_truncated fault", nullptr);
}

TEST_P(TlsUpstreamTest, ABodyThatOnlyTheFinEndsIsAFault) {
  DIALING();
  TlsPeerThread peer(peer_fd(), {}, [&](SSL* ssl, Fd& fd) {
    net::testing::tls_read(ssl, 8);
    net::testing::tls_write(ssl, "HTTP/1.0 200 OK\r\n\r\nok");
    ::shutdown(fd.get(), SHUT_WR);
    net::testing::read_all(fd.get());
  });
  ASSERT_TRUE(over());
  EXPECT_TRUE(
      rig().connections[0].starts_with("peer truncated body upstream.body_end_unproved fault"))
      << rig().connections[0];
  EXPECT_TRUE(rig().requests[0].starts_with("peer truncated body upstream.body_end_unproved fault"))
      << rig().requests[0];
  EXPECT_EQ(asker_->over, Progress::cut);
}

TEST_P(TlsUpstreamTest, ATunnelThatIsHalfOverIsNotKeptForEver) {
  timeouts_.tunnel_idle = 300ms;
  DIALING();
  asker_->head.upgrade = "echo";
  TlsPeerThread peer(peer_fd(), {}, [&](SSL* ssl, Fd& fd) {
    net::testing::tls_read(ssl, 8);
    net::testing::tls_write(
        ssl, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    ::SSL_shutdown(ssl);
    // Never to be decoded.
    EXPECT_EQ(::send(fd.get(), "more", 4, MSG_NOSIGNAL), 4);
    net::testing::read_all(fd.get());
  });
  ASSERT_TRUE(rig().until([&] { return asker_->tunnel_fin; }));
  ASSERT_TRUE(rig().until([&] { return !rig().connections.empty() && rig().pool->empty(); }));
  EXPECT_TRUE(rig().connections[0].starts_with("local timeout tunnel timeout.tunnel_idle"))
      << rig().connections[0];
}

INSTANTIATE_TEST_SUITE_P(, TlsUpstreamTest,
                         ::testing::Values(net::Backend::epoll, net::Backend::io_uring),
                         finack::tests::backend_name);

}  // namespace
}  // namespace finack::client::tests
