#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "net/address.h"
#include "net/dial.h"
#include "net/loopback.h"
#include "net/tls_peer.h"

namespace finack::net::testing {
namespace {

using Log = std::vector<std::string>;

class TlsHandshakeConformance : public TlsConformance {
 protected:
  /// A handshake with an OpenSSL server of this setup; what we were told.
  TlsHandshake shake(const TlsPeerSetup& setup, const TlsPeer& peer,
                     TlsClientOptions options = {}) {
    SocketPair pair = tcp_pair();
    TlsPeerThread server(std::move(pair.peer), setup, [](SSL* ssl, Fd&) { tls_read(ssl, 1); });
    TlsConnected c(*loop, std::move(pair.ours), client_context(std::move(options)), peer);
    EXPECT_TRUE(shaken(c));
    run_for(10ms);
    EXPECT_TRUE(c.seen.ends.empty()) << "a failed handshake is told once";
    c.close();
    return c.handshake.value_or(TlsHandshake{});
  }
  /// A handshake with a peer that is no TLS server.
  TlsHandshake shake_with(const std::function<void(Fd&)>& act) {
    SocketPair pair = tcp_pair();
    Fd peer = std::move(pair.peer);
    TlsConnected c(*loop, std::move(pair.ours), client_context(), {.name = "localhost"});
    run_for(5ms);  // the ClientHello has left
    act(peer);
    EXPECT_TRUE(shaken(c));
    run_for(10ms);
    EXPECT_TRUE(c.seen.ends.empty()) << "a failed handshake is told once";
    return c.handshake.value_or(TlsHandshake{});
  }
};
FINACK_BOTH_BACKENDS(TlsHandshakeConformance);

void drain(Fd& fd) {
  char bytes[4096];
  while (::recv(fd.get(), bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
  }
}

TEST_P(TlsHandshakeConformance, TheNameIsCheckedAgainstDnsAndAddresses) {
  for (const char* good :
       {"localhost", "localhost.", "a.example.test", "127.0.0.1", "::1", "[::1]"}) {
    const TlsHandshake told = shake({}, {.name = good});
    EXPECT_TRUE(told) << good << told.reason;
  }
  for (const char* bad : {"other.test", "a.b.example.test", "127.0.0.2"}) {
    const TlsHandshake told = shake({}, {.name = bad});
    EXPECT_EQ(told.failure, TlsFailure::untrusted) << bad;
    EXPECT_EQ(told.end.kind, EndKind::error);
    const bool address = bad[0] == '1';
    EXPECT_EQ(told.verify_result,
              address ? X509_V_ERR_IP_ADDRESS_MISMATCH : X509_V_ERR_HOSTNAME_MISMATCH);
    EXPECT_EQ(told.alert_sent, SSL_AD_BAD_CERTIFICATE) << told.reason;
  }
}

TEST_P(TlsHandshakeConformance, AnUnknownAuthorityAndAnExpiredCertificate) {
  const TlsHandshake stranger = shake({.certificate = "stranger"}, {.name = "localhost"});
  EXPECT_EQ(stranger.failure, TlsFailure::untrusted);
  EXPECT_EQ(stranger.verify_result, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
  EXPECT_EQ(stranger.reason, "unable to get local issuer certificate");
  EXPECT_EQ(stranger.alert_sent, SSL_AD_UNKNOWN_CA);
  EXPECT_EQ(stranger.alert_received, -1);
  const TlsHandshake expired = shake({.certificate = "expired"}, {.name = "localhost"});
  EXPECT_EQ(expired.failure, TlsFailure::untrusted);
  EXPECT_EQ(expired.reason, "certificate has expired");
  EXPECT_EQ(expired.alert_sent, SSL_AD_CERTIFICATE_EXPIRED);
}

TEST_P(TlsHandshakeConformance, WithoutVerificationAnybodyWillDo) {
  TlsClientOptions options;
  options.verify = false;
  EXPECT_TRUE(shake({.certificate = "stranger"}, {.name = "other.test"}, options));
  EXPECT_TRUE(shake({.certificate = "stranger"}, {}, options));
}

TEST_P(TlsHandshakeConformance, NoNameToCheckIsAFailureNotATrust) {
  SocketPair pair = tcp_pair();
  TlsConnected c(*loop, std::move(pair.ours), client_context(), {});
  EXPECT_TRUE(shaken(c));
  EXPECT_EQ(c.handshake->failure, TlsFailure::local);
  char byte = 0;
  EXPECT_LT(::recv(pair.peer.get(), &byte, 1, MSG_DONTWAIT), 0) << "something was sent";
}

TEST_P(TlsHandshakeConformance, VersionsAndTheAlertThatRefusesThem) {
  const TlsHandshake old = shake({.max_version = TLS1_2_VERSION}, {.name = "localhost"});
  EXPECT_EQ(old.version, "TLSv1.2");
  TlsClientOptions options;
  options.minimum = TlsVersion::tls1_3;
  const TlsHandshake refused =
      shake({.max_version = TLS1_2_VERSION}, {.name = "localhost"}, options);
  EXPECT_EQ(refused.failure, TlsFailure::alert);
  EXPECT_EQ(refused.end.kind, EndKind::alert);
  EXPECT_EQ(refused.end.error, SSL_AD_PROTOCOL_VERSION);
  EXPECT_EQ(refused.reason, "protocol_version");
  EXPECT_EQ(refused.alert_received, SSL_AD_PROTOCOL_VERSION);
}

TEST_P(TlsHandshakeConformance, AClientCertificateIsShownAndItsLackRefused) {
  TlsClientOptions options;
  options.certificate_file = Certificates::get().file("client");
  EXPECT_TRUE(shake({.client_ca = "ca"}, {.name = "localhost"}, options));
  // Before TLS 1.3 the refusal comes inside the handshake.
  const TlsHandshake refused =
      shake({.client_ca = "ca", .max_version = TLS1_2_VERSION}, {.name = "localhost"});
  EXPECT_EQ(refused.failure, TlsFailure::alert);
  EXPECT_EQ(refused.alert_received, SSL_AD_HANDSHAKE_FAILURE);
}

/// RFC 6066 section 3: no literal in SNI, however a URL writes it.
TEST_P(TlsHandshakeConformance, AnAddressIsNotSentAsAName) {
  for (const auto& [name, sent] : std::initializer_list<std::pair<const char*, const char*>>{
           {"localhost", "localhost"}, {"127.0.0.1", ""}, {"[::1]", ""}}) {
    SocketPair pair = tcp_pair();
    TlsPeerThread server(std::move(pair.peer), {}, nullptr);
    TlsConnected c(*loop, std::move(pair.ours), client_context(), {.name = name});
    EXPECT_TRUE(shaken(c));
    server.join();
    EXPECT_EQ(server.server_name, sent) << name;
  }
}

TEST_P(TlsHandshakeConformance, InTls13TheRefusalComesAfterOurHandshake) {
  SocketPair pair = tcp_pair();
  TlsPeerThread server(std::move(pair.peer), {.client_ca = "ca"}, nullptr);
  TlsConnected c(*loop, std::move(pair.ours), client_context(), {.name = "localhost"});
  EXPECT_TRUE(run_until([&] { return !c.seen.ends.empty(); }));
  EXPECT_TRUE(*c.handshake);
  EXPECT_EQ(c.seen.ends[0].kind, EndKind::alert);
  EXPECT_EQ(c.seen.ends[0].error, 116);
  EXPECT_EQ(c.stream.failure_reason(), "certificate_required");
  EXPECT_EQ(c.stream.alert_received(), 116);
}

TEST_P(TlsHandshakeConformance, AnAlertThatHasArrivedWinsOverAFailedSend) {
  SocketPair pair = tcp_pair();
  const Fd look(::fcntl(pair.ours.get(), F_DUPFD_CLOEXEC, 3));
  TlsPeerThread server(std::move(pair.peer), {.client_ca = "ca"}, nullptr);
  TlsConnected c(*loop, std::move(pair.ours), client_context(), {.name = "localhost"});
  EXPECT_TRUE(shaken(c));
  server.join();  // the alert has been sent, and a RST behind it: our Finished was not read
  pollfd reset{look.get(), 0, 0};
  EXPECT_EQ(::poll(&reset, 1, 3000), 1) << "no RST came";
  SendResult said = c.send("x");
  if (said.kind == SendResult::Kind::pending) {
    EXPECT_TRUE(run_until([&] { return !c.seen.sent.empty(); }));
    ASSERT_EQ(c.seen.sent.size(), 1U);
    said = c.seen.sent[0];
  }  // else a turn before has read the alert
  EXPECT_EQ(said.kind, SendResult::Kind::failed);
  EXPECT_EQ(said.end.kind, EndKind::alert);
  EXPECT_EQ(c.stream.failure_reason(), "certificate_required");
}

/// A server in memory, joined to nobody: its words are carried by hand.
struct ServerInMemory {
  ServerInMemory() : context(SSL_CTX_new(TLS_server_method())) {
    const std::string file = Certificates::get().file("server");
    SSL_CTX_use_certificate_chain_file(context.get(), file.c_str());
    SSL_CTX_use_PrivateKey_file(context.get(), file.c_str(), SSL_FILETYPE_PEM);
    ssl.reset(SSL_new(context.get()));
    in = BIO_new(BIO_s_mem());
    out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl.get(), in, out);
    SSL_set_accept_state(ssl.get());
  }
  std::string answer(std::string_view hello) {
    BIO_write(in, hello.data(), static_cast<int>(hello.size()));
    SSL_do_handshake(ssl.get());
    std::string flight(64 * 1024, '\0');
    flight.resize(
        static_cast<std::size_t>(BIO_read(out, flight.data(), static_cast<int>(flight.size()))));
    return flight;
  }
  SslContextPtr context;
  SslPtr ssl;
  BIO* in = nullptr;
  BIO* out = nullptr;
};

struct HandshakeNote final : TlsObserver {
  void on_handshake(const TlsHandshake& handshake) override { told = handshake; }
  std::optional<TlsHandshake> told;
};

TEST_P(TlsHandshakeConformance, AFailedLastFlightEndsItWhateverLiesBehindTheServersWords) {
  // A record that is not whole, or that cannot be read: nothing of either says why it ended.
  for (const std::string_view behind :
       {std::string_view("\x17\x03\x03\x40", 4), std::string_view("\x17\x03\x03\x40\x00half", 9)}) {
    HandshakeNote note;
    Recorder seen;
    LoopbackStream below(*loop);
    TlsStream stream(*loop, below, client_context(), {.name = "localhost"}, note);
    stream.start(seen);
    ASSERT_TRUE(run_until([&] { return !below.sent().empty(); }));
    ServerInMemory server;
    below.peer_sends(server.answer(below.take_sent()) + std::string(behind));
    below.peer_reset();
    EXPECT_TRUE(run_until([&] { return note.told.has_value(); }));
    if (note.told) {
      EXPECT_EQ(note.told->failure, TlsFailure::transport) << note.told->reason;
      EXPECT_EQ(note.told->end.kind, EndKind::rst);
    }
    stream.close();
    EXPECT_TRUE(run_until([&] { return seen.closed; }));
  }
}

TEST_P(TlsHandshakeConformance, CutByFinAndByRst) {
  const TlsHandshake closed = shake_with([](Fd& peer) {
    drain(peer);
    peer.reset();
  });
  EXPECT_EQ(closed.failure, TlsFailure::closed);
  EXPECT_EQ(closed.end.kind, EndKind::truncated);
  const TlsHandshake cut = shake_with([](Fd& peer) { reset(peer); });
  EXPECT_EQ(cut.failure, TlsFailure::transport);
  EXPECT_EQ(cut.end.kind, EndKind::rst);
  const TlsHandshake half = shake_with([](Fd& peer) {
    drain(peer);
    write_all(peer.get(), std::string("\x16\x03\x03\x00\x7a\x02\x00", 7));
    peer.reset();
  });
  EXPECT_EQ(half.failure, TlsFailure::closed);
}

TEST_P(TlsHandshakeConformance, APlaintextAnswerIsNotTls) {
  const TlsHandshake told = shake_with([](Fd& peer) {
    drain(peer);
    write_all(peer.get(), "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    peer.reset();
  });
  EXPECT_EQ(told.failure, TlsFailure::not_tls) << told.reason;
  EXPECT_EQ(told.end.kind, EndKind::error);
  EXPECT_EQ(told.end.error, EPROTO);
}

TEST_P(TlsHandshakeConformance, AFatalAlertInPlaintextIsAnAlert) {
  const TlsHandshake told = shake_with([](Fd& peer) {
    drain(peer);
    write_all(peer.get(), std::string("\x15\x03\x03\x00\x02\x02\x28", 7));
    reset(peer);
  });
  EXPECT_EQ(told.failure, TlsFailure::alert);
  EXPECT_EQ(told.reason, "handshake_failure");
}

TEST_P(TlsHandshakeConformance, SessionsAreResumedPerServer) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto context = client_context();
    // One server context for all, else its ticket keys differ.
    auto made = TlsContext::server({.certificate_file = Certificates::get().file("server"),
                                    .key_file = {},
                                    .client_ca_file = {}});
    ASSERT_TRUE(made);
    SSL_CTX_set_max_proto_version((*made)->native(), version);
    const auto once = [&](const TlsPeer& peer) {
      SocketPair pair = tcp_pair();
      TlsConnected server(*loop, std::move(pair.peer), *made, {});
      TlsConnected client(*loop, std::move(pair.ours), context, peer);
      EXPECT_TRUE(shaken(client) && shaken(server));
      EXPECT_TRUE(run_until([&] { return server.stream.unacknowledged() == 0; }));
      server.send("x");  // behind the tickets
      EXPECT_TRUE(run_until([&] { return client.seen.bytes == "x"; }));
      EXPECT_EQ(client.handshake->resumed, server.handshake->resumed);
      return client.handshake->resumed;
    };
    EXPECT_FALSE(once({.name = "localhost"}));
    EXPECT_TRUE(once({.name = "localhost"}));
    EXPECT_TRUE(once({.name = "localhost"}));
    EXPECT_FALSE(once({.name = "a.example.test"}));
    EXPECT_FALSE(once({.name = "localhost", .server = "another"}));
    EXPECT_EQ(context->sessions().servers(), 3u);
  }
}

TEST_P(TlsHandshakeConformance, AsServerTheClientsAlertIsReported) {
  auto made = TlsContext::server({.certificate_file = Certificates::get().file("server"),
                                  .key_file = {},
                                  .client_ca_file = {}});
  ASSERT_TRUE(made) << made.error().what;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    SocketPair pair = tcp_pair();
    TlsPeerThread client(std::move(pair.peer),
                         {.max_version = version, .client = true, .trusted = "other"}, nullptr);
    TlsConnected c(*loop, std::move(pair.ours), *made, {});
    EXPECT_TRUE(shaken(c));
    EXPECT_EQ(c.handshake->failure, TlsFailure::alert) << c.handshake->reason;
    EXPECT_EQ(c.handshake->reason, "unknown_ca");
  }
}

TEST_P(TlsHandshakeConformance, AsServerItServesAndChoosesAlpn) {
  auto made = TlsContext::server({.certificate_file = Certificates::get().file("server"),
                                  .key_file = {},
                                  .client_ca_file = Certificates::get().file("ca"),
                                  .alpn = {"http/1.1"}});
  ASSERT_TRUE(made) << made.error().what;
  TlsClientOptions options;
  options.alpn = {"h2", "http/1.1"};
  options.certificate_file = Certificates::get().file("client");
  SocketPair pair = tcp_pair();
  TlsConnected server(*loop, std::move(pair.peer), *made, {});
  TlsConnected client(*loop, std::move(pair.ours), client_context(options), {.name = "localhost"});
  EXPECT_TRUE(shaken(client) && shaken(server));
  ASSERT_TRUE(*server.handshake) << server.handshake->reason;
  EXPECT_EQ(server.handshake->alpn, "http/1.1");
  EXPECT_EQ(client.handshake->alpn, "http/1.1");
  client.send("ping");
  EXPECT_TRUE(run_until([&] { return server.seen.bytes == "ping"; }));
  client.stream.close();
  EXPECT_TRUE(run_until([&] { return server.seen.log.back() == "fin"; }));
}

TEST_P(TlsHandshakeConformance, NoCommonAlpnIsOurAlertAsServer) {
  auto made = TlsContext::server({.certificate_file = Certificates::get().file("server"),
                                  .key_file = {},
                                  .client_ca_file = {},
                                  .alpn = {"http/1.1"}});
  TlsClientOptions options;
  options.alpn = {"h2"};
  SocketPair pair = tcp_pair();
  TlsConnected server(*loop, std::move(pair.peer), *made, {});
  TlsConnected client(*loop, std::move(pair.ours), client_context(options), {.name = "localhost"});
  EXPECT_TRUE(shaken(client) && shaken(server));
  EXPECT_EQ(server.handshake->failure, TlsFailure::protocol);
  EXPECT_EQ(server.handshake->alert_sent, 120);
  EXPECT_EQ(client.handshake->failure, TlsFailure::alert);
  EXPECT_EQ(client.handshake->reason, "no_application_protocol");
}

/// `openssl s_server -rev`: answers each line backwards. Ends with this object.
class OpenSslServer {
 public:
  OpenSslServer() {
    int ends[2] = {};
    EXPECT_EQ(::pipe(ends), 0);
    const std::string pem = Certificates::get().file("server");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], 1);
      ::dup2(::open("/dev/null", O_WRONLY), 2);
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::close(ends[0]);
      ::execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", pem.c_str(),
               "-key", pem.c_str(), "-rev", nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    const Fd out(ends[0]);
    std::string said;
    char byte = 0;
    while (!said.ends_with("ACCEPT 127.0.0.1:") && ::read(out.get(), &byte, 1) == 1) said += byte;
    while (::read(out.get(), &byte, 1) == 1 && byte != '\n') {
      port = static_cast<std::uint16_t>(port * 10 + (byte - '0'));
    }
  }
  ~OpenSslServer() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::uint16_t port = 0;

 private:
  pid_t pid_ = 0;
};

class Dialed final : public DialObserver {
 public:
  void on_dialed(DialResult got) override { result = std::move(got); }
  std::optional<DialResult> result;
};

TEST_P(TlsHandshakeConformance, AgainstOpensslsOwnServer) {
  const OpenSslServer server;
  ASSERT_NE(server.port, 0);
  const auto context = client_context();
  for (const bool again : {false, true}) {
    Dialed told;
    Dial dial(*loop, told);
    dial.start(
        {.address = {.family = Address::Family::v4, .port = server.port, .bytes = {127, 0, 0, 1}}},
        {});
    ASSERT_TRUE(run_until([&] { return told.result.has_value(); }));
    ASSERT_TRUE(*told.result);
    TlsConnected c(*loop, std::move(told.result->fd), context, {.name = "localhost"});
    ASSERT_TRUE(shaken(c));
    ASSERT_TRUE(*c.handshake) << c.handshake->reason;
    EXPECT_EQ(c.handshake->resumed, again);
    c.send("drawer\n");
    EXPECT_TRUE(run_until([&] { return c.seen.bytes.find("reward") != std::string::npos; }))
        << c.seen.bytes;
  }
}

}  // namespace
}  // namespace finack::net::testing
