#include "gateway/path_reading.h"

#include <array>

#include "http/scan.h"

namespace finack::gateway {
namespace {

namespace scan = http::scan;

/// RFC 3986 2.3
constexpr bool is_unreserved(unsigned char c) {
  return scan::is_alpha(c) || scan::is_digit(c) || scan::is_one_of(c, "-._~");
}

/// Bytes after which a closer look is due.
struct Doubtful {
  static constexpr bool accepts(unsigned char c) { return scan::is_one_of(c, "%;/"); }
};

constexpr char upper_hex(char c) { return c >= 'a' ? static_cast<char>(c - 0x20) : c; }

/// Copies with escapes made uniform.
PathFault decode(std::string_view path, bool slashes, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      out.push_back(path[i]);
      continue;
    }
    if (path.size() - i < 3) return PathFault::bad_escape;
    const int high = scan::hex_value(static_cast<unsigned char>(path[i + 1]));
    const int low = scan::hex_value(static_cast<unsigned char>(path[i + 2]));
    if (high < 0 || low < 0) return PathFault::bad_escape;
    const auto c = static_cast<unsigned char>(high << 4 | low);
    if (c == 0) return PathFault::nul_byte;
    if (is_unreserved(c)) {
      out.push_back(static_cast<char>(c));
    } else if (slashes && (c == '/' || c == '\\')) {
      out.push_back('/');
    } else {
      out.push_back('%');
      out.push_back(upper_hex(path[i + 1]));
      out.push_back(upper_hex(path[i + 2]));
    }
    i += 2;
  }
  return PathFault::none;
}

bool is_dots(std::string_view segment) { return segment == "." || segment == ".."; }

std::string_view without_parameters(std::string_view segment) {
  return segment.substr(0, segment.find(';'));
}

/// How many segments are dots.
std::size_t count_dots(std::string_view path, bool drop_parameters) {
  std::size_t count = 0;
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    std::string_view segment = path.substr(begin, end - begin);
    if (drop_parameters) segment = without_parameters(segment);
    count += is_dots(segment) ? 1 : 0;
    begin = end + 1;
  }
  return count;
}

/// Writes a path's segments to its own front.
class Compactor {
 public:
  explicit Compactor(std::string& text) : text_(text) {}

  void put(std::string_view segment) {
    text_[size_++] = '/';
    // Never in front of what was read: a segment and its slash take no more room than they had.
    for (const char c : segment) text_[size_++] = c;
  }
  /// False: there is none to drop.
  bool drop_last() {
    if (size_ == 0) return false;
    size_ = text_.rfind('/', size_ - 1);
    return true;
  }
  void end() { text_.resize(size_); }

 private:
  std::string& text_;
  std::size_t size_ = 0;
};

}  // namespace

std::string_view name(PathFault fault) {
  constexpr std::array<std::string_view, 6> kNames = {"none",       "bad_escape",  "nul_byte",
                                                      "above_root", "hidden_dots", "ambiguous"};
  return kNames[static_cast<std::size_t>(fault)];
}

bool is_plain(std::string_view path) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (!scan::accepts<Doubtful>(path[i])) continue;
    if (path[i] != '/') return false;
    if (i + 1 < path.size() && (path[i + 1] == '/' || path[i + 1] == '.')) return false;
  }
  return true;
}

PathSurvey survey_path(std::string_view path, std::string& storage) {
  PathSurvey survey;
  survey.fault = decode(path, false, storage);
  if (survey.fault != PathFault::none) return survey;
  const std::size_t dots = count_dots(storage, false);
  if (dots != 0) survey.disputed |= kResolveDots;
  if (storage.find("//") != std::string::npos) survey.disputed |= kMergeSlashes;
  const bool escaped =
      storage.find("%2F") != std::string::npos || storage.find("%5C") != std::string::npos;
  const bool parameters = storage.find(';') != std::string::npos;
  if (!escaped && !parameters) return survey;
  // Segments that are empty in one of these readings only can be merged in it.
  survey.disputed |= kMergeSlashes;
  if (escaped) survey.disputed |= kDecodeSlashes;
  if (parameters) survey.disputed |= kDropParameters;
  survey.fault = decode(path, escaped, storage);
  if (count_dots(storage, parameters) != dots) survey.fault = PathFault::hidden_dots;
  return survey;
}

PathFault read_path(std::string_view path, Reading reading, std::string& out) {
  if (const auto fault = decode(path, (reading & kDecodeSlashes) != 0, out);
      fault != PathFault::none || (reading & ~kDecodeSlashes) == 0) {
    return fault;
  }
  Compactor compactor(out);
  const std::string_view text = out;
  for (std::size_t begin = 1, end = 0; begin <= text.size(); begin = end + 1) {
    end = std::min(text.find('/', begin), text.size());
    const bool last = end == text.size();
    std::string_view segment = text.substr(begin, end - begin);
    if ((reading & kDropParameters) != 0) segment = without_parameters(segment);
    const bool dots = (reading & kResolveDots) != 0 && is_dots(segment);
    if (dots) {
      if (segment.size() == 2 && !compactor.drop_last()) return PathFault::above_root;
      if (last) compactor.put({});
    } else if (last || !segment.empty() || (reading & kMergeSlashes) == 0) {
      compactor.put(segment);
    }
  }
  compactor.end();
  return PathFault::none;
}

}  // namespace finack::gateway
