// How a dialed connection comes to be: resolve, connect, TLS.
#include <openssl/x509_vfy.h>

#include "client/connection.h"
#include "client/connection_dialing.h"

namespace finack::client {

using record::Cause;
using record::EndedBy;
using record::How;
using record::Phase;
using record::TimerKind;

namespace {

/// What ran out, where that is why.
const char* resource_of(net::DialError error) {
  switch (error) {
    case net::DialError::no_ports:
      return "ports";
    case net::DialError::descriptors:
      return "descriptors";
    case net::DialError::memory:
      return "memory";
    default:
      return nullptr;
  }
}

/// Smoothed as TCP does it (RFC 6298): one eighth of each new value.
void smooth(std::atomic<Nanos::rep>& rtt, Nanos value) {
  const Nanos::rep old = rtt.load(std::memory_order_relaxed);
  rtt.store(old == 0 ? value.count() : old + (value.count() - old) / 8, std::memory_order_relaxed);
}

Verdict tls_verdict(const net::TlsHandshake& handshake) {
  constexpr Phase at = Phase::tls;
  switch (handshake.failure) {
    case net::TlsFailure::alert:
      return {EndedBy::peer, How::alert, at, Cause::upstream_tls_alert};
    case net::TlsFailure::untrusted:
      return {EndedBy::local, How::alert, at, Cause::upstream_tls_untrusted};
    case net::TlsFailure::closed:
      return {EndedBy::peer, How::fin, at, Cause::upstream_tls_closed};
    case net::TlsFailure::transport:
      if (const auto verdict = judge(handshake.end.kind, at, 0)) return *verdict;
      break;
    case net::TlsFailure::local:
      return {EndedBy::local, How::rst, at, Cause::resource_memory};
    case net::TlsFailure::not_tls:
    case net::TlsFailure::protocol:
    case net::TlsFailure::none:
      break;
  }
  return {EndedBy::local, How::rst, at, Cause::upstream_tls_closed};
}

record::Evidence tls_evidence(const net::TlsHandshake& handshake) {
  record::Evidence evidence;
  switch (handshake.failure) {
    case net::TlsFailure::alert:
      evidence.reason = net::alert_name(handshake.alert_received).data();
      break;
    case net::TlsFailure::untrusted:
      evidence.reason = X509_verify_cert_error_string(handshake.verify_result);
      break;
    case net::TlsFailure::transport:
      evidence.error = handshake.end.error;
      break;
    case net::TlsFailure::closed:
      break;
    default:
      evidence.reason = net::name(handshake.failure).data();
  }
  return evidence;
}

}  // namespace

void Connection::dial() {
  const UpstreamTarget& target = server_.target;
  const bool named = target.addresses.empty();
  phase_ = named ? Phase::resolve : Phase::connect;
  opened_ = phase_since_ = loop_.now();
  entry_ = ledger_.open_connection(record::Role::client, phase_);
  recorder_.note_phase(phase_, opened_);
  dialing_ = std::make_unique<Dialing>(loop_, *this);
  if (!named) return race(target.addresses);
  timer_ = TimerKind::resolve;
  setting_ = timeouts_.resolve;
  dialing_->lookup.emplace(*resolver_, static_cast<net::LookupObserver&>(*this));
  net::LookupOptions lookup = target.lookup;
  lookup.timeout = timeouts_.resolve;
  dialing_->lookup->start(target.host, target.port, lookup);
}

void Connection::on_resolved(const net::Resolved& resolved) {
  if (!resolved) {
    const bool ours = resolved.error == net::ResolveError::timed_out && setting_ != Nanos(0) &&
                      resolved.took >= setting_;
    if (!ours) {
      record::Evidence evidence;
      evidence.reason = net::name(resolved.error).data();
      return end(
          {EndedBy::network, How::unreachable, Phase::resolve, Cause::upstream_resolve_failed},
          evidence);
    }
    ledger_.counters().timer_fired(TimerKind::resolve);
    recorder_.note_timer(TimerKind::resolve, loop_.now());
    return end(judge(TimerKind::resolve, Phase::resolve, false), timer_evidence());
  }
  std::vector<net::DialTarget> targets;
  targets.reserve(resolved.addresses.size());
  for (const Address& address : resolved.addresses) targets.push_back({.address = address});
  enter(Phase::connect);
  race(net::interleave(std::move(targets)));
}

void Connection::race(std::vector<net::DialTarget> targets) {
  timer_ = TimerKind::connect;
  setting_ = timeouts_.connect;
  if (!targets.empty()) peer_ = targets.front().address;
  dialing_->targets = targets;
  dialing_->race.start(std::move(targets),
                       {.dial = server_.target.dial, .timeout = timeouts_.connect});
}

void Connection::on_race(net::RaceResult result) {
  net::DialResult& dialed = result.dial;
  if (result.target < dialing_->targets.size()) peer_ = dialing_->targets[result.target].address;
  if (!dialed) {
    const bool ours = dialed.error == net::DialError::timed_out && dialed.code == 0;
    record::Evidence evidence = ours ? timer_evidence() : record::Evidence{};
    evidence.error = dialed.code;
    evidence.resource = resource_of(dialed.error);
    if (ours) {
      ledger_.counters().timer_fired(TimerKind::connect);
      recorder_.note_timer(TimerKind::connect, loop_.now());
    }
    return end(judge(dialed.error, dialed.code), evidence);
  }
  smooth(server_.rtt, dialed.took);
  tcp_.emplace(loop_, std::move(dialed.fd));
  stream_ = &*tcp_;
  dialing_.reset();
  if (server_.target.tls != nullptr) return secure();
  stream_->start(*this);
  connected();
}

void Connection::secure() {
  enter(Phase::tls);
  arm(TimerKind::tls, timeouts_.tls);
  tls_ = std::make_unique<net::TlsStream>(loop_, *tcp_, server_.target.tls, server_.target.tls_peer,
                                          static_cast<net::TlsObserver&>(*this));
  stream_ = tls_.get();
  stream_->start(*this);
}

void Connection::on_handshake(const net::TlsHandshake& handshake) {
  if (over_) return;
  if (!handshake) return end(tls_verdict(handshake), tls_evidence(handshake));
  // HTTP/1.1 must not be written to who chose to speak something else (RFC 7301 3.2).
  if (!handshake.alpn.empty() && handshake.alpn != "http/1.1") {
    record::Evidence evidence;
    evidence.reason = "alpn";
    return end({EndedBy::local, How::rst, Phase::tls, Cause::upstream_tls_closed}, evidence);
  }
  connected();
}

void Connection::connected() {
  disarm();
  enter(Phase::pool);
  owner_.on_connected(*this);
}

}  // namespace finack::client
