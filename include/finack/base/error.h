#pragma once
#include <cstdint>
#include <expected>
#include <string>

namespace finack {

/// Whose fault an error is: the answer to "who has to change something".
enum class Side : std::uint8_t { local, peer, network, user };

/// What a caller may do about it.
enum class Retry : std::uint8_t { never, later, at_once };

/// An error as a value. `what` is one sentence for a person: what was wrong and what to do.
struct Error {
  std::string what;
  int code = 0;  ///< errno where the kernel said one, else 0.
  Side side = Side::local;
  Retry retry = Retry::never;
};

template <class T>
using Expected = std::expected<T, Error>;

/// An Error from errno: "<act>: <strerror text>".
Error system_error(std::string act, int code);

}  // namespace finack
