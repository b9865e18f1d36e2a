#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "finack/http/exchange.h"

namespace finack::http {

/// What the connection decides about a response's framing, beside what the handler asked for.
struct EncodeContext {
  std::uint8_t minor = 1;     ///< Of the request.
  bool head_request = false;  ///< Body bytes are counted but not sent.
  bool close = false;         ///< Write `Connection: close`.
  bool chunked = false;       ///< Write `Transfer-Encoding: chunked`.
  bool has_length = false;
  std::uint64_t length = 0;
  std::string_view keep_alive;  ///< Value of the Keep-Alive header, "" for none.
  std::string_view server;      ///< Value of the Server header, "" for none; must be valid().
  std::string_view date;        ///< IMF-fixdate, 29 bytes, cached per second by the caller.
};

/// True for 1xx, 204 and 304: no body and no framing header (RFC 9110 6.4.1, RFC 9112 6.3).
constexpr bool is_bodiless(int status) { return status < 200 || status == 204 || status == 304; }

/// Upper bound of the bytes that encode_head writes.
inline std::size_t head_size_bound(const ResponseHead& head, const EncodeContext& context) {
  // The fixed parts: status line, Date, the fields' names, a length. Less than half of it is used.
  constexpr std::size_t kFixedBytes = 320;
  std::size_t size = kFixedBytes + head.reason.size() + head.content_type.size() +
                     context.keep_alive.size() + context.date.size() + context.server.size();
  for (const Header& field : head.headers) size += field.name.size() + field.value.size() + 4;
  return size;
}
/// True when no name or value can split the response (RFC 9110 5.5, 5.6.2): checked before
/// encoding. Content-Length, Transfer-Encoding, Connection and Keep-Alive are ours: a handler that
/// sets them is refused. Date and Content-Type among the headers replace ours.
bool valid(const ResponseHead& head);
/// The same for headers alone: interim responses and trailers.
bool valid(std::span<const Header> headers);
/// As valid(headers), and without the fields that a trailer must not carry (RFC 9110 6.5.1).
bool valid_trailers(std::span<const Header> trailers);
/// Writes the head to `out` (at least head_size_bound bytes) and returns its size. `head` is
/// valid(). Framing follows `context`; a bodiless status gets none, whatever it says. The version
/// is HTTP/1.1 whatever the request's was (RFC 9110 6.2); Transfer-Encoding is never sent to
/// HTTP/1.0.
std::size_t encode_head(const ResponseHead& head, const EncodeContext& context, char* out);

/// The heads that nearly all answers have: 200, of a known length and type, nothing else, on a
/// connection that goes on. All but the type and the length is made once a second and copied in two
/// blocks.
class UsualHead {
 public:
  /// As in EncodeContext. What does not fit the blocks leaves it unset.
  void assign(std::string_view date, std::string_view server, std::string_view keep_alive);
  /// Whether encode() is what encode_head() would write; never where it is unset.
  [[gnu::always_inline]] bool fits(const ResponseHead& head) const {
    return start_size_ != 0 && head.status == 200 && head.reason.empty() && head.headers.empty() &&
           !head.content_type.empty();
  }
  /// Upper bound of the bytes that encode writes, beside the type.
  static constexpr std::size_t kSizeBound = 256;
  /// Writes a valid() head and returns what lies behind it.
  char* encode(std::string_view content_type, std::uint64_t length, char* out) const;

 private:
  std::array<char, 96> start_{};  ///< Up to the type.
  std::array<char, 64> end_{};    ///< Behind the length.
  std::size_t start_size_ = 0;
  std::size_t end_size_ = 0;
};

/// Upper bound of the bytes that encode_interim writes.
std::size_t interim_size_bound(std::span<const Header> headers);
/// "HTTP/1.1 103 Early Hints\r\n…\r\n\r\n"; for 101 `Connection: Upgrade` is added.
std::size_t encode_interim(int status, std::span<const Header> headers, char* out);

/// "1f40\r\n"; at most 18 bytes.
std::size_t encode_chunk_size(std::uint64_t size, char* out);
/// Upper bound of the bytes that encode_last_chunk writes; 5 without trailers.
std::size_t last_chunk_size_bound(std::span<const Header> trailers);
/// "0\r\n", the trailers, "\r\n".
std::size_t encode_last_chunk(std::span<const Header> trailers, char* out);

/// The IANA phrase; "" for a status without one.
std::string_view reason_phrase(int status);
/// Formats IMF-fixdate (RFC 9110 5.6.7) into 29 bytes; years 1970 to 9999.
void format_date(std::int64_t unix_seconds, char* out);

}  // namespace finack::http
