#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "finack/http/message.h"

namespace finack::http {

/// A request to be sent by HTTP/1.1. Views need to live only during the calls.
struct OutgoingRequest {
  std::string_view method = "GET";
  /// Written as it is. Its form follows from the method and its first byte (RFC 9112 3.2):
  /// authority-form "h:443" for CONNECT, "*" for OPTIONS, origin-form "/p?q", else absolute-form.
  std::string_view target = "/";
  std::string_view host = {};            ///< Value of the Host field, which is written first.
  std::span<const Header> headers = {};  ///< Written in order, names as given.
  /// How the body is framed. `none` writes no field, except `Content-Length: 0` for POST, PUT and
  /// PATCH (RFC 9110 8.6).
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;  ///< For Framing::length.
  bool close = false;                ///< `Connection: close`.
  bool te_trailers = false;          ///< `TE: trailers`, named in Connection (RFC 9110 10.1.4).
  std::string_view upgrade = {};     ///< Value of Upgrade, named in Connection; "" for none.
};

/// Why a request is not encoded.
enum class RequestFault : std::uint8_t {
  none,
  method_invalid,        ///< No token.
  target_invalid,        ///< No valid form for that method, or a byte that none may have.
  host_invalid,          ///< Not `host [":" port]`; empty is allowed (RFC 9112 3.2).
  host_not_authority,    ///< Not the authority of an absolute-form or authority-form target.
  header_name_invalid,   ///< No token.
  header_value_invalid,  ///< Holds CR, LF, NUL or another control: it could split the request.
  header_reserved,       ///< A field that the encoder writes, or one that belongs to a connection.
  framing_invalid        ///< A body for CONNECT or TRACE (RFC 9110 9.3.6, 9.3.8).
};
std::string_view name(RequestFault);

/// Whether the request can be encoded. Reserved among the headers: Host, Content-Length,
/// Transfer-Encoding, Connection, Keep-Alive, Proxy-Connection, TE, Upgrade.
RequestFault check(const OutgoingRequest& request);
/// Upper bound of the bytes that encode_request writes.
std::size_t request_size_bound(const OutgoingRequest& request);
/// Writes the head of a request that passed check() to `out` (at least request_size_bound bytes)
/// and returns its size. A chunked body is written with encode_chunk_size and encode_last_chunk of
/// src/http/encoder.h.
std::size_t encode_request(const OutgoingRequest& request, char* out);

}  // namespace finack::http
