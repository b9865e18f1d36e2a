#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace finack::http {

enum class Method : std::uint8_t {
  other,
  get,
  head,
  post,
  put,
  delete_,
  connect,
  options,
  trace,
  patch
};

/// "GET" … ; "" for other (RequestHead::method_name has the bytes).
std::string_view name(Method);

/// A header field as a view; the bytes belong to the connection's leased buffer.
struct Header {
  std::string_view name;
  std::string_view value;
};

/// How a request body is framed (RFC 9112 6.3).
enum class Framing : std::uint8_t { none, length, chunked };

/// A parsed request head. Views stay valid until the Exchange is finished or aborted.
struct RequestHead {
  Method method = Method::other;
  std::uint8_t minor = 1;  ///< HTTP/1.<minor>
  Framing framing = Framing::none;
  bool keep_alive = true;            ///< What the client asked for: version and Connection tokens.
  bool expect_continue = false;      ///< `Expect: 100-continue` on HTTP/1.1 with a body to come.
  bool upgrade = false;              ///< `Connection: upgrade` with an Upgrade header (HTTP/1.1).
  std::uint64_t content_length = 0;  ///< For Framing::length.
  std::string_view method_name;
  std::string_view target;      ///< As received.
  std::string_view path;        ///< Still percent-encoded; "*" for asterisk-form.
  std::string_view query;       ///< Without '?'.
  std::string_view host;        ///< Host header or the authority of absolute-form.
  std::vector<Header> headers;  ///< In order, names as received.

  /// The first header of that name, compared without case; empty view with nullptr data if absent.
  std::string_view header(std::string_view name) const;
};

}  // namespace finack::http
