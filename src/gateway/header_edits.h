#pragma once
#include <string_view>
#include <vector>

#include "finack/http/message.h"
#include "gateway/route_settings.h"

namespace finack::gateway {

/// Does what a route says, in this order: remove takes out every field of that name, set replaces
/// them by one (where the first stood, else at the end), add puts one at the end. Names are
/// compared without case. Views of `edits`.
void apply_edits(const HeaderEdits& edits, std::vector<http::Header>& headers);
/// The same for a request, where _ stands for - as well: a server that makes variables of fields
/// (RFC 3875 4.1.18) takes one for the other, and must not get from a client what the route
/// removes or sets.
void apply_request_edits(const HeaderEdits& edits, std::vector<http::Header>& headers);

/// Whether the route removes or sets the field of that name of a request; _ as above.
bool edits(const HeaderEdits& edits, std::string_view name);

}  // namespace finack::gateway
