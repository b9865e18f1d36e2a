#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "finack/http/message.h"
#include "route/byte_arena.h"

namespace finack::gateway {

/// Our line in Via (RFC 9110 7.6.3), by which a request that comes back is known. Constant once
/// made; any thread.
///
/// The name alone cannot tell a loop from a chain: two gateways of the same name may well stand one
/// behind the other. So the line carries a mark of the process as its comment, and a loop is a line
/// with our name and mark, or our name kMostPasses times, as a proxy may drop comments.
class Via {
 public:
  static constexpr std::size_t kMostPasses = 16;

  /// `name`: a token; "": no Via and no look-out for loops. `mark`: letters and digits, random for
  /// each process; "": our name alone is a loop.
  Via(std::string_view name, std::string_view mark);

  bool looped(std::span<const http::Header> headers) const;
  /// The line for a message that came by HTTP/1.`minor`; "" without a name. This object's.
  std::string_view line(std::uint8_t minor) const { return minor == 0 ? line_1_0_ : line_1_1_; }

 private:
  std::string name_, mark_, line_1_0_, line_1_1_;
};

}  // namespace finack::gateway
