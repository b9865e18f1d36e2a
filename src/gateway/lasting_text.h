#pragma once
#include <string>

namespace finack::gateway {

/// The process's one copy of that text, as evidence needs it: records name settings after the plan
/// that had them is gone. A reload that brings the same texts adds none. Any thread.
const char* lasting_text(const std::string& text);

}  // namespace finack::gateway
