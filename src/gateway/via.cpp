#include "gateway/via.h"

#include "http/ascii.h"

namespace finack::gateway {
namespace {

/// One member of Via: [protocol-name "/"] protocol-version RWS received-by [RWS comment].
struct Member {
  std::string_view received_by, comment;
};

std::string_view take_word(std::string_view& rest) {
  rest = http::trim_ows(rest);
  const std::size_t end = std::min(rest.find_first_of(" \t,("), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end);
  return word;
}

/// Ours is shorter by far. So the time that comments without an end take is bounded.
constexpr std::size_t kLongestComment = 256;

/// The inside of a comment, which may hold others, and commas. One that does not end is none: no
/// client shall hide by it the lines behind.
std::string_view take_comment(std::string_view& rest) {
  const std::size_t most = std::min(rest.size(), kLongestComment);
  std::size_t depth = 0;
  for (std::size_t i = 0; i < most; ++i) {
    if (rest[i] == '\\') {
      ++i;
    } else if (rest[i] == '(') {
      ++depth;
    } else if (rest[i] == ')' && --depth == 0) {
      const std::string_view comment = rest.substr(1, i - 1);
      rest.remove_prefix(i + 1);
      return comment;
    }
  }
  return {};
}

bool take_member(std::string_view& rest, Member& member) {
  rest = http::trim_ows(rest);
  while (rest.starts_with(',')) rest = http::trim_ows(rest.substr(1));
  if (rest.empty()) return false;
  take_word(rest);
  member.received_by = take_word(rest);
  rest = http::trim_ows(rest);
  member.comment = rest.starts_with('(') ? take_comment(rest) : std::string_view();
  rest.remove_prefix(std::min(rest.find(','), rest.size()));
  return true;
}

}  // namespace

Via::Via(std::string_view name, std::string_view mark) : name_(name), mark_(mark) {
  if (name.empty()) return;
  const std::string behind = mark_.empty() ? name_ : name_ + " (" + mark_ + ")";
  line_1_0_ = "1.0 " + behind;
  line_1_1_ = "1.1 " + behind;
}

bool Via::looped(std::span<const http::Header> headers) const {
  if (name_.empty()) return false;
  std::size_t passes = 0;
  for (const http::Header& field : headers) {
    if (!http::equals_lower(field.name, "via")) continue;
    std::string_view rest = field.value;
    Member member;
    while (take_member(rest, member)) {
      if (!http::equals_nocase(member.received_by, name_)) continue;
      if (mark_.empty() || member.comment == mark_ || ++passes == kMostPasses) return true;
    }
  }
  return false;
}

}  // namespace finack::gateway
