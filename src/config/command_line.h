#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/environment.h"
#include "config/option_table.h"
#include "config/places.h"
#include "config/resolved.h"
#include "config/scope.h"

namespace finack::config {

/// What a command makes of its settings once all sources have been heard: it may fill in what
/// follows from them, and says what does not go together. `warnings` is for what start-up shall
/// say.
using Complete =
    std::function<std::vector<Problem>(const Resolved&, std::vector<std::string>& warnings)>;

/// How a command presents itself.
struct Command {
  std::string_view name;         ///< "finack demo"
  std::string_view description;  ///< A sentence or two for --help.
  std::string_view operand =
      {};  ///< What stands without a flag, such as "FILE"; empty: nothing may.
  /// Called when nothing was wrong and the fields are written, before anything is printed; may be
  /// empty.
  Complete complete = {};
};

/// What came of a command line, the environment and the configuration file.
struct CommandLine {
  /// Set: the command is over before it began. Print `output` to standard output and `errors` to
  /// standard error and exit with it: 0 after --help and --print-config, 2 after wrong use.
  std::optional<int> exit_status;
  std::string output;
  std::string errors;
  std::vector<Problem> problems;      ///< What `errors` says, one by one.
  std::vector<std::string> warnings;  ///< One sentence each, for start-up. Set in every case.
  std::vector<std::string> operands;
  Resolved resolved;  ///< What is in force, with origins.
  Places places;      ///< Of what the file says.
};

/// Parses flags (`--name value`, `--name=value`; `--flag`, `--no-flag`), the variables and, where
/// the table has a row `config`, the file it names. A flag wins over the environment, the
/// environment over the file, the file over the default; of a repeated flag the last counts, a
/// repeated list flag adds up. Every mistake found in any of them is reported. Without one, and
/// only then, the values are written to the table's fields; --print-config writes none, unless the
/// command completes what it was told. argv[0] is skipped. Throws nothing.
CommandLine parse(int argc, const char* const* argv, const OptionTable& table,
                  const Command& command, const Environment& environment = process_environment());
/// The same for a command whose file has parts besides its table: without a mistake they are
/// filled, also before --print-config. The root scope must have a table of its own or borrow one
/// that outlives the result.
CommandLine parse(int argc, const char* const* argv, const Scope& root, const Command& command,
                  const Environment& environment = process_environment());

}  // namespace finack::config
