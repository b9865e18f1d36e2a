#include <fmt/format.h>

#include <string_view>

#include "app/version.h"
#include "cli/command.h"

namespace finack::cli {

int version(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "--json") {
    fmt::print("{{\"name\":\"finack\",\"version\":\"{}\"}}\n", app::version());
    return 0;
  }
  if (argc > 1 && std::string_view(argv[1]) != "--help") {
    fmt::print(stderr, "finack version: no argument '{}'; only --json\n", argv[1]);
    return 2;
  }
  fmt::print("finack {}\n", app::version());
  return 0;
}

}  // namespace finack::cli
