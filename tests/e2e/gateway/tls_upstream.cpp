#include "e2e/gateway/tls_upstream.h"

#include <openssl/err.h>
#include <poll.h>
#include <signal.h>

#include <array>
#include <mutex>

#include "net/tls_certificates.h"

namespace finack::gateway_matrix {
namespace {

using net::testing::Certificates;

const Certificates& certificates() {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL.
  return Certificates::get();
}

}  // namespace

std::string trusted_file() { return certificates().file("ca"); }

TlsEnd::TlsEnd(Peer& peer, const TlsSetup& setup, const Deadline& deadline)
    : peer_(peer), deadline_(deadline), context_(SSL_CTX_new(TLS_server_method())) {
  const std::string file = certificates().file(setup.certificate);
  if (SSL_CTX_use_certificate_chain_file(context_.get(), file.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context_.get(), file.c_str(), SSL_FILETYPE_PEM) != 1) {
    throw Failure("no certificate " + file);
  }
  if (setup.demand_certificate) {
    SSL_CTX_load_verify_file(context_.get(), trusted_file().c_str());
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  ssl_.reset(SSL_new(context_.get()));
  SSL_set_fd(ssl_.get(), peer.fd());
}

/// False: `result` was no success, and nothing is to be waited for.
bool TlsEnd::wait(int result) {
  const int error = SSL_get_error(ssl_.get(), result);
  ERR_clear_error();
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return false;
  const short events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
  pollfd p{peer_.fd(), events, 0};
  if (::poll(&p, 1, deadline_.poll_timeout()) > 0) return true;
  throw Failure("TLS: the gateway did not go on");
}

bool TlsEnd::accept() {
  int result = 0;
  while ((result = SSL_accept(ssl_.get())) != 1)
    if (!wait(result)) return false;
  return true;
}

std::string TlsEnd::read_head() {
  std::string head;
  std::array<char, 4096> piece;
  while (!head.ends_with("\r\n\r\n")) {
    const int n = SSL_read(ssl_.get(), piece.data(), static_cast<int>(piece.size()));
    if (n > 0) {
      head.append(piece.data(), static_cast<std::size_t>(n));
    } else if (!wait(n)) {
      throw Failure("TLS: the stream ended before a request's head");
    }
  }
  return head;
}

void TlsEnd::send(std::string_view bytes) {
  int result = 0;
  while ((result = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))) <= 0)
    if (!wait(result)) throw Failure("TLS: the gateway takes no bytes");
}

void TlsEnd::alert() {
  std::array<char, 37> rubbish{0x17, 0x03, 0x03, 0x00, 0x20};
  BIO* from = BIO_new(BIO_s_mem());
  BIO_write(from, rubbish.data(), static_cast<int>(rubbish.size()));
  SSL_set0_rbio(ssl_.get(), from);
  char byte = 0;
  SSL_read(ssl_.get(), &byte, 1);
  ERR_clear_error();
}

void TlsEnd::close() {
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  peer_.finish_sending();
}

}  // namespace finack::gateway_matrix
