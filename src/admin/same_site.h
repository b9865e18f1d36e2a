#pragma once
#include <string_view>

#include "finack/http/message.h"

namespace finack::admin {

/// Why a request may come from a page of another site in an operator's browser; "": it cannot.
///
/// Such a page can send requests to any address, also on loopback, but its browser names the page
/// in Origin; and a page whose own name was made to resolve to our address (DNS rebinding) is of
/// the same origin, but its browser asks for that name. So the name that is asked for must be an
/// address, "localhost" or `name` ("": no other), with any port, and an Origin must be that same
/// host and port.
std::string_view foreign(const http::RequestHead& head, std::string_view name);

}  // namespace finack::admin
