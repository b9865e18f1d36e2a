#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "finack/http/exchange.h"
#include "finack/record/cause.h"
#include "gateway/route_settings.h"
#include "gateway/spill_buffer.h"

namespace finack::gateway {

/// The body of a client's request, for as many tries as need it: the bytes that were read for one
/// try are held for the next, up to a bound. Loop thread only.
class RequestBody {
 public:
  /// What is held of a body that streams through, so that a request whose kept connection turns out
  /// to be closed can be sent again.
  static constexpr std::uint64_t kHeld = 64 * 1024;

  /// By the route's bounds; `directory`, where its buffer goes, outlives the request.
  void begin(http::Exchange& exchange, const RouteSettings& route, const std::string& directory);
  /// Lets go of the exchange and of what is held.
  void reset();

  /// How a try is to frame it, and its size where the framing is `length`.
  http::Framing framing() const;
  std::uint64_t size() const { return size_; }
  /// The whole of it is in memory in one piece, without trailers.
  bool at_hand(std::string_view& out) const;

  /// Reads it in before a try, until it is whole or does not fit: end. Call again after `wait`.
  http::BodyRead::Kind gather();

  /// The next try begins with the first byte; only while replayable().
  void rewind() { position_ = 0; }
  /// Everything that was read can be read again.
  bool replayable() const { return !lost_; }
  /// The next piece for the try. May end the request from inside (a body that breaks a rule): then
  /// `cut`.
  http::BodyRead read();
  /// Why read() or gather() said `cut`, where the client is not the reason; else unknown:
  /// policy.body_too_large by the route's limit, resource.disk, resource.descriptors.
  record::Cause fault() const { return fault_; }
  /// The errno with the latter two.
  int error() const { return framing_ == http::Framing::none ? 0 : held_.error(); }

 private:
  http::BodyRead receive();
  http::BodyRead fail(record::Cause cause);

  http::Exchange* exchange_ = nullptr;
  std::string_view given_;  ///< The exchange's own, when all of it was there at once.
  SpillBuffer held_;        ///< What was read of it, unless lost_.
  std::uint64_t most_ = 0;
  std::uint64_t size_ = 0;      ///< Of all, where known.
  std::uint64_t received_ = 0;  ///< From the exchange.
  std::uint64_t position_ = 0;  ///< In given_ or held_.
  record::Cause fault_ = record::Cause::unknown;
  http::Framing framing_ = http::Framing::none;
  bool ended_ = false;  ///< All of it was read from the exchange.
  bool lost_ = false;
};

}  // namespace finack::gateway
