#pragma once

namespace finack::app {

/// What `finack version`, /version and the metrics say: the project's version as CMake knows it,
/// "0.1.0".
const char* version();

}  // namespace finack::app
