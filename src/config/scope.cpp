#include "config/scope.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "config/suggest.h"
#include "config/value_text.h"

namespace finack::config {
namespace {

constexpr std::string_view kNamePattern = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$";

std::expected<void, std::string> check_name(std::string_view text) {
  if (is_name(text)) return {};
  return std::unexpected(fmt::format(
      "{} is no name: write up to 64 letters, digits, - and _, the first a letter or digit",
      in_quotes(text)));
}

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && is_letter_or_digit(text.front()) &&
         std::ranges::all_of(text,
                             [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_'; });
}

bool is_required(const Option& option) {
  const bool text = option.type == OptionType::text || option.type == OptionType::list;
  return text && option.zero.empty() && option.unset.empty() && is_zero(option.fallback);
}

Scope::Scope() { own_.group("", ""); }

Part& Scope::add(const PartRow& row, PartKind kind) {
  assert(row.key.find('.') == std::string_view::npos && part(row.key) == nullptr);
  Part& part = parts_.emplace_back();
  part.kind = kind;
  part.path = row.key;
  part.doc = row.doc;
  part.noun = row.noun;
  part.shorthand = row.shorthand;
  part.low = row.low;
  part.high = row.high;
  part.options_before = own_.options().size();
  part.key_check = check_name;
  part.key_pattern = kNamePattern;
  return part;
}

void Scope::texts(const PartRow& row, Texts& field, const KeyRule& keys, TextCheck check) {
  Part& part = add(row, PartKind::texts);
  if (keys.check) {
    part.key_check = keys.check;
    part.key_pattern = keys.pattern;
  }
  part.text_check = std::move(check);
  part.take = [&field](std::vector<Entry> entries) {
    field.clear();
    for (Entry& entry : entries) {
      field.emplace_back(std::move(entry.name), std::move(entry.text));
    }
  };
  part.held = [&field] {
    std::vector<Entry> entries;
    for (const auto& [name, text] : field) entries.push_back({name, text, nullptr});
    return entries;
  };
}

const Part* Scope::part(std::string_view path) const {
  const auto found = std::ranges::find(parts_, path, &Part::path);
  return found == parts_.end() ? nullptr : &*found;
}

bool Scope::is_choice(std::string_view path) const {
  return std::ranges::any_of(choices_, [&](const Choice& choice) {
    return std::ranges::find(choice.keys, path) != choice.keys.end();
  });
}

const Reference* Scope::reference(std::string_view path) const {
  const auto found = std::ranges::find(references_, path, &Reference::path);
  return found == references_.end() ? nullptr : &*found;
}

}  // namespace finack::config
