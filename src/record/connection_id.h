#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "finack/record/record.h"

namespace finack::record {

/// As records write it: "5f3a2b1c00-1e", hexadecimal: boot in 8 digits, worker in 2 or more, a
/// hyphen, the sequence.
void append_id(std::string& out, const ConnectionId& id);
/// Reads it back; nothing: it is none.
std::optional<ConnectionId> parse_id(std::string_view text);

}  // namespace finack::record
