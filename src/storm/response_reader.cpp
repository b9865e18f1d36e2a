#include "storm/response_reader.h"

#include <algorithm>
#include <charconv>

namespace finack::storm {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::size_t kStatusAt = 9;  // behind "HTTP/1.1 "
constexpr std::size_t kMostHead = std::size_t{64} * 1024;

std::optional<std::uint64_t> number(std::string_view digits) {
  std::uint64_t value = 0;
  const char* const begin = digits.data();
  const char* const end = begin + digits.size();
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view name, std::string_view lower_name) {
  return std::ranges::equal(name, lower_name, {}, lower);
}

/// The value of Content-Length, 0 without one, nullopt where it is no number.
std::optional<std::uint64_t> length_of(std::string_view head) {
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;) {
    head.remove_prefix(at + 2);
    at = head.find("\r\n");
    const std::string_view line = head.substr(0, at);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !same_name(line.substr(0, colon), "content-length")) {
      continue;
    }
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    return number(value);
  }
  return 0;
}

}  // namespace

void ResponseReader::feed(std::string_view bytes) {
  while (!bytes.empty() && !broken_) {
    if (in_body_) {
      const std::size_t taken = std::min<std::uint64_t>(body_left_, bytes.size());
      body_left_ -= taken;
      bytes.remove_prefix(taken);
    } else {
      const std::size_t before = head_.size();
      head_ += bytes;
      const std::size_t end = head_.find(kHeadEnd);
      if (end == std::string::npos) {
        broken_ = head_.size() > kMostHead;
        return;
      }
      bytes.remove_prefix(end + kHeadEnd.size() - before);
      end_head(std::string_view(head_).substr(0, end));
      head_.clear();
    }
    if (in_body_ && body_left_ == 0) {
      whole_.push_back(status_);
      in_body_ = false;
    }
  }
}

void ResponseReader::end_head(std::string_view head) {
  const bool long_enough = head.starts_with("HTTP/1.") && head.size() >= kStatusAt + 3;
  const auto status = long_enough ? number(head.substr(kStatusAt, 3)) : std::nullopt;
  const auto length = length_of(head);
  if (!status || !length || *status < 100 || *status > 999) {
    broken_ = true;
    return;
  }
  status_ = static_cast<int>(*status);
  body_left_ = *length;
  in_body_ = status_ >= 200;
}

std::optional<int> ResponseReader::take() {
  if (whole_.empty()) return std::nullopt;
  const int status = whole_.front();
  whole_.pop_front();
  return status;
}

}  // namespace finack::storm
