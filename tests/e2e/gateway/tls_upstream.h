#pragma once
#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "e2e/gateway/upstream.h"

namespace finack::gateway_matrix {

/// What the far side of a TLS connection is like.
struct TlsSetup {
  std::string certificate = "server";  ///< "server", "stranger", "expired", or "client".
  bool demand_certificate = false;     ///< Of the gateway, which has none.
};

/// The file of the authority that "server", "client" and "expired" are of.
std::string trusted_file();

/// TLS on an accepted connection of an upstream, by OpenSSL. Borrows the peer. One thread; every
/// wait is bounded by the deadline.
class TlsEnd {
 public:
  TlsEnd(Peer& peer, const TlsSetup& setup, const Deadline& deadline);

  /// The handshake; false: it failed.
  bool accept();
  std::string read_head();
  void send(std::string_view bytes);
  /// A fatal alert, bad_record_mac, as OpenSSL sends it when it reads rubbish; no more follows.
  void alert();
  /// close_notify, and our FIN behind it.
  void close();
  /// Our FIN alone.
  void cut() { peer_.finish_sending(); }

 private:
  bool wait(int result);

  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  Peer& peer_;
  Deadline deadline_;
  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL, Free> ssl_;
};

}  // namespace finack::gateway_matrix
