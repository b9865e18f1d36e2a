#include "e2e/support/bounded.h"

#include <algorithm>
#include <thread>

namespace finack::e2e {

void pause(const Deadline& deadline, Millis duration) {
  std::this_thread::sleep_for(std::min(duration, deadline.left()));
}

}  // namespace finack::e2e
