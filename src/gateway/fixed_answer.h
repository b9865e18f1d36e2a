#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "finack/http/exchange.h"
#include "gateway/route_settings.h"

// Answers that need no server.

namespace finack::gateway {

/// Writes the Location of a redirect. With keep_path, `path` and `query` as received follow
/// (`query` without '?', nullptr data: none), one slash between; a path "*" adds nothing. Slashes
/// at the path's start count as one, so that no client can make it name another host ("//host/").
void write_location(const RedirectSettings& redirect, std::string_view path, std::string_view query,
                    std::string& out);

/// The head of a fixed answer; views of the settings and of `headers`, which is overwritten. With a
/// body and no Content-Type of its own it is text/plain in UTF-8.
http::ResponseHead answer_head(const RespondSettings& respond, std::vector<http::Header>& headers);

/// Its body: none where its status allows none (RFC 9110 6.4.1).
std::string_view answer_body(const RespondSettings& respond);

}  // namespace finack::gateway
