#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "finack/http/exchange.h"

namespace finack::gateway {

/// The body of a client's request, for as many tries as need it: the bytes that were read for one
/// try are held for the next, up to a bound. Loop thread only.
class RequestBody {
 public:
  /// What is held of a body that streams through, so that a request whose kept connection turns out
  /// to be closed can be sent again.
  static constexpr std::size_t kHeld = 64 * 1024;

  /// `most`: longest body that the route allows.
  void begin(http::Exchange& exchange, std::uint64_t most);
  /// Lets go of the exchange and of what is held.
  void reset();

  /// How a try is to frame it, and its size where the framing is `length`.
  http::Framing framing() const;
  std::uint64_t size() const { return size_; }
  /// The whole of it is here in one piece, without trailers.
  bool at_hand(std::string_view& out) const;

  /// The next try begins with the first byte; only while replayable().
  void rewind() { position_ = 0; }
  /// Everything that was read can be read again.
  bool replayable() const { return !lost_; }
  /// The next piece for the try. May end the request from inside (a body that breaks a rule): then
  /// `cut`.
  http::BodyRead read();
  /// It is longer than the route allows; read() said `cut`.
  bool too_large() const { return too_large_; }

 private:
  void keep(std::string_view bytes);

  http::Exchange* exchange_ = nullptr;
  std::string_view given_;  ///< The exchange's own, when all of it was there at once.
  std::string held_;        ///< What was read of it, unless lost_.
  std::uint64_t most_ = ~std::uint64_t{0};
  std::uint64_t size_ = 0;      ///< Of all, where known; else of what was read.
  std::uint64_t received_ = 0;  ///< From the exchange.
  std::size_t position_ = 0;    ///< In given_ or held_.
  http::Framing framing_ = http::Framing::none;
  bool whole_ = false;  ///< All of it is in given_ or held_.
  bool ended_ = false;  ///< All of it was read from the exchange.
  bool lost_ = false;
  bool too_large_ = false;
};

}  // namespace finack::gateway
