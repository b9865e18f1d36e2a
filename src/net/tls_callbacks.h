#pragma once
#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <cstddef>

namespace finack::net {

class TlsStream;

/// OpenSSL's side of a TlsStream: a BIO that reads the chunk just received and writes to the
/// ciphertext waiting to be sent, both without a copy of its own; alerts; new sessions. None of
/// them calls an observer.
struct TlsCallbacks {
  static void set_up(SSL_CTX* context);
  /// A BIO of `stream`; nullptr when out of memory.
  static BIO* make_bio(TlsStream& stream);

 private:
  static int read(BIO* bio, char* data, std::size_t size, std::size_t* done);
  static int write(BIO* bio, const char* data, std::size_t size, std::size_t* done);
  static long control(BIO* bio, int command, long number, void* pointer);
  static void info(const SSL* ssl, int where, int value);
  static int new_session(SSL* ssl, SSL_SESSION* session);
  static BIO_METHOD* method();
};

}  // namespace finack::net
