#pragma once

namespace finack::app {

#ifndef FINACK_VERSION
#define FINACK_VERSION "0.1.0"
#endif
inline constexpr const char* kVersion = FINACK_VERSION;

}  // namespace finack::app
