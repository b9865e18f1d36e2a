#include <fmt/format.h>

#include <string_view>

#include "app/version.h"
#include "cli/command.h"

namespace finack::cli {

int version(int argc, char** argv) {
  const std::string_view argument = argc == 2 ? argv[1] : "";
  if (argc == 1) {
    fmt::print("finack {}\n", app::version());
    return 0;
  }
  if (argument == "--json") {
    fmt::print("{{\"name\":\"finack\",\"version\":\"{}\"}}\n", app::version());
    return 0;
  }
  const bool help = argument == "--help";
  fmt::print(help ? stdout : stderr, "usage: finack version [--json]\n");
  return help ? 0 : 2;
}

}  // namespace finack::cli
