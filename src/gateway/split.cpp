#include "gateway/split.h"

#include <fmt/format.h>

#include <algorithm>

#include "finack/http/cookie.h"
#include "gateway/text_hash.h"
#include "http/ascii.h"

namespace finack::gateway {
namespace {

std::string write_cookie(const StickySettings& sticky, std::string_view mark) {
  std::string out = fmt::format("{}={}; Path=/; HttpOnly; SameSite=Lax", sticky.cookie, mark);
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(sticky.max_age).count();
  if (seconds > 0) out += fmt::format("; Max-Age={}", seconds);
  return out;
}

/// Calls `take` with each value of that cookie until it returns true.
template <class Take>
void each_cookie(std::span<const http::Header> headers, std::string_view name, Take take) {
  for (const http::Header& field : headers) {
    if (!http::equals_lower(field.name, "cookie")) continue;
    for (const auto& cookie : http::CookieView(field.value)) {
      if (cookie.name == name && take(cookie.value)) return;
    }
  }
}

}  // namespace

Split::Split(const SplitSettings& settings) : header_(settings.header), cookie_(settings.cookie) {
  if (settings.sticky) sticky_ = settings.sticky->cookie;
  for (const SplitBranch& to : settings.to) {
    Branch branch{to.when, {}, {}, weights_, to.weight};
    // NUL stands in neither.
    branch.mark = fmt::format("{:016x}", hash_text(to.cluster + '\0' + to.when));
    if (settings.sticky) branch.set_cookie = write_cookie(*settings.sticky, branch.mark);
    weights_ += to.weight;
    branches_.push_back(std::move(branch));
  }
}

const Split::Branch* Split::find_when(std::string_view value) const {
  const auto branch = std::ranges::find_if(
      branches_, [value](const Branch& b) { return !b.when.empty() && b.when == value; });
  return branch == branches_.end() ? nullptr : &*branch;
}

const Split::Branch* Split::find_by_value(std::span<const http::Header> headers) const {
  const Branch* found = nullptr;
  if (!header_.empty()) {
    for (const http::Header& field : headers) {
      if (http::equals_nocase(field.name, header_)) found = find_when(field.value);
      if (found != nullptr) return found;
    }
  } else if (!cookie_.empty()) {
    each_cookie(headers, cookie_, [&](std::string_view value) {
      found = find_when(value);
      return found != nullptr;
    });
  }
  return found;
}

const Split::Branch* Split::find_sticky(std::span<const http::Header> headers) const {
  const Branch* found = nullptr;
  each_cookie(headers, sticky_, [&](std::string_view value) {
    for (const Branch& branch : branches_) {
      if (branch.weight != 0 && branch.mark == value) found = &branch;
      if (found != nullptr) return true;
    }
    return false;
  });
  return found;
}

const Split::Branch& Split::draw_by_weight(std::uint64_t draw) const {
  const std::uint64_t at = scale_draw(draw, weights_);
  const auto above = std::ranges::upper_bound(branches_, at, {}, &Branch::weight_below);
  // Of branches that begin at the same place only the last has a weight.
  return *std::prev(above);
}

SplitChoice Split::choose(std::span<const http::Header> headers, std::uint64_t draw) const {
  const auto place = [this](const Branch& branch) {
    return static_cast<std::size_t>(&branch - branches_.data());
  };
  if (const Branch* branch = find_by_value(headers)) return {place(*branch), {}};
  if (!sticky_.empty()) {
    if (const Branch* branch = find_sticky(headers)) return {place(*branch), {}};
  }
  const Branch& branch = draw_by_weight(draw);
  return {place(branch), branch.set_cookie};
}

}  // namespace finack::gateway
