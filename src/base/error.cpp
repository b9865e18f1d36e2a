#include "finack/base/error.h"

#include <fmt/format.h>

#include <system_error>

namespace finack {

Error system_error(std::string act, int code) {
  return Error{.what = fmt::format("{}: {}", act, std::generic_category().message(code)),
               .code = code};
}

}  // namespace finack
