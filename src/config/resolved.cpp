#include "config/resolved.h"

#include <fmt/format.h>

#include "config/value_text.h"

namespace finack::config {

std::string to_string(const std::vector<Problem>& problems) {
  constexpr std::size_t kShown = 20;
  std::string text;
  for (std::size_t i = 0; i < problems.size() && i < kShown; ++i) {
    text += fmt::format("{}: {}\n", problems[i].where, problems[i].what);
  }
  if (problems.size() > kShown) text += fmt::format("... and {} more\n", problems.size() - kShown);
  return text;
}

Resolved::Resolved(const OptionTable& table) : table_(table) {
  for (const Option& option : table.options()) settings_.push_back({option.fallback, {}, {}});
}

void Resolved::take(const std::vector<Assignment>& assignments, Origin origin) {
  for (const Assignment& assignment : assignments) {
    Setting& setting = settings_[table_.index_of(*assignment.option)];
    if (setting.origin <= origin) setting = {assignment.value, origin, assignment.where};
  }
}

const Resolved::Setting& Resolved::at(const Option& option) const {
  return settings_[table_.index_of(option)];
}

bool Resolved::holds_value(std::size_t index) const {
  return settings_[index].origin != Origin::fallback || table_.options()[index].is_set;
}

void Resolved::apply() const {
  for (std::size_t i = 0; i < settings_.size(); ++i) {
    if (holds_value(i)) table_.options()[i].store(settings_[i].value);
  }
}

std::vector<std::string> Resolved::warnings() const {
  std::vector<std::string> sentences;
  for (std::size_t i = 0; i < settings_.size(); ++i) {
    const Option& option = table_.options()[i];
    if (option.danger.empty() || !holds_value(i) || !is_zero(settings_[i].value)) continue;
    sentences.push_back(fmt::format("{} is {} ({}): {}", option.path, zero_word(option),
                                    origin_text(settings_[i]), option.danger));
  }
  return sentences;
}

std::string origin_text(const Resolved::Setting& setting) {
  return setting.origin == Origin::fallback ? "default" : fmt::format("from {}", setting.where);
}

}  // namespace finack::config
