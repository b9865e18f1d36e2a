#include "gateway/lasting_text.h"

#include <mutex>
#include <set>

namespace finack::gateway {

const char* lasting_text(const std::string& text) {
  static std::mutex mutex;
  static auto& texts = *new std::set<std::string>;
  const std::scoped_lock lock(mutex);
  return texts.insert(text).first->c_str();
}

}  // namespace finack::gateway
