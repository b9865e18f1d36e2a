#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "finack/http/message.h"
#include "finack/record/cause.h"
#include "gateway/forwarded.h"
#include "gateway/settings.h"
#include "gateway/via.h"
#include "route/byte_arena.h"

namespace finack::gateway {

/// A request as a server gets it: what http::OutgoingRequest needs besides method, target and body.
struct ForwardedRequest {
  /// Not unknown: it is refused, and nothing else here is set. policy.loop: 508.
  record::Cause refused = record::Cause::unknown;
  const char* reason = nullptr;  ///< Of policy.bad_request: the rule that it broke.
  std::string_view host;         ///< As received.
  std::string_view upgrade;      ///< The one protocol that is asked for; "": none.
  bool te_trailers = false;
  std::string_view request_id;  ///< "": none.
  Address client;               ///< For records, limits and hashing.
};

/// What a response gets besides the server's own fields; "": nothing.
struct ResponseAdditions {
  std::string_view set_cookie;
  std::string_view request_id;  ///< Where the server's response names none.
};

/// What is carried from one connection to the other, and what is not. Constant once made; any
/// thread. Allocates nothing once vector and arena have grown.
class Forwarding {
 public:
  /// `mark` tells this process from others of its name (Via).
  Forwarding(const GatewaySettings& settings, std::string_view mark);

  /// Writes the fields for the server to `headers`: those of `head` without Host, Content-Length,
  /// Expect (the gateway answers it itself) and what belongs to one connection; then ours; then
  /// what the route edits. An X-Request-Id is kept when it is 1 to 128 letters, digits and
  /// -_.:+/=@~, else made of `draw`. An upgrade is carried on by HTTP/1.1 without body bytes, and
  /// to the first protocol that the route allows; others are dropped, and the request stands
  /// without (RFC 9110 7.8). Views of `head`, `hop`, the route, the arena and this object.
  ForwardedRequest prepare(const http::RequestHead& head, const Hop& hop,
                           const RouteSettings& route, const std::array<std::uint64_t, 2>& draw,
                           route::ByteArena& arena, std::vector<http::Header>& headers) const;

  /// The trailers of that request for the server, in `out`: those of `trailers` that the fields of
  /// its head might be (RFC 9110 6.5.1), without what the gateway writes, or the route sets or
  /// removes, itself. Views as theirs.
  void prepare_trailers(const http::RequestHead& head, std::span<const http::Header> trailers,
                        const RouteSettings& route, std::vector<http::Header>& out) const;

  /// Makes the fields of a server's interim response those for the client: the route's edits are
  /// for the final one.
  void prepare_interim(std::uint8_t minor, std::vector<http::Header>& headers) const;

  /// Makes a server's fields those for the client, in place. `minor`: of the response's version.
  /// Views of the server's head, the route, the additions and this object. Returns the protocol of
  /// a 101.
  std::string_view prepare_response(std::uint8_t minor, const RouteSettings& route,
                                    const ResponseAdditions& additions,
                                    std::vector<http::Header>& headers) const;

  /// The value of Proxy-Status for an answer of our own; "" when it is switched off.
  std::string_view proxy_status(record::Cause cause, route::ByteArena& arena) const;

  const TrustedProxies& trusted() const { return trusted_; }

 private:
  std::string_view settle_request_id(std::vector<http::Header>& headers,
                                     const std::array<std::uint64_t, 2>& draw,
                                     route::ByteArena& arena) const;

  TrustedProxies trusted_;
  ForwardedHeaders policy_;
  bool request_id_, proxy_status_;
  std::string name_;  ///< In Proxy-Status.
  Via via_;
};

/// The first protocol of an Upgrade value that is allowed, as it was written; "": none. Versions
/// ("websocket/13") are compared only where `allowed` has one; without case.
std::string_view allowed_upgrade(std::string_view upgrade, const std::vector<std::string>& allowed);

}  // namespace finack::gateway
