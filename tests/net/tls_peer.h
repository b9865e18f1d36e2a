#pragma once
#include <fcntl.h>
#include <openssl/err.h>
#include <signal.h>

#include <functional>
#include <optional>
#include <thread>

#include "net/conformance.h"
#include "net/tls_certificates.h"
#include "net/tls_stream.h"

/// The far side of the TLS suites: OpenSSL itself on a blocking socket, in a thread.
namespace finack::net::testing {

/// What the far side is like.
struct TlsPeerSetup {
  std::string certificate{"server"};
  std::string client_ca{};  ///< Not empty: demands a certificate.
  int max_version = 0;
  std::string alpn{};  ///< The one it chooses; wire form.
  bool client = false;
  std::string trusted = "ca";  ///< As a client: whom it believes.
};

class TlsPeerThread {
 public:
  using Act = std::function<void(SSL*, Fd&)>;

  TlsPeerThread(Fd fd, const TlsPeerSetup& setup, Act act)
      : thread_([this, fd = std::move(fd), setup, act = std::move(act)]() mutable {
          run(fd, setup, act);
        }) {}
  ~TlsPeerThread() { join(); }
  void join() {
    if (thread_.joinable()) thread_.join();
  }

  // Read after join().
  int handshake = 0;  ///< What SSL_accept or SSL_connect returned.
  bool resumed = false;
  std::string server_name{};  ///< SNI as it came.

 private:
  void run(Fd& fd, const TlsPeerSetup& setup, const Act& act) {
    ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
    // No wait without a deadline: a test that goes wrong must end.
    const timeval longest{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest);
    const Certificates& made = Certificates::get();
    const SslContextPtr context(
        SSL_CTX_new(setup.client ? TLS_client_method() : TLS_server_method()));
    if (setup.client) {
      SSL_CTX_load_verify_file(context.get(), made.file(setup.trusted).c_str());
      SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    } else {
      SSL_CTX_use_certificate_chain_file(context.get(), made.file(setup.certificate).c_str());
      SSL_CTX_use_PrivateKey_file(context.get(), made.file(setup.certificate).c_str(),
                                  SSL_FILETYPE_PEM);
    }
    if (!setup.client_ca.empty()) {
      SSL_CTX_load_verify_file(context.get(), made.file(setup.client_ca).c_str());
      SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    if (setup.max_version != 0) SSL_CTX_set_max_proto_version(context.get(), setup.max_version);
    if (!setup.alpn.empty()) {
      SSL_CTX_set_alpn_select_cb(context.get(), choose, const_cast<TlsPeerSetup*>(&setup));
    }
    const SslPtr ssl(SSL_new(context.get()));
    SSL_set_fd(ssl.get(), fd.get());
    handshake = setup.client ? SSL_connect(ssl.get()) : SSL_accept(ssl.get());
    resumed = SSL_session_reused(ssl.get()) == 1;
    if (const char* sni = SSL_get_servername(ssl.get(), TLSEXT_NAMETYPE_host_name)) {
      server_name = sni;
    }
    if (act) act(ssl.get(), fd);
  }
  static int choose(SSL* /*ssl*/, const unsigned char** out, unsigned char* size,
                    const unsigned char* /*in*/, unsigned /*in_size*/, void* setup) {
    const std::string& alpn = static_cast<const TlsPeerSetup*>(setup)->alpn;
    *out = reinterpret_cast<const unsigned char*>(alpn.data()) + 1;
    *size = static_cast<unsigned char>(alpn.size() - 1);
    return SSL_TLSEXT_ERR_OK;
  }

  std::thread thread_;
};

inline void tls_write(SSL* ssl, std::string_view bytes) {
  std::size_t done = 0;
  ASSERT_EQ(SSL_write_ex(ssl, bytes.data(), bytes.size(), &done), 1);
}
/// Reads `size` bytes, or until the end.
inline std::string tls_read(SSL* ssl, std::size_t size) {
  std::string all;
  char chunk[16384];
  for (std::size_t n = 0;
       all.size() < size &&
       SSL_read_ex(ssl, chunk, std::min(sizeof chunk, size - all.size()), &n) == 1;) {
    all.append(chunk, n);
  }
  return all;
}
/// Our FIN with close_notify, then waits for the other's.
inline void tls_close(SSL* ssl, Fd& fd) {
  SSL_shutdown(ssl);
  ::shutdown(fd.get(), SHUT_WR);
  char rest[256];
  while (::recv(fd.get(), rest, sizeof rest, 0) > 0) {
  }
}

/// A TLS stream of ours over a real socket, with its recorder; closes itself at the end.
class TlsConnected final : private TlsObserver {
 public:
  TlsConnected(Loop& loop, Fd fd, std::shared_ptr<TlsContext> context, const TlsPeer& peer)
      : below(loop, std::move(fd)),
        stream(loop, below, std::move(context), peer, *this),
        loop_(loop) {
    stream.start(seen);
  }
  ~TlsConnected() { close(); }
  void close() {
    stream.close();
    for (int turns = 0; turns < 400 && !seen.closed; ++turns) loop_.run_once(5ms);
    EXPECT_TRUE(seen.closed) << "on_closed never came";
  }
  SendResult send(std::string_view bytes) {
    const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    return stream.send({&part, 1}, false);
  }

  TcpStream below;
  Recorder seen;
  std::optional<TlsHandshake> handshake;
  std::function<void()> when_secure;
  TlsStream stream;

 private:
  void on_handshake(const TlsHandshake& told) override {
    EXPECT_FALSE(handshake.has_value()) << "told twice";
    handshake = told;
    seen.note(told ? "secure" : std::string(name(told.failure)));
    if (told && when_secure) when_secure();
  }
  Loop& loop_;
};

class TlsConformance : public Conformance {
 protected:
  static std::shared_ptr<TlsContext> client_context(TlsClientOptions options = {}) {
    if (options.ca_file.empty()) options.ca_file = Certificates::get().file("ca");
    auto made = TlsContext::client(options);
    EXPECT_TRUE(made) << made.error().what;
    return made ? *made : nullptr;
  }
  bool shaken(TlsConnected& c) {
    return run_until([&] { return c.handshake.has_value(); });
  }
};

}  // namespace finack::net::testing
