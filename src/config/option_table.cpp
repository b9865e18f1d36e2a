#include "config/option_table.h"

#include <algorithm>
#include <cassert>

namespace finack::config {
namespace {

/// "timeout-head" is FINACK_TIMEOUT_HEAD.
std::string environment_name(std::string_view name) {
  std::string variable = "FINACK_";
  for (const char c : name) {
    if (c == '-') {
      variable += '_';
    } else if (c >= 'a' && c <= 'z') {
      variable += static_cast<char>(c - 'a' + 'A');
    } else {
      variable += c;
    }
  }
  return variable;
}

template <class Field>
const Option* find(const std::deque<Option>& options, Field field, std::string_view text) {
  const auto found =
      std::ranges::find_if(options, [&](const Option& o) { return o.*field == text; });
  return found == options.end() || text.empty() ? nullptr : &*found;
}

}  // namespace

void OptionTable::group(std::string_view title, std::string_view doc) {
  const auto known =
      std::ranges::find_if(groups_, [&](const Group& g) { return g.title == title; });
  if (known == groups_.end()) groups_.push_back({std::string(title), std::string(doc)});
  current_group_ = title;
}

Option& OptionTable::add(const Row& row, OptionType type) {
  assert(!groups_.empty() && "call group() before the first row");
  assert(by_name(row.name) == nullptr && by_path(row.path) == nullptr);
  Option& option = options_.emplace_back();
  option.name = row.name;
  option.path = row.path;
  option.doc = row.doc;
  option.zero = row.zero;
  option.danger = row.danger;
  option.group = current_group_;
  if (!row.name.empty()) option.environment = environment_name(row.name);
  option.unset = row.unset;
  option.type = type;
  return option;
}

Option& OptionTable::add_number(const Row& row, OptionType type, std::uint64_t value,
                                std::uint64_t low, std::uint64_t high, std::uint64_t type_limit) {
  assert(low <= high && high <= type_limit);
  assert((value >= low && value <= high) || (value == 0 && !row.zero.empty()));
  (void)type_limit;
  Option& option = add(row, type);
  option.low = low;
  option.high = high;
  option.fallback = value;
  return option;
}

void OptionTable::flag(const Row& row, bool& field) {
  Option& option = add(row, OptionType::flag);
  option.fallback = field;
  option.store = [&field](const Value& value) { field = std::get<bool>(value); };
}

void OptionTable::flag(const Row& row, std::optional<bool>& field) {
  Option& option = add(row, OptionType::flag);
  option.fallback = field.value_or(false);
  option.is_set = field.has_value();
  option.store = [&field](const Value& value) { field = std::get<bool>(value); };
}

void OptionTable::duration(const Row& row, std::optional<Nanos>& field, Nanos low, Nanos high) {
  Nanos value = field.value_or(low);
  duration(row, value, low, high);
  Option& option = options_.back();
  option.is_set = field.has_value();
  option.store = [&field](const Value& v) { field = std::get<Nanos>(v); };
}

void OptionTable::duration(const Row& row, Nanos& field, Nanos low, Nanos high) {
  Option& option =
      add_number(row, OptionType::duration, static_cast<std::uint64_t>(field.count()),
                 static_cast<std::uint64_t>(low.count()), static_cast<std::uint64_t>(high.count()),
                 static_cast<std::uint64_t>(Nanos::max().count()));
  option.fallback = field;
  option.store = [&field](const Value& value) { field = std::get<Nanos>(value); };
}

void OptionTable::text(const Row& row, std::string& field, std::string_view forms,
                       TextCheck check) {
  Option& option = add(row, OptionType::text);
  option.forms = forms;
  option.check = std::move(check);
  option.fallback = field;
  option.store = [&field](const Value& value) { field = std::get<std::string>(value); };
}

void OptionTable::list(const Row& row, std::vector<std::string>& field, std::string_view forms,
                       TextCheck check) {
  Option& option = add(row, OptionType::list);
  option.forms = forms;
  option.check = std::move(check);
  option.fallback = field;
  option.store = [&field](const Value& value) {
    field = std::get<std::vector<std::string>>(value);
  };
}

const Option* OptionTable::by_name(std::string_view name) const {
  return find(options_, &Option::name, name);
}
const Option* OptionTable::by_path(std::string_view path) const {
  return find(options_, &Option::path, path);
}
const Option* OptionTable::by_environment(std::string_view variable) const {
  return find(options_, &Option::environment, variable);
}

std::size_t OptionTable::index_of(const Option& option) const {
  const auto found = std::ranges::find_if(options_, [&](const Option& o) { return &o == &option; });
  assert(found != options_.end());
  return static_cast<std::size_t>(found - options_.begin());
}

}  // namespace finack::config
