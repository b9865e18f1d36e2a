#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "finack/base/clock.h"
#include "finack/http/exchange.h"
#include "finack/record/ledger.h"
#include "server/verdict.h"

namespace finack::server {

/// A request whose response is complete on our side and which waits for the kernel to take it, or,
/// at a closing connection, for the client to acknowledge it. Views point into the exchange's
/// inbox.
struct AnsweredRequest {
  record::RequestEntry entry;
  Instant started;
  Instant first_byte{};     ///< When the kernel took the first byte; epoch: not yet.
  Instant handed{};         ///< When the kernel took the last byte; epoch: not yet.
  std::uint64_t begin = 0;  ///< Offsets of the response in the outbox.
  std::uint64_t end = 0;
  std::uint64_t body_in = 0;
  std::uint32_t number = 0;
  std::uint16_t status = 0;
  bool owed = true;                ///< The whole request came.
  bool cut = false;                ///< Less was sent than the response's framing promised.
  std::optional<Verdict> verdict;  ///< Where it is not ok.completed.
  std::string_view method;
  std::string_view target;
  const http::RouteLabel* route = nullptr;
  /// What few requests have.
  struct Details {
    record::Evidence evidence;
    std::string exception;
    std::string request_id;
    std::vector<record::UpstreamTry> upstream;
  };
  std::unique_ptr<Details> details;
  Details& with_details() {
    if (!details) details = std::make_unique<Details>();
    return *details;
  }
};

}  // namespace finack::server
