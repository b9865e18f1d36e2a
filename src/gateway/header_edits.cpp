#include "gateway/header_edits.h"

#include <algorithm>

#include "http/ascii.h"

namespace finack::gateway {
namespace {

using http::Header;

void set_field(std::vector<Header>& headers, const Header& field) {
  const auto same = [&field](const Header& h) { return http::equals_nocase(h.name, field.name); };
  const auto first = std::ranges::find_if(headers, same);
  if (first == headers.end()) {
    headers.push_back(field);
    return;
  }
  *first = field;
  headers.erase(std::remove_if(first + 1, headers.end(), same), headers.end());
}

}  // namespace

void apply_edits(const HeaderEdits& edits, std::vector<Header>& headers) {
  if (!edits.remove.empty()) {
    std::erase_if(headers, [&edits](const Header& field) {
      return std::ranges::any_of(edits.remove, [&field](const std::string& name) {
        return http::equals_nocase(field.name, name);
      });
    });
  }
  for (const auto& [name, value] : edits.set) set_field(headers, {name, value});
  for (const auto& [name, value] : edits.add) headers.push_back({name, value});
}

bool edits(const HeaderEdits& edits, std::string_view name) {
  const auto same = [name](const std::string& other) { return http::equals_nocase(name, other); };
  return std::ranges::any_of(edits.remove, same) ||
         std::ranges::any_of(edits.set, [&](const auto& field) { return same(field.first); });
}

}  // namespace finack::gateway
