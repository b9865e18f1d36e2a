#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "finack/http/message.h"
#include "gateway/route_settings.h"

namespace finack::gateway {

/// Which branch takes a request.
struct SplitChoice {
  std::size_t branch = 0;       ///< In SplitSettings::to.
  std::string_view set_cookie;  ///< Value of a Set-Cookie for the response; "": none. The split's.
};

/// Divides requests among branches. Constant once made; any thread.
///
/// In this order: a branch whose `when` is the request's header or cookie; with `sticky` the branch
/// that its cookie names; else one by weight. Only what the weights decided is remembered. A cookie
/// that names no branch, or one that lost its weight, is replaced: so a canary that is taken back
/// gets its clients taken away. The cookie names a branch by a hash of its cluster and `when`: it
/// outlives restarts, reloads and another order, and tells clients no names.
class Split {
 public:
  /// At least one branch has a weight.
  explicit Split(const SplitSettings& settings);

  /// `draw` is random over all its values.
  SplitChoice choose(std::span<const http::Header> headers, std::uint64_t draw) const;

 private:
  struct Branch {
    std::string when;
    std::string mark;            ///< Value of the sticky cookie.
    std::string set_cookie;      ///< The same as a whole Set-Cookie value.
    std::uint64_t weight_below;  ///< Sum of the weights before it.
    std::uint32_t weight;
  };

  const Branch* find_when(std::string_view value) const;
  const Branch* find_by_value(std::span<const http::Header> headers) const;
  const Branch* find_sticky(std::span<const http::Header> headers) const;
  const Branch& draw_by_weight(std::uint64_t draw) const;

  std::string header_, cookie_, sticky_;
  std::vector<Branch> branches_;
  std::uint64_t weights_ = 0;
};

}  // namespace finack::gateway
