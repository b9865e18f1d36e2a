#pragma once
#include <openssl/ssl.h>

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "finack/base/error.h"

namespace finack::net {

/// An OpenSSL object; `Free` is its function for that.
template <class T, void (*Free)(T*)>
struct OpenSslFree {
  void operator()(T* object) const { Free(object); }
};
using SslPtr = std::unique_ptr<SSL, OpenSslFree<SSL, SSL_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, OpenSslFree<SSL_CTX, SSL_CTX_free>>;
using SslSessionPtr = std::unique_ptr<SSL_SESSION, OpenSslFree<SSL_SESSION, SSL_SESSION_free>>;

enum class TlsVersion : std::uint8_t { tls1_2, tls1_3 };

struct TlsClientOptions {
  /// Chain and name are checked. Without it anybody in between can read and change everything.
  bool verify = true;
  std::string ca_file{};           ///< PEM bundle; with ca_dir empty too: the system's authorities.
  std::string ca_dir{};            ///< A hashed folder of authorities.
  std::string certificate_file{};  ///< Our own, PEM with its chain; empty: none.
  std::string key_file{};          ///< Its key; empty: it stands in certificate_file.
  TlsVersion minimum = TlsVersion::tls1_2;
  std::vector<std::string> alpn{};  ///< In order of preference; empty: not offered.
  bool session_reuse = true;
};

/// What the server side needs so far; the edge's settings come with it.
struct TlsServerOptions {
  std::string certificate_file{};  ///< PEM with its chain.
  std::string key_file;
  std::string client_ca_file{};  ///< Not empty: a certificate of these authorities is demanded.
  TlsVersion minimum = TlsVersion::tls1_2;
  std::vector<std::string> alpn{};  ///< In order of preference; empty: what is offered is ignored.
};

/// Sessions to resume, newest first, by server. From any thread.
class TlsSessions {
 public:
  /// Bounds the memory: servers, and sessions of each (a TLS 1.3 server sends two tickets).
  static constexpr std::size_t kMaxServers = 1024;
  static constexpr std::size_t kMaxPerServer = 4;

  void keep(const std::string& server, SslSessionPtr session);
  /// nullptr when there is none. A TLS 1.3 session is given away: a ticket is used once (RFC 8446
  /// C.4). One of TLS 1.2 stays.
  SslSessionPtr take(const std::string& server);
  void forget(const std::string& server);
  std::size_t servers() const;

 private:
  struct Entry {
    std::string server;
    std::vector<SslSessionPtr> sessions;
  };
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  ///< Last used first.
  std::unordered_map<std::string, std::list<Entry>::iterator> by_server_;
};

/// What streams of one configuration share: authorities, our certificate, sessions. Immutable but
/// for the sessions; used from any thread, and kept alive by whoever makes streams of it.
class TlsContext {
 public:
  static Expected<std::shared_ptr<TlsContext>> client(const TlsClientOptions& options);
  static Expected<std::shared_ptr<TlsContext>> server(const TlsServerOptions& options);

  bool is_client() const { return client_; }
  bool verifies() const { return verifies_; }
  SSL_CTX* native() const { return context_.get(); }
  TlsSessions& sessions() { return sessions_; }
  bool session_reuse() const { return session_reuse_; }
  /// For the server's choice; in wire form.
  const std::string& alpn() const { return alpn_; }

 private:
  TlsContext() = default;
  Expected<void> set_minimum(TlsVersion minimum);
  Expected<void> load_certificate(const std::string& file, const std::string& key);
  Expected<void> load_authorities(const std::string& file, const std::string& dir);
  Expected<void> set_alpn(const std::vector<std::string>& names);

  SslContextPtr context_;
  TlsSessions sessions_;
  std::string alpn_;
  bool client_ = true;
  bool verifies_ = true;
  bool session_reuse_ = true;
};

}  // namespace finack::net
