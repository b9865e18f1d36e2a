#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "finack/base/address.h"
#include "finack/http/message.h"
#include "gateway/settings.h"
#include "route/byte_arena.h"
#include "route/client_address.h"

// Who the client is, as proxies before us said it and as we say it to servers: X-Forwarded-* and
// Forwarded (RFC 7239).

namespace finack::gateway {

/// The proxies whose word counts. Constant once made; any thread.
class TrustedProxies {
 public:
  TrustedProxies() = default;
  /// Addresses and ranges; what is neither is left out (the settings' check refuses it).
  explicit TrustedProxies(std::span<const std::string> networks);
  bool contains(const Address& address) const;

 private:
  std::vector<route::Network> networks_;
};

/// The connection that a request came by.
struct Hop {
  Address peer;
  std::string_view host;  ///< Of the request, as received.
  bool tls = false;
};

/// The client's address: the peer's, or, when the peer is trusted, the right-most address that the
/// headers list and that is not. An entry that is no address cuts off what stands left of it. Read
/// is Forwarded where only that is written, else X-Forwarded-For.
Address believed_client(const Address& peer, std::span<const http::Header> headers,
                        const TrustedProxies& trusted, ForwardedHeaders policy);

/// Whether a field tells of the client: Forwarded, X-Real-IP, X-Forwarded-…; with '_' for '-', too,
/// as some servers (CGI, WSGI) make no difference.
bool tells_of_client(std::string_view name);

/// Writes what `policy` says. What a peer that is not trusted told of the client is taken out. What
/// a trusted one told is carried on: the peer's address is added to its list, and its -Host and
/// -Proto stay. A Unix socket has no address: it is left out of X-Forwarded-For, and `unknown` in
/// Forwarded. Views of the headers and of the arena.
void write_forwarded(std::vector<http::Header>& headers, const Hop& hop, bool trusted,
                     ForwardedHeaders policy, route::ByteArena& arena);

}  // namespace finack::gateway
