#pragma once
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "finack/base/clock.h"
#include "finack/record/cause.h"
#include "http/encoder.h"
#include "server/listener_terms.h"

namespace finack::server {

/// The terms of one listener as the connections of one worker see them, and the texts made of
/// them. A reload that changes the terms makes another site: connections move there with their next
/// request. Loop thread only.
class Site {
 public:
  /// `listener`: its number, which all its sites have.
  Site(std::uint32_t listener, std::shared_ptr<const ListenerTerms> terms);

  std::uint32_t listener() const { return listener_; }
  std::string_view name() const { return terms_->name; }
  const Address& local() const { return terms_->local; }
  const Settings& settings() const { return terms_->settings; }
  Admission& admission() const { return *terms_->admission; }

  // Its connections.
  void join() { ++connections_; }
  void leave() {
    assert(connections_ > 0);
    --connections_;
  }
  std::size_t connections() const { return connections_; }

  // Its end.
  /// Its listener has other terms now: connections move on when they begin a request.
  void replace() { replaced_ = true; }
  bool replaced() const { return replaced_; }
  /// Its listener stops: connections close for `cause`, and what is left is cut when
  /// Timeouts::drain is over. The first cause stays.
  void retire(record::Cause cause, Instant now);
  bool retiring() const { return retiring_; }
  record::Cause cause() const { return cause_; }
  Instant retiring_since() const { return since_; }
  /// When what is left of a retiring one is cut; max(): never.
  Instant deadline() const;
  /// No connection will come to it any more, and none is left.
  bool over() const { return (replaced_ || retiring_) && connections_ == 0; }

  /// The worker's clock shows a new second.
  void set_date(std::string_view date);
  /// With the current date; unset where each head of a connection is another.
  const http::UsualHead& usual_head() const { return usual_head_; }
  /// Value of the Keep-Alive header with `left` requests to go (0: no limit); "" when switched off.
  std::string_view keep_alive(std::uint32_t left) {
    return left == 0 || keep_alive_.empty() ? keep_alive_ : keep_alive_with(left);
  }

 private:
  std::string_view keep_alive_with(std::uint32_t left);

  std::shared_ptr<const ListenerTerms> terms_;
  std::uint32_t listener_;
  bool replaced_ = false;
  bool retiring_ = false;
  record::Cause cause_ = record::Cause::unknown;
  Instant since_{};
  std::size_t connections_ = 0;
  http::UsualHead usual_head_;
  std::string keep_alive_;
  std::string keep_alive_scratch_;
};

}  // namespace finack::server
