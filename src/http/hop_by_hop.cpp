#include "finack/http/hop_by_hop.h"

#include "http/ascii.h"
#include "http/trailer.h"

namespace finack::http {
namespace {

bool is_connection_field(std::string_view name) {
  switch (name.size()) {
    case 2:
      return equals_lower(name, "te");
    case 7:
      return equals_lower(name, "upgrade");
    case 10:
      return equals_lower(name, "connection") || equals_lower(name, "keep-alive");
    case 16:
      return equals_lower(name, "proxy-connection");
    case 17:
      return equals_lower(name, "transfer-encoding");
    default:
      return false;
  }
}

bool lists(std::string_view value, std::string_view wanted) {
  std::string_view member;
  while (take_list_member(value, member)) {
    if (equals_lower(member, wanted)) return true;
  }
  return false;
}

/// Empties the names of the fields that one Connection value names.
void strike_out(std::vector<Header>& headers, std::string_view options) {
  std::string_view option;
  while (take_list_member(options, option)) {
    // What must not come late, in a trailer, must not be taken away either.
    if (option.empty() || !is_allowed_trailer(option)) continue;
    for (Header& field : headers) {
      if (equals_nocase(field.name, option)) field.name = {};
    }
  }
}

}  // namespace

HopByHop remove_hop_by_hop(std::vector<Header>& headers) {
  HopByHop facts;
  bool upgrade = false;
  for (const Header& field : headers) {
    if (equals_lower(field.name, "connection")) {
      upgrade = upgrade || lists(field.value, "upgrade");
      strike_out(headers, field.value);
    } else if (equals_lower(field.name, "te")) {
      facts.te_trailers = facts.te_trailers || lists(field.value, "trailers");
    } else if (equals_lower(field.name, "upgrade") && facts.upgrade.empty()) {
      facts.upgrade = field.value;
    }
  }
  if (!upgrade) facts.upgrade = {};
  std::erase_if(headers, [](const Header& field) {
    return field.name.empty() || is_connection_field(field.name);
  });
  return facts;
}

void remove_rewritten(std::vector<Header>& headers) {
  std::erase_if(headers, [](const Header& field) {
    return equals_lower(field.name, "host") || equals_lower(field.name, "content-length");
  });
}

}  // namespace finack::http
