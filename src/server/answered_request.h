#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "finack/base/clock.h"
#include "finack/http/exchange.h"
#include "finack/record/ledger.h"
#include "server/request_progress.h"
#include "server/verdict.h"

namespace finack::server {

/// A request whose response is complete on our side and which waits for the kernel to take it, or,
/// at a closing connection, for the client to acknowledge it. Views point into the exchange's
/// inbox.
struct AnsweredRequest {
  /// What it knows of itself when `queued` bytes had been queued in the outbox.
  AnsweredRequest(record::RequestEntry&& open, std::uint32_t in_order, const RequestProgress& r,
                  const http::RequestHead& head, std::uint64_t queued)
      : entry(std::move(open)),
        started(r.times.head_started),
        first_byte(r.times.response_started),
        begin(r.response == RequestProgress::Response::none ? queued : r.response_begin),
        end(queued),
        body_in(r.body_bytes),
        number(in_order),
        status(r.status),
        owed(r.body != RequestProgress::Body::cut),
        cut(r.response == RequestProgress::Response::broken),
        verdict(r.verdict),
        method(head.method_name),
        target(head.target),
        route(r.route) {}

  record::RequestEntry entry;
  Instant started;
  Instant first_byte;   ///< When the kernel took the first byte; epoch: not yet.
  Instant handed{};     ///< When the kernel took the last byte; epoch: not yet.
  std::uint64_t begin;  ///< Offsets of the response in the outbox.
  std::uint64_t end;
  std::uint64_t body_in;
  std::uint32_t number;
  std::uint16_t status;
  bool owed;                       ///< The whole request came.
  bool cut;                        ///< Less was sent than the response's framing promised.
  std::optional<Verdict> verdict;  ///< Where it is not ok.completed.
  std::string_view method;
  std::string_view target;
  const http::RouteLabel* route;
  /// What few requests have.
  struct Details {
    record::Evidence evidence;
    std::string exception;
    std::string request_id;
    std::vector<record::UpstreamTry> upstream;
  };
  std::unique_ptr<Details> details;
  void note_first_byte(Instant now) {
    if (first_byte == Instant{}) first_byte = now;
  }
  /// An answer without a byte has no first one.
  void note_taken(Instant now) {
    if (end > begin) note_first_byte(now);
    if (handed == Instant{}) handed = now;
  }
  Details& with_details() {
    if (!details) details = std::make_unique<Details>();
    return *details;
  }
};

}  // namespace finack::server
