#include "config/environment.h"

#include <fmt/format.h>
#include <unistd.h>

#include "config/suggest.h"
#include "config/value_text.h"

namespace finack::config {

Environment process_environment() {
  Environment variables;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    variables.emplace_back(*variable);
  }
  return variables;
}

EnvironmentContent read_environment(const OptionTable& table, const Environment& environment) {
  EnvironmentContent content;
  std::vector<std::string> known;
  for (const Option& option : table.options()) known.push_back(option.environment);
  for (const std::string& variable : environment) {
    const std::size_t equals = variable.find('=');
    if (equals == std::string::npos || !variable.starts_with("FINACK_")) continue;
    const std::string name = variable.substr(0, equals);
    const Option* option = table.by_environment(name);
    if (option == nullptr) {
      const std::string hint = did_you_mean(name, known);
      if (!hint.empty()) {
        content.warnings.push_back(fmt::format("{} names no setting{}", name, hint));
      }
      continue;
    }
    auto value = parse_value(*option, std::string_view(variable).substr(equals + 1));
    if (value) {
      content.assignments.push_back({option, *std::move(value), name});
    } else {
      content.problems.push_back({name, value.error()});
    }
  }
  return content;
}

}  // namespace finack::config
