#include "config/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "config/print_config.h"
#include "config/reference.h"
#include "config/suggest.h"
#include "config/value_text.h"
#include "config/yaml_reader.h"

// The only file that includes CLI11: it costs seconds to compile.

namespace finack::config {
namespace {

/// What the arguments say, before anything is put in force.
struct Arguments {
  bool help = false;
  bool print = false;
  std::vector<Assignment> assignments;
  std::vector<std::string> operands;
  std::vector<Problem> problems;
};

/// The arguments for CLI11; what follows "--" goes to `operands` unseen. "--name=" is split by
/// hand, as CLI11 would take the next argument for the value that is meant to be empty.
std::vector<std::string> flag_arguments(int argc, const char* const* argv,
                                        std::vector<std::string>& operands) {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "--") {
      operands.assign(argv + i + 1, argv + argc);
      break;
    }
    if (argument.starts_with("--") && argument.find('=') + 1 == argument.size()) {
      argument.pop_back();
      arguments.push_back(std::move(argument));
      arguments.emplace_back();
    } else {
      arguments.push_back(std::move(argument));
    }
  }
  return arguments;
}

CLI::Option* declare(CLI::App& app, const Option& option) {
  CLI::Option* flag = nullptr;
  if (option.type == OptionType::flag) {
    flag = app.add_flag(fmt::format("--{0},--no-{0}{{false}}", option.name));
  } else {
    flag = app.add_option("--" + option.name);
    flag->type_size(1)->expected(1)->allow_extra_args(false);
  }
  return flag->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void take_results(const Option& option, std::vector<std::string> results, Arguments& arguments) {
  if (results.empty()) return;
  const std::string where = "--" + option.name;
  auto value = [&]() -> std::expected<Value, std::string> {
    if (option.type != OptionType::list || results.size() == 1) {
      return parse_value(option, results.back());
    }
    std::vector<std::string> items;
    for (const std::string& result : results) {
      auto part = parse_value(option, result);
      if (!part) return part;
      auto more = std::get<std::vector<std::string>>(*std::move(part));
      items.insert(items.end(), more.begin(), more.end());
    }
    return parse_items(option, std::move(items));
  }();
  if (value) {
    arguments.assignments.push_back({&option, *std::move(value), where});
  } else {
    arguments.problems.push_back({where, value.error()});
  }
}

/// What CLI11 could not place: unknown flags are mistakes, the rest is operands.
void take_rest(const std::vector<std::string>& rest, const OptionTable& table,
               const Command& command, Arguments& arguments) {
  std::vector<std::string> known = {"--help", "--print-config"};
  for (const Option& option : table.options()) {
    known.push_back("--" + option.name);
    if (option.type == OptionType::flag) known.push_back("--no-" + option.name);
  }
  std::vector<std::string> operands;
  for (const std::string& argument : rest) {
    if (argument.size() > 1 && argument.starts_with('-')) {
      const std::string name = argument.substr(0, argument.find('='));
      arguments.problems.push_back({name, "no such flag" + did_you_mean(name, known)});
    } else {
      operands.push_back(argument);
    }
  }
  arguments.operands.insert(arguments.operands.begin(), operands.begin(), operands.end());
  // The value of a misspelt flag is left over, too, and no mistake of its own.
  if (command.operand.empty() && !arguments.operands.empty() && arguments.problems.empty()) {
    arguments.problems.push_back({arguments.operands.front(),
                                  "unexpected: every setting is given by a flag (--name value)"});
  }
}

Arguments read_arguments(int argc, const char* const* argv, const OptionTable& table,
                         const Command& command) {
  Arguments arguments;
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  try {
    const CLI::Option* help = app.add_flag("-h,--help");
    const CLI::Option* print = app.add_flag("--print-config");
    std::vector<CLI::Option*> flags;
    for (const Option& option : table.options()) flags.push_back(declare(app, option));
    std::vector<std::string> list = flag_arguments(argc, argv, arguments.operands);
    std::ranges::reverse(list);  // CLI11 takes them from the back, and leaves what it cannot place.
    app.parse(list);
    arguments.help = help->count() > 0;
    arguments.print = print->count() > 0;
    take_rest(list, table, command, arguments);
    for (std::size_t i = 0; i < flags.size(); ++i) {
      take_results(table.options()[i], flags[i]->results(), arguments);
    }
  } catch (const CLI::ArgumentMismatch& missing) {
    const std::string text = missing.what();
    const std::string name = text.substr(0, text.find(':'));
    arguments.problems.push_back({name, "its value is missing (--name value)"});
  } catch (const CLI::Error& wrong) {
    arguments.problems.push_back({std::string(command.name), wrong.what()});
  }
  return arguments;
}

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

std::string usage(const Command& command) {
  return fmt::format("{} [options]{}{}", command.name, command.operand.empty() ? "" : " ",
                     command.operand);
}

CommandLine refused(CommandLine line, std::vector<Problem> problems, const Command& command) {
  line.errors =
      to_string(problems) +
      fmt::format("Nothing was started; '{} --help' lists every setting.\n", command.name);
  line.problems = std::move(problems);
  line.exit_status = 2;
  return line;
}

}  // namespace

CommandLine parse(int argc, const char* const* argv, const OptionTable& table,
                  const Command& command, const Environment& environment) {
  return parse(argc, argv, Scope(table), command, environment);
}

CommandLine parse(int argc, const char* const* argv, const Scope& root, const Command& command,
                  const Environment& environment) {
  const OptionTable& table = root.table();
  CommandLine line{.exit_status = {},
                   .output = {},
                   .errors = {},
                   .problems = {},
                   .warnings = {},
                   .operands = {},
                   .resolved = Resolved(table),
                   .places = {}};
  const Arguments arguments = read_arguments(argc, argv, table, command);
  line.operands = arguments.operands;
  if (arguments.help) {
    line.output = help_text(table, usage(command), command.description);
    line.exit_status = 0;
    return line;
  }
  std::vector<Problem> problems = arguments.problems;
  const EnvironmentContent variables = read_environment(table, environment);
  append(problems, variables.problems);
  line.warnings = variables.warnings;
  line.resolved.take(arguments.assignments, Origin::flag);
  line.resolved.take(variables.assignments, Origin::environment);

  FileContent content;
  if (const Option* row = table.by_name("config")) {
    const auto* file = std::get_if<std::string>(&line.resolved.at(*row).value);
    if (file != nullptr && !file->empty()) {
      content = read_yaml_file(root, *file);
      append(problems, content.problems);
      line.resolved.take(content.assignments, Origin::file);
    }
  }
  if (!problems.empty()) return refused(std::move(line), std::move(problems), command);
  content.apply_parts();
  line.places = std::move(content.places);
  if (command.complete) {
    line.resolved.apply();
    problems = command.complete(line.resolved, line.warnings);
    if (!problems.empty()) return refused(std::move(line), std::move(problems), command);
  }
  append(line.warnings, line.resolved.warnings());
  append(line.warnings, part_warnings(root, line.places));
  if (arguments.print) {
    line.output = print_config(line.resolved, root, line.places);
    line.exit_status = 0;
    return line;
  }
  line.resolved.apply();
  return line;
}

}  // namespace finack::config
