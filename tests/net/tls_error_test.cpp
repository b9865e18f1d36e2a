#include "net/tls_error.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <cerrno>

#include "net/tls_certificates.h"
#include "net/tls_context.h"

namespace finack::net::testing {
namespace {

unsigned long ssl_code(int reason) { return ERR_PACK(ERR_LIB_SSL, 0, reason); }

TEST(TlsErrors, EveryValueOfSslGetErrorHasItsStep) {
  EXPECT_EQ(judge({.ssl_error = SSL_ERROR_NONE}).step, TlsStep::done);
  EXPECT_EQ(judge({.ssl_error = SSL_ERROR_WANT_READ}).step, TlsStep::wants_bytes);
  EXPECT_EQ(judge({.ssl_error = SSL_ERROR_WANT_WRITE}).step, TlsStep::wants_bytes);
  EXPECT_EQ(judge({.ssl_error = SSL_ERROR_ZERO_RETURN}).step, TlsStep::close_notify);
  for (int error = SSL_ERROR_NONE; error <= SSL_ERROR_WANT_RETRY_VERIFY; ++error) {
    const TlsVerdict verdict = judge({.ssl_error = error});
    const bool failed = verdict.step == TlsStep::failed;
    EXPECT_EQ(failed, verdict.failure != TlsFailure::none) << error;
    EXPECT_EQ(failed, verdict.failure == TlsFailure::local) << error << ", with an empty queue";
  }
}

TEST(TlsErrors, TheQueuesReasonDecidesAFailure) {
  struct Case {
    int reason;
    TlsFailure failure;
  };
  for (const Case& c : {Case{SSL_R_CERTIFICATE_VERIFY_FAILED, TlsFailure::untrusted},
                        Case{SSL_R_WRONG_VERSION_NUMBER, TlsFailure::not_tls},
                        Case{SSL_R_HTTP_REQUEST, TlsFailure::not_tls},
                        Case{SSL_R_TLSV1_ALERT_UNKNOWN_CA, TlsFailure::alert},
                        Case{SSL_R_NO_SHARED_CIPHER, TlsFailure::protocol},
                        Case{SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, TlsFailure::protocol}}) {
    EXPECT_EQ(judge({.ssl_error = SSL_ERROR_SSL, .code = ssl_code(c.reason)}).failure, c.failure)
        << c.reason;
  }
  const unsigned long memory = ERR_PACK(ERR_LIB_BUF, 0, ERR_R_MALLOC_FAILURE);
  EXPECT_EQ(judge({.ssl_error = SSL_ERROR_SSL, .code = memory}).failure, TlsFailure::local);
}

TEST(TlsErrors, ThePeersAlertWinsOverOurReason) {
  const TlsVerdict verdict = judge(
      {.ssl_error = SSL_ERROR_SSL, .code = ssl_code(SSL_R_NO_SHARED_CIPHER), .alert_received = 48});
  EXPECT_EQ(verdict.failure, TlsFailure::alert);
  EXPECT_EQ(verdict.reason, "unknown_ca");
}

TEST(TlsErrors, NamesAndEnds) {
  EXPECT_EQ(alert_name(40), "handshake_failure");
  EXPECT_EQ(alert_name(255), "unknown_alert");
  EXPECT_EQ(name(TlsFailure::none), "none");
  EXPECT_EQ(name(TlsFailure::local), "local");
  EXPECT_EQ(stream_end(TlsFailure::none, -1, {}).kind, EndKind::none);
  EXPECT_EQ(stream_end(TlsFailure::alert, 48, {}).error, 48);
  EXPECT_EQ(stream_end(TlsFailure::untrusted, -1, {}).error, EPROTO);
  EXPECT_EQ(stream_end(TlsFailure::transport, -1, {EndKind::timed_out, ETIMEDOUT}).kind,
            EndKind::timed_out);
}

TEST(TlsContexts, WhatCannotBeLoadedIsNamed) {
  TlsClientOptions options;
  options.ca_file = "/nonexistent/ca.pem";
  auto made = TlsContext::client(options);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().what.find("/nonexistent/ca.pem"), std::string::npos) << made.error().what;
  EXPECT_EQ(made.error().side, Side::user);

  options.ca_file = Certificates::get().file("ca");
  options.certificate_file = Certificates::get().file("client");
  options.key_file = Certificates::get().file("server");
  made = TlsContext::client(options);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().what.find("key"), std::string::npos) << made.error().what;

  options.key_file.clear();
  options.alpn = {""};
  EXPECT_FALSE(TlsContext::client(options));
  EXPECT_FALSE(TlsContext::server(
      {.certificate_file = "/nonexistent", .key_file = {}, .client_ca_file = {}}));
}

TEST(TlsSessionCache, IsBoundedByServersAndKeepsTheNewest) {
  TlsSessions sessions;
  EXPECT_EQ(sessions.take("nobody"), nullptr);
  for (std::size_t i = 0; i < TlsSessions::kMaxServers + 5; ++i) {
    sessions.keep("server" + std::to_string(i), SslSessionPtr(SSL_SESSION_new()));
  }
  EXPECT_EQ(sessions.servers(), TlsSessions::kMaxServers);
  EXPECT_EQ(sessions.take("server0"), nullptr);

  SSL_SESSION* newest = nullptr;
  for (std::size_t i = 0; i < TlsSessions::kMaxPerServer + 3; ++i) {
    newest = SSL_SESSION_new();
    SSL_SESSION_set_protocol_version(newest, TLS1_3_VERSION);
    sessions.keep("one", SslSessionPtr(newest));
  }
  EXPECT_EQ(sessions.take("one").get(), newest);
  for (std::size_t i = 1; i < TlsSessions::kMaxPerServer; ++i)
    EXPECT_NE(sessions.take("one"), nullptr);
  EXPECT_EQ(sessions.take("one"), nullptr) << "a TLS 1.3 ticket is given away once";

  SSL_SESSION* old = SSL_SESSION_new();
  SSL_SESSION_set_protocol_version(old, TLS1_2_VERSION);
  sessions.keep("two", SslSessionPtr(old));
  EXPECT_EQ(sessions.take("two").get(), old);
  EXPECT_EQ(sessions.take("two").get(), old);
  sessions.forget("two");
  EXPECT_EQ(sessions.take("two"), nullptr);
}

}  // namespace
}  // namespace finack::net::testing
