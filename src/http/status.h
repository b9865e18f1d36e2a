#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace finack::http {

/// "HTTP/1.1 200 OK", padded so that a copy of fixed size is a few vector moves.
struct StatusLine {
  static constexpr std::size_t kBytes = 55;
  std::array<char, kBytes> text{};
  std::uint8_t size = 0;
};

/// The status line with the IANA phrase; nullptr for a status without one. Constant data.
const StatusLine* standard_status_line(int status);

}  // namespace finack::http
