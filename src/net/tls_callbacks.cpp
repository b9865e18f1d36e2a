#include "net/tls_callbacks.h"

#include <algorithm>
#include <cstring>

#include "net/tls_stream.h"

namespace finack::net {

namespace {

/// Alerts that end nothing (RFC 8446 section 6.1, and 5246 section 7.2.2).
bool is_harmless(int number) {
  return number == SSL_AD_CLOSE_NOTIFY || number == SSL_AD_USER_CANCELLED ||
         number == SSL_AD_NO_RENEGOTIATION;
}

}  // namespace

void TlsCallbacks::set_up(SSL_CTX* context) {
  SSL_CTX_set_info_callback(context, info);
  SSL_CTX_sess_set_new_cb(context, new_session);
}

BIO_METHOD* TlsCallbacks::method() {
  static BIO_METHOD* const made = [] {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "finack stream");
    if (method == nullptr) return method;
    BIO_meth_set_read_ex(method, read);
    BIO_meth_set_write_ex(method, write);
    BIO_meth_set_ctrl(method, control);
    return method;
  }();
  return made;
}

BIO* TlsCallbacks::make_bio(TlsStream& stream) {
  BIO* bio = method() == nullptr ? nullptr : BIO_new(method());
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, &stream);
  BIO_set_init(bio, 1);
  return bio;
}

/// Never an end of file: what the stream below says of its end is judged outside.
int TlsCallbacks::read(BIO* bio, char* data, std::size_t size, std::size_t* done) {
  Buffer& in = static_cast<TlsStream*>(BIO_get_data(bio))->in_;
  BIO_clear_retry_flags(bio);
  *done = std::min(size, in.size());
  if (*done == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  std::memcpy(data, in.data(), *done);
  in.consume(*done);
  return 1;
}

int TlsCallbacks::write(BIO* bio, const char* data, std::size_t size, std::size_t* done) {
  static_cast<TlsStream*>(BIO_get_data(bio))->next_out_.append(data, size);
  BIO_clear_retry_flags(bio);
  *done = size;
  return 1;
}

long TlsCallbacks::control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

void TlsCallbacks::info(const SSL* ssl, int where, int value) {
  if ((where & SSL_CB_ALERT) == 0) return;
  auto* stream = static_cast<TlsStream*>(SSL_get_app_data(ssl));
  const int number = value & 0xff;
  if (stream == nullptr || is_harmless(number)) return;
  // In TLS 1.3 the level says nothing: all but the harmless ones are fatal.
  const bool fatal = (value >> 8) == 2 || SSL_version(ssl) == TLS1_3_VERSION;
  if (!fatal) return;
  ((where & SSL_CB_READ) != 0 ? stream->alert_received_ : stream->alert_sent_) =
      static_cast<std::int16_t>(number);
}

int TlsCallbacks::new_session(SSL* ssl, SSL_SESSION* session) {
  auto* stream = static_cast<TlsStream*>(SSL_get_app_data(ssl));
  if (stream == nullptr || !stream->context_->is_client()) return 0;
  if (SSL_SESSION_is_resumable(session) == 0) return 0;
  stream->context_->sessions().keep(stream->session_key_, SslSessionPtr(session));
  return 1;  // the reference is ours
}

}  // namespace finack::net
