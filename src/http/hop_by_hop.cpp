#include "finack/http/hop_by_hop.h"

#include <algorithm>
#include <cstdint>
#include <optional>

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

/// Whether a name is as long as one that is_connection_field() knows: hardly any other is.
constexpr bool has_their_length(const Header& field) {
  constexpr std::uint32_t kLengths = 1U << 2 | 1U << 7 | 1U << 10 | 1U << 16 | 1U << 17;
  return field.name.size() < 32 && (kLengths >> field.name.size() & 1) != 0;
}

/// FNV-1a of a name in lower case.
std::uint64_t hash_of(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(to_lower(c))) * 0x100000001b3;
  }
  return hash;
}

/// Which fields Connection names. Many options meet many fields in a hostile head, hence the
/// hashes: a name of the same hash could have been listed itself.
class NamedFields {
 public:
  explicit NamedFields(const std::vector<Header>& headers) {
    for (const Header& field : headers) {
      // What must not come late, in a trailer, must not be taken away either.
      if (is_allowed_trailer(field.name)) rows_.push_back({hash_of(field.name), false});
    }
    std::ranges::sort(rows_, {}, &Row::hash);
  }
  void name(std::string_view option) {
    if (Row* row = find(option)) row->named = true;
  }
  bool is_named(std::string_view field) {
    const Row* row = is_allowed_trailer(field) ? find(field) : nullptr;
    return row != nullptr && row->named;
  }

 private:
  struct Row {
    std::uint64_t hash;
    bool named;
  };

  // The first of several: for every field of that name the same.
  Row* find(std::string_view name) {
    const std::uint64_t hash = hash_of(name);
    const auto row = std::ranges::lower_bound(rows_, hash, {}, &Row::hash);
    return row != rows_.end() && row->hash == hash ? &*row : nullptr;
  }

  std::vector<Row> rows_;
};

bool lists(std::string_view value, std::string_view wanted) {
  std::string_view member;
  while (take_list_member(value, member)) {
    if (equals_lower(member, wanted)) return true;
  }
  return false;
}

/// Notes the fields that one Connection value names; `named` is made for the first unusual option.
void note_options(const std::vector<Header>& headers, std::string_view options,
                  std::optional<NamedFields>& named) {
  std::string_view option;
  while (take_list_member(options, option)) {
    // The usual ones name no other field.
    if (option.empty() || is_connection_field(option) || equals_lower(option, "close")) continue;
    if (!named) named.emplace(headers);
    named->name(option);
  }
}

}  // namespace

HopByHop remove_hop_by_hop(std::vector<Header>& headers) {
  HopByHop facts;
  if (std::ranges::none_of(headers, has_their_length)) return facts;
  bool upgrade = false;
  std::optional<NamedFields> named;
  for (const Header& field : headers) {
    if (equals_lower(field.name, "connection")) {
      upgrade = upgrade || lists(field.value, "upgrade");
      note_options(headers, field.value, named);
    } else if (equals_lower(field.name, "te")) {
      facts.te_trailers = facts.te_trailers || lists(field.value, "trailers");
    } else if (equals_lower(field.name, "upgrade") && facts.upgrade.empty()) {
      facts.upgrade = field.value;
    }
  }
  if (!upgrade) facts.upgrade = {};
  std::erase_if(headers, [&named](const Header& field) {
    return is_connection_field(field.name) || (named && named->is_named(field.name));
  });
  return facts;
}

void remove_rewritten(std::vector<Header>& headers) {
  std::erase_if(headers, [](const Header& field) {
    return equals_lower(field.name, "host") || equals_lower(field.name, "content-length");
  });
}

}  // namespace finack::http
