#include "net/tls_error.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <cerrno>

namespace finack::net {

namespace {

/// What the last entry of the error queue says about a failed call.
TlsFailure failure_of(unsigned long code) {
  if (code == 0 || ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE) return TlsFailure::local;
  // Another library's word on what the peer sent: a certificate or signature that cannot be read.
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return TlsFailure::protocol;
  const int reason = ERR_GET_REASON(code);
  if (reason > SSL_AD_REASON_OFFSET) return TlsFailure::alert;
  switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_RECORD_TOO_SMALL:
    case SSL_R_UNKNOWN_PROTOCOL:
      return TlsFailure::not_tls;
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return TlsFailure::untrusted;
    default:
      return TlsFailure::protocol;
  }
}

std::string text_of(unsigned long code) {
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "no reason given" : reason;
}

}  // namespace

TlsVerdict judge(const TlsEvidence& evidence) {
  switch (evidence.ssl_error) {
    case SSL_ERROR_NONE:
      return {.step = TlsStep::done};
    case SSL_ERROR_WANT_READ:
    // Our BIO takes every byte, so a call that wants to write wants the peer's bytes first.
    case SSL_ERROR_WANT_WRITE:
      return {.step = TlsStep::wants_bytes};
    case SSL_ERROR_ZERO_RETURN:
      return {.step = TlsStep::close_notify};
    case SSL_ERROR_SSL:
      break;
    case SSL_ERROR_SYSCALL:           // the BIO makes no system call: out of memory inside OpenSSL
    case SSL_ERROR_WANT_X509_LOOKUP:  // the rest needs callbacks that are not set
    case SSL_ERROR_WANT_CONNECT:
    case SSL_ERROR_WANT_ACCEPT:
    case SSL_ERROR_WANT_ASYNC:
    case SSL_ERROR_WANT_ASYNC_JOB:
    case SSL_ERROR_WANT_CLIENT_HELLO_CB:
    case SSL_ERROR_WANT_RETRY_VERIFY:
    default:
      return {
          .step = TlsStep::failed, .failure = TlsFailure::local, .reason = text_of(evidence.code)};
  }
  TlsVerdict verdict{.step = TlsStep::failed, .failure = failure_of(evidence.code)};
  if (evidence.alert_received >= 0) verdict.failure = TlsFailure::alert;
  switch (verdict.failure) {
    case TlsFailure::alert:
      verdict.reason = alert_name(evidence.alert_received);
      break;
    case TlsFailure::untrusted:
      verdict.reason = X509_verify_cert_error_string(evidence.verify_result);
      break;
    default:
      verdict.reason = text_of(evidence.code);
  }
  return verdict;
}

std::string_view name(TlsFailure failure) {
  static constexpr std::string_view kNames[] = {"none",      "closed",  "transport", "alert",
                                                "untrusted", "not_tls", "protocol",  "local"};
  return kNames[static_cast<std::size_t>(failure)];
}

std::string_view alert_name(int number) {
  struct Alert {
    int number;
    std::string_view name;
  };
  static constexpr Alert kAlerts[] = {{0, "close_notify"},
                                      {10, "unexpected_message"},
                                      {20, "bad_record_mac"},
                                      {21, "decryption_failed"},
                                      {22, "record_overflow"},
                                      {30, "decompression_failure"},
                                      {40, "handshake_failure"},
                                      {41, "no_certificate"},
                                      {42, "bad_certificate"},
                                      {43, "unsupported_certificate"},
                                      {44, "certificate_revoked"},
                                      {45, "certificate_expired"},
                                      {46, "certificate_unknown"},
                                      {47, "illegal_parameter"},
                                      {48, "unknown_ca"},
                                      {49, "access_denied"},
                                      {50, "decode_error"},
                                      {51, "decrypt_error"},
                                      {60, "export_restriction"},
                                      {70, "protocol_version"},
                                      {71, "insufficient_security"},
                                      {80, "internal_error"},
                                      {86, "inappropriate_fallback"},
                                      {90, "user_canceled"},
                                      {100, "no_renegotiation"},
                                      {109, "missing_extension"},
                                      {110, "unsupported_extension"},
                                      {111, "certificate_unobtainable"},
                                      {112, "unrecognized_name"},
                                      {113, "bad_certificate_status_response"},
                                      {114, "bad_certificate_hash_value"},
                                      {115, "unknown_psk_identity"},
                                      {116, "certificate_required"},
                                      {120, "no_application_protocol"}};
  for (const Alert& alert : kAlerts) {
    if (alert.number == number) return alert.name;
  }
  return "unknown_alert";
}

StreamEnd stream_end(TlsFailure failure, int alert, StreamEnd transport) {
  switch (failure) {
    case TlsFailure::none:
      return {};
    case TlsFailure::closed:
      return {EndKind::truncated, 0};
    case TlsFailure::transport:
      return transport;
    case TlsFailure::alert:
      return {EndKind::alert, alert};
    default:
      return {EndKind::error, EPROTO};
  }
}

}  // namespace finack::net
