#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "finack/base/fd.h"

namespace finack::tests {

/// A blocking socket that is connected to a port of 127.0.0.1 and waits 5 s at most for bytes; an
/// empty Fd: refused.
Fd connect_blocking(std::uint16_t port);

/// Asks on a connection of its own and reads until the server closes: everything it sent, or
/// "refused". What cut the reading short stands behind "|recv: ".
std::string ask_once(std::uint16_t port, std::string_view target);

}  // namespace finack::tests
