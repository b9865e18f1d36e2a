#include "gateway/header_edits.h"

#include <algorithm>

#include "http/ascii.h"

namespace finack::gateway {
namespace {

using http::Header;

using SameName = bool (*)(std::string_view, std::string_view);

char folded(char c) { return c == '_' ? '-' : http::to_lower(c); }

/// As variables of a CGI program.
bool same_variable(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, &folded, &folded);
}

void set_field(std::vector<Header>& headers, const Header& field, SameName same_name) {
  const auto same = [&](const Header& h) { return same_name(h.name, field.name); };
  const auto first = std::ranges::find_if(headers, same);
  if (first == headers.end()) {
    headers.push_back(field);
    return;
  }
  *first = field;
  headers.erase(std::remove_if(first + 1, headers.end(), same), headers.end());
}

void apply(const HeaderEdits& edits, std::vector<Header>& headers, SameName same) {
  if (!edits.remove.empty()) {
    std::erase_if(headers, [&](const Header& field) {
      return std::ranges::any_of(edits.remove,
                                 [&](const std::string& name) { return same(field.name, name); });
    });
  }
  for (const auto& [name, value] : edits.set) set_field(headers, {name, value}, same);
  for (const auto& [name, value] : edits.add) headers.push_back({name, value});
}

}  // namespace

void apply_edits(const HeaderEdits& edits, std::vector<Header>& headers) {
  apply(edits, headers, &http::equals_nocase);
}

void apply_request_edits(const HeaderEdits& edits, std::vector<Header>& headers) {
  apply(edits, headers, &same_variable);
}

bool edits(const HeaderEdits& edits, std::string_view name) {
  const auto same = [name](const std::string& other) { return same_variable(name, other); };
  return std::ranges::any_of(edits.remove, same) ||
         std::ranges::any_of(edits.set, [&](const auto& field) { return same(field.first); });
}

}  // namespace finack::gateway
