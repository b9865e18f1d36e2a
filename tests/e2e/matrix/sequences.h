#pragma once
#include <span>
#include <string_view>

namespace finack::matrix {

/// One row of "which cause wins": two or more things happen, and one of them names the ending.
struct Sequence {
  std::string_view what;
  std::string_view cause;  ///< The cause that some record of the case must have.
  std::string_view name;   ///< Of the case that performs it.
};

/// All that an HTTP/1.1 plaintext server can meet.
std::span<const Sequence> sequences();

}  // namespace finack::matrix
