#pragma once
#include <vector>

#include "finack/http/message.h"
#include "gateway/route_settings.h"

namespace finack::gateway {

/// Does what a route says, in this order: remove takes out every field of that name, set replaces
/// them by one (where the first stood, else at the end), add puts one at the end. Names are
/// compared without case. Views of `edits`.
void apply_edits(const HeaderEdits& edits, std::vector<http::Header>& headers);

}  // namespace finack::gateway
