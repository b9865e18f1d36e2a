#pragma once
#include <openssl/ssl.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "finack/base/byte_stream.h"

namespace finack::net {

/// Why a TLS stream failed, in its handshake or later.
enum class TlsFailure : std::uint8_t {
  none,
  closed,     ///< The peer's FIN came inside the handshake.
  transport,  ///< The stream below ended otherwise: reset, timed out, …; `end` says how.
  alert,      ///< The peer's fatal alert.
  untrusted,  ///< We do not believe the peer's certificate; `reason` says why.
  not_tls,    ///< What came is no TLS record: plaintext, or another protocol.
  protocol,   ///< The peer broke the protocol, or nothing was found in common; we sent an alert.
  local       ///< Ours: out of memory, an unusable setting.
};
/// "closed", "untrusted", …
std::string_view name(TlsFailure failure);

/// What one call into OpenSSL came to.
enum class TlsStep : std::uint8_t {
  done,          ///< It did what it was asked.
  wants_bytes,   ///< More of the peer's bytes are needed.
  close_notify,  ///< The peer ended its direction properly.
  failed         ///< `TlsVerdict::failure` says how.
};

struct TlsVerdict {
  TlsStep step = TlsStep::done;
  TlsFailure failure = TlsFailure::none;
  /// For a person: OpenSSL's reason, or the certificate check's.
  std::string reason{};
};

/// What TlsVerdict is made of.
struct TlsEvidence {
  int ssl_error = SSL_ERROR_NONE;  ///< SSL_get_error.
  unsigned long code = 0;          ///< The last entry of the thread's error queue.
  long verify_result = X509_V_OK;  ///< SSL_get_verify_result.
  int alert_received = -1;         ///< Number of a fatal alert, -1: none.
};

/// The one table: every value of SSL_get_error, with the queue's reason, to what it means here.
TlsVerdict judge(const TlsEvidence& evidence);

/// "bad_certificate", as RFC 8446 section 6 (and 5246 section 7.2) spells it; "unknown_alert".
std::string_view alert_name(int number);

/// How a failure ends the stream for its observer.
StreamEnd stream_end(TlsFailure failure, int alert, StreamEnd transport);

}  // namespace finack::net
