#include "net/tls_context.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <utility>

#include "net/tls_callbacks.h"

namespace finack::net {

namespace {

std::unexpected<Error> tls_error(std::string act) {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(code);
  ERR_clear_error();
  return std::unexpected(
      Error{.what = fmt::format("{}: {}", act, reason == nullptr ? "no reason given" : reason),
            .code = 0,
            .side = Side::user});
}

int choose_alpn(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* size,
                const unsigned char* offered, unsigned offered_size, void* context) {
  const std::string& ours = static_cast<const TlsContext*>(context)->alpn();
  unsigned char* found = nullptr;
  const int result =
      SSL_select_next_proto(&found, size, reinterpret_cast<const unsigned char*>(ours.data()),
                            static_cast<unsigned>(ours.size()), offered, offered_size);
  *chosen = found;
  // RFC 7301 3.2: nothing in common is a fatal no_application_protocol.
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

void TlsSessions::keep(const std::string& server, SslSessionPtr session) {
  const std::lock_guard lock(mutex_);
  auto found = by_server_.find(server);
  if (found == by_server_.end()) {
    entries_.push_front({.server = server, .sessions = {}});
    found = by_server_.emplace(server, entries_.begin()).first;
  } else {
    entries_.splice(entries_.begin(), entries_, found->second);
  }
  auto& sessions = found->second->sessions;
  if (sessions.size() == kMaxPerServer) sessions.erase(sessions.begin());
  sessions.push_back(std::move(session));
  if (entries_.size() <= kMaxServers) return;
  by_server_.erase(entries_.back().server);
  entries_.pop_back();
}

SslSessionPtr TlsSessions::take(const std::string& server) {
  const std::lock_guard lock(mutex_);
  const auto found = by_server_.find(server);
  if (found == by_server_.end()) return nullptr;
  auto& sessions = found->second->sessions;
  SSL_SESSION* newest = sessions.back().get();
  if (SSL_SESSION_get_protocol_version(newest) < TLS1_3_VERSION) {
    SSL_SESSION_up_ref(newest);
    return SslSessionPtr(newest);
  }
  SslSessionPtr session = std::move(sessions.back());
  sessions.pop_back();
  if (sessions.empty()) {
    entries_.erase(found->second);
    by_server_.erase(found);
  }
  return session;
}

void TlsSessions::forget(const std::string& server) {
  const std::lock_guard lock(mutex_);
  const auto found = by_server_.find(server);
  if (found == by_server_.end()) return;
  entries_.erase(found->second);
  by_server_.erase(found);
}

std::size_t TlsSessions::servers() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

Expected<void> TlsContext::set_minimum(TlsVersion minimum) {
  if (context_ == nullptr) return tls_error("cannot set up TLS");
  SSL_CTX* context = context_.get();
  const int version = minimum == TlsVersion::tls1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
  if (SSL_CTX_set_min_proto_version(context, version) != 1) return tls_error("cannot set up TLS");
  // A renegotiation would let the peer change who it is in the middle of a stream.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Idle streams hold no record buffers: 34 KiB less each.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  TlsCallbacks::set_up(context);
  return {};
}

Expected<void> TlsContext::load_certificate(const std::string& file, const std::string& key) {
  SSL_CTX* context = context_.get();
  if (SSL_CTX_use_certificate_chain_file(context, file.c_str()) != 1) {
    return tls_error(fmt::format("cannot load the certificate \"{}\"", file));
  }
  const std::string& key_file = key.empty() ? file : key;
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return tls_error(fmt::format("cannot use the key \"{}\"", key_file));
  }
  return {};
}

Expected<void> TlsContext::load_authorities(const std::string& file, const std::string& dir) {
  SSL_CTX* context = context_.get();
  if (!file.empty() && SSL_CTX_load_verify_file(context, file.c_str()) != 1) {
    return tls_error(fmt::format("cannot load the authorities \"{}\"", file));
  }
  if (!dir.empty() && SSL_CTX_load_verify_dir(context, dir.c_str()) != 1) {
    return tls_error(fmt::format("cannot load the authorities in \"{}\"", dir));
  }
  if (file.empty() && dir.empty() && SSL_CTX_set_default_verify_paths(context) != 1) {
    return tls_error("cannot find the system's authorities");
  }
  return {};
}

Expected<void> TlsContext::set_alpn(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (name.empty() || name.size() > 255) {
      return std::unexpected(
          Error{.what = fmt::format("\"{}\" is no ALPN name: 1 to 255 bytes are allowed", name),
                .code = 0,
                .side = Side::user});
    }
    alpn_ += static_cast<char>(name.size());
    alpn_ += name;
  }
  if (alpn_.empty()) return {};
  if (!client_) {
    SSL_CTX_set_alpn_select_cb(context_.get(), choose_alpn, this);
  } else if (SSL_CTX_set_alpn_protos(context_.get(),
                                     reinterpret_cast<const unsigned char*>(alpn_.data()),
                                     static_cast<unsigned>(alpn_.size())) != 0) {
    return tls_error("cannot offer ALPN");
  }
  return {};
}

Expected<std::shared_ptr<TlsContext>> TlsContext::client(const TlsClientOptions& options) {
  std::shared_ptr<TlsContext> made(new TlsContext);
  made->verifies_ = options.verify;
  made->session_reuse_ = options.session_reuse;
  made->context_.reset(SSL_CTX_new(TLS_client_method()));
  Expected<void> ok = made->set_minimum(options.minimum);
  if (ok && options.verify) ok = made->load_authorities(options.ca_file, options.ca_dir);
  if (ok && !options.certificate_file.empty()) {
    ok = made->load_certificate(options.certificate_file, options.key_file);
  }
  if (ok) ok = made->set_alpn(options.alpn);
  if (!ok) return std::unexpected(ok.error());
  SSL_CTX* context = made->native();
  SSL_CTX_set_verify(context, options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (options.session_reuse) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  }
  return made;
}

Expected<std::shared_ptr<TlsContext>> TlsContext::server(const TlsServerOptions& options) {
  std::shared_ptr<TlsContext> made(new TlsContext);
  made->client_ = false;
  made->verifies_ = !options.client_ca_file.empty();
  made->context_.reset(SSL_CTX_new(TLS_server_method()));
  Expected<void> ok = made->set_minimum(options.minimum);
  if (ok) ok = made->load_certificate(options.certificate_file, options.key_file);
  if (ok && made->verifies_) ok = made->load_authorities(options.client_ca_file, {});
  if (ok) ok = made->set_alpn(options.alpn);
  if (!ok) return std::unexpected(ok.error());
  SSL_CTX* context = made->native();
  if (made->verifies_) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  static constexpr unsigned char kSessionContext[] = "finack";
  SSL_CTX_set_session_id_context(context, kSessionContext, sizeof kSessionContext - 1);
  return made;
}

}  // namespace finack::net
