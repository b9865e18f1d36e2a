#pragma once
#include <string_view>
#include <vector>

#include "finack/http/message.h"

namespace finack::http {

/// What the removed fields said that a proxy may want to say again on its other connection.
struct HopByHop {
  bool te_trailers = false;  ///< TE lists trailers (RFC 9110 10.1.4).
  /// Value of the Upgrade field when Connection names it; "" otherwise. A view as the fields' own.
  std::string_view upgrade;
};

/// Removes the fields that belong to one connection, in place and keeping the order (RFC 9110
/// 7.6.1): Connection and each field that it names, Keep-Alive, Proxy-Connection, TE,
/// Transfer-Encoding, Upgrade. For requests and responses alike. Call it before fields of one's own
/// are added: a peer may name any field in Connection. Not obeyed are names of fields that frame,
/// route, authenticate or say how the content is read (Host, Authorization, Cache-Control …): they
/// are meant for every recipient, so they are no connection options.
HopByHop remove_hop_by_hop(std::vector<Header>& headers);

/// Removes the fields that an encoder writes anew: Host and Content-Length.
void remove_rewritten(std::vector<Header>& headers);

}  // namespace finack::http
