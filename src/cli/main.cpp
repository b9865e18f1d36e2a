// The command table of the finack program.
#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "config/suggest.h"

namespace {

struct Row {
  std::string_view name;
  finack::cli::CommandFunction run;
  std::string_view doc;
};

constexpr std::array kCommands = {
    Row{"check", finack::cli::check,
        "check a gateway's file, and whether its settings go together"},
    Row{"demo", finack::cli::demo, "serve the demo and test routes, showing every ending live"},
    Row{"reference", finack::cli::reference, "print a reference page made from the code's tables"},
    Row{"serve", finack::cli::serve, "serve as a gateway in front of other servers"},
    Row{"version", finack::cli::version, "print the version"},
};

void usage(std::FILE* out) {
  fmt::print(out, "finack: HTTP servers whose every connection has a recorded ending\n\n");
  for (const Row& row : kCommands) fmt::print(out, "  finack {:<10} {}\n", row.name, row.doc);
  fmt::print(out, "\n`finack COMMAND --help` tells more.\n");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "--help" || name == "-h" || name == "help") {
    usage(stdout);
    return 0;
  }
  for (const Row& row : kCommands)
    if (name == row.name || (name == "--version" && row.name == "version"))
      return row.run(argc - 1, argv + 1);
  if (!name.empty()) {
    std::vector<std::string> known;
    known.reserve(kCommands.size());
    for (const Row& row : kCommands) known.emplace_back(row.name);
    fmt::print(stderr, "finack: no command '{}'{}\n\n", name,
               finack::config::did_you_mean(name, known));
  }
  usage(stderr);
  return 2;
}
