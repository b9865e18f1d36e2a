#include "app/version.h"

namespace finack::app {

const char* version() { return FINACK_VERSION; }

}  // namespace finack::app
