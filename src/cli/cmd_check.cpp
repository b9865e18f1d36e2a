// finack check: what a gateway's file would do, before it does it.
#include <fmt/format.h>

#include <cstdio>

#include "cli/check_report.h"
#include "cli/command.h"
#include "config/command_line.h"

namespace finack::cli {

int check(int argc, char** argv) {
  bool json = false;
  config::OptionTable table;
  table.group("Output", "What is printed.");
  table.flag({"json", "", "one JSON object on one line"}, json);
  const config::CommandLine line = config::parse(
      argc, argv, table,
      {.name = "finack check",
       .description = "Checks a gateway's file: what is wrong in it, and which settings do not go "
                      "together. Exit status 0: fine, 1: findings, 2: wrong use.",
       .operand = "FILE"});
  fmt::print("{}", line.output);
  fmt::print(stderr, "{}", line.errors);
  if (line.exit_status) return *line.exit_status;
  if (line.operands.size() != 1) {
    fmt::print(stderr, "usage: finack check [--json] FILE\n");
    return 2;
  }
  const CheckReport report = check_file(line.operands.front());
  if (!report.readable) {
    fmt::print(stderr, "finack check: {}", to_string(report.problems));
    return 2;
  }
  fmt::print("{}", json ? check_json(report) : check_text(report));
  return report.fine() ? 0 : 1;
}

}  // namespace finack::cli
