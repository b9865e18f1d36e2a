#pragma once
#include <string_view>

namespace finack {

/// Writes `text` and a line end to standard error, unless that would block: a log pipe that nobody
/// reads must not hold up whoever has something to say. What does not fit at once is dropped. Any
/// thread.
void write_stderr_line(std::string_view text);

}  // namespace finack
