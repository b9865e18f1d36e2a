// The scripted upstream of the gateway's matrix, against plain clients: what it claims to do, it
// does on the wire.
#include "e2e/gateway/upstream.h"

#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <openssl/err.h>
#include <sys/ioctl.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "e2e/gateway/tls_upstream.h"

namespace finack::gateway_matrix {
namespace {

using namespace std::chrono_literals;

class UpstreamTest : public ::testing::Test {
 protected:
  Peer& dial() { return client_.emplace(upstream_.port(), deadline_); }

  Deadline deadline_{10s};
  Upstream upstream_{deadline_, 16};
  std::optional<Peer> client_;
};

TEST_F(UpstreamTest, ReadsARequestAndAnswersIt) {
  Peer& client = dial();
  client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET ");
  Peer& server = upstream_.accept();
  EXPECT_EQ(server.address(), client.address());
  EXPECT_EQ(server.read_head(), "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(server.read_text(2), "hi");
  server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_EQ(client.read_response().body, "ok");
  EXPECT_THROW(server.read_head(Millis(50)), Failure) << "half a head is no head";
}

TEST_F(UpstreamTest, LeavesByFinAndByRst) {
  Peer& first = dial();
  upstream_.accept().finish_sending();
  EXPECT_EQ(first.read_to_end(), StreamSight::eof);
  Peer& second = dial();
  upstream_.accept().reset();
  EXPECT_EQ(second.read_to_end(), StreamSight::reset);
}

TEST_F(UpstreamTest, ARequestThatIsNotReadTurnsAFinIntoARst) {
  Peer& client = dial();
  client.send("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(e2e::eventually(deadline_, [&] {
    int unacknowledged = 1;
    ::ioctl(client.fd(), SIOCOUTQ, &unacknowledged);
    return unacknowledged == 0;
  }));
  upstream_.accept().close();
  EXPECT_EQ(client.read_to_end(), StreamSight::reset);
}

TEST_F(UpstreamTest, NobodyDials) {
  EXPECT_FALSE(upstream_.is_dialed(Millis(30)));
  EXPECT_THROW(upstream_.accept(Millis(30)), Failure);
  EXPECT_TRUE(upstream_.connections().empty());
}

TEST_F(UpstreamTest, RefusesWhenNobodyListens) {
  upstream_.refuse();
  EXPECT_THROW(dial(), Failure);
}

TEST_F(UpstreamTest, AFullBacklogAnswersNoSynUntilItIsEmptied) {
  Upstream full(deadline_, 0);
  full.fill_backlog();
  std::jthread late([&] {
    e2e::pause(deadline_, Millis(300));
    full.empty_backlog();
  });
  const auto start = e2e::SteadyClock::now();
  const Peer client(full.port(), deadline_);
  EXPECT_GE(e2e::SteadyClock::now() - start, 250ms) << "the first SYN was answered";
  EXPECT_EQ(full.accept().address(), client.address());
}

TEST_F(UpstreamTest, OneThatVanishedAcknowledgesNothingButCanStillEnd) {
  Peer& client = dial();
  Peer& server = upstream_.accept();
  server.vanish();
  client.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(client.read_to_end(Millis(100)), StreamSight::nothing);
  int unacknowledged = 0;
  ASSERT_EQ(::ioctl(client.fd(), SIOCOUTQ, &unacknowledged), 0);
  EXPECT_EQ(unacknowledged, 18);
  server.finish_sending();
  EXPECT_EQ(client.read_to_end(), StreamSight::eof);
}

// ---- TLS: OpenSSL on the other side, in a thread.

struct Seen {
  bool secure = false;
  std::string bytes{};
  int reason = 0;    ///< Of what ended the stream; 0: close_notify.
  bool cut = false;  ///< A FIN without close_notify.
};

/// Dials, shakes hands, sends a head, and reads until the end.
class TlsClient {
 public:
  explicit TlsClient(std::uint16_t port) : thread_([this, port] { run(port); }) {}
  Seen seen() {
    thread_.join();
    return seen_;
  }

 private:
  void run(std::uint16_t port) {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
        SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    SSL_CTX_load_verify_file(context.get(), trusted_file().c_str());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(BIO_new_ssl_connect(context.get()),
                                                            BIO_free_all);
    SSL* ssl = nullptr;
    BIO_get_ssl(bio.get(), &ssl);
    SSL_set1_host(ssl, "localhost");
    BIO_set_conn_hostname(bio.get(), ("127.0.0.1:" + std::to_string(port)).c_str());
    ERR_clear_error();
    if (BIO_do_handshake(bio.get()) != 1) {
      seen_.reason = ERR_GET_REASON(ERR_peek_error());
      return;
    }
    seen_.secure = true;
    const std::string_view head = "GET / HTTP/1.1\r\n\r\n";
    SSL_write(ssl, head.data(), static_cast<int>(head.size()));
    char piece[256];
    int n = 0;
    while ((n = SSL_read(ssl, piece, sizeof piece)) > 0)
      seen_.bytes.append(piece, static_cast<std::size_t>(n));
    if (SSL_get_error(ssl, n) == SSL_ERROR_ZERO_RETURN) return;
    seen_.reason = ERR_GET_REASON(ERR_peek_error());
    seen_.cut = seen_.reason == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  }

  Seen seen_;
  std::thread thread_;
};

class TlsUpstreamTest : public UpstreamTest {
 protected:
  /// What a client sees whose request is answered with "ok", and then the upstream exits so.
  Seen served(void (*exit)(TlsEnd&)) {
    TlsClient client(upstream_.port());
    TlsEnd end(upstream_.accept(), {}, deadline_);
    EXPECT_TRUE(end.accept());
    EXPECT_EQ(end.read_head(), "GET / HTTP/1.1\r\n\r\n");
    end.send("ok");
    exit(end);
    return client.seen();
  }
};

TEST_F(TlsUpstreamTest, ServesAndCloses) {
  const Seen seen = served([](TlsEnd& end) { end.close(); });
  EXPECT_EQ(seen.bytes, "ok");
  EXPECT_EQ(seen.reason, 0);
}

TEST_F(TlsUpstreamTest, EndsWithoutCloseNotify) {
  const Seen seen = served([](TlsEnd& end) { end.cut(); });
  EXPECT_EQ(seen.bytes, "ok");
  EXPECT_TRUE(seen.cut);
}

TEST_F(TlsUpstreamTest, SendsAFatalAlert) {
  const Seen seen = served([](TlsEnd& end) { end.alert(); });
  EXPECT_EQ(seen.bytes, "ok");
  EXPECT_EQ(seen.reason, SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
}

TEST_F(TlsUpstreamTest, CertificatesThatDoNotVerify) {
  for (const char* certificate : {"stranger", "expired", "client"}) {
    SCOPED_TRACE(certificate);
    TlsClient client(upstream_.port());
    TlsEnd end(upstream_.accept(), {.certificate = certificate}, deadline_);
    EXPECT_FALSE(end.accept());
    const Seen seen = client.seen();
    EXPECT_FALSE(seen.secure);
    EXPECT_EQ(seen.reason, SSL_R_CERTIFICATE_VERIFY_FAILED);
  }
}

TEST_F(TlsUpstreamTest, WantsACertificate) {
  TlsClient client(upstream_.port());
  TlsEnd end(upstream_.accept(), {.demand_certificate = true}, deadline_);
  EXPECT_FALSE(end.accept());
  EXPECT_EQ(client.seen().reason, SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED);
}

}  // namespace
}  // namespace finack::gateway_matrix
