#include "config/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <iterator>
#include <limits>

namespace finack::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t size;
};

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr Unit kTimeUnits[] = {{"d", 86'400 * kSecond},
                               {"h", 3'600 * kSecond},
                               {"m", 60 * kSecond},
                               {"s", kSecond},
                               {"ms", 1'000'000},
                               {"us", 1'000},
                               {"ns", 1}};
constexpr Unit kByteUnits[] = {{"TiB", 1ULL << 40},
                               {"GiB", 1ULL << 30},
                               {"MiB", 1ULL << 20},
                               {"KiB", 1ULL << 10},
                               {"TB", 1'000'000'000'000},
                               {"GB", 1'000'000'000},
                               {"MB", 1'000'000},
                               {"kB", 1'000},
                               {"B", 1}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes the leading digits off `text`; nullopt when there are none or they overflow.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

/// a * b + c within [0, limit]; nullopt beyond.
std::optional<std::uint64_t> scaled(std::uint64_t a, std::uint64_t b, std::uint64_t c,
                                    std::uint64_t limit) {
  std::uint64_t product = 0;
  std::uint64_t sum = 0;
  if (__builtin_mul_overflow(a, b, &product) || __builtin_add_overflow(product, c, &sum)) {
    return std::nullopt;
  }
  if (sum > limit) return std::nullopt;
  return sum;
}

constexpr std::uint64_t kMaxNanos = std::numeric_limits<Nanos::rep>::max();

/// Length of the UTF-8 sequence at the front of `text`, 0 when it is malformed (RFC 3629 section
/// 4).
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  const bool surrogate = lead == 0xED && second > 0x9F;
  const bool beyond = lead == 0xF4 && second > 0x8F;
  // C1 controls and the byte order mark would not survive a YAML reader.
  const bool c1_control = lead == 0xC2 && second < 0xA0;
  const bool mark = lead == 0xEF && second == 0xBB && byte(2) == 0xBF;
  return overlong || surrogate || beyond || c1_control || mark ? 0 : length;
}

}  // namespace

std::optional<Nanos> parse_duration(std::string_view text) {
  std::uint64_t total = 0;
  std::size_t next_unit = 0;
  bool first = true;
  while (first || !text.empty()) {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    if (first && text.empty()) {
      const auto seconds = scaled(*number, kSecond, 0, kMaxNanos);
      if (!seconds) return std::nullopt;
      return Nanos(static_cast<Nanos::rep>(*seconds));
    }
    std::size_t letters = 0;
    while (letters < text.size() && !is_digit(text[letters])) ++letters;
    const std::string_view name = text.substr(0, letters);
    while (next_unit < std::size(kTimeUnits) && kTimeUnits[next_unit].name != name) ++next_unit;
    if (next_unit == std::size(kTimeUnits)) return std::nullopt;
    const auto sum = scaled(*number, kTimeUnits[next_unit].size, total, kMaxNanos);
    if (!sum) return std::nullopt;
    total = *sum;
    ++next_unit;
    text.remove_prefix(letters);
    first = false;
  }
  return Nanos(static_cast<Nanos::rep>(total));
}

std::string format_duration(Nanos duration) {
  const auto nanos = static_cast<std::uint64_t>(duration.count());
  if (nanos == 0) return "0";
  for (const Unit& unit : kTimeUnits) {
    // One day and one minute read better as 24h and 60s; so do odd multiples such as 75s.
    const bool large = unit.name == "d" || unit.name == "m";
    if (nanos % unit.size == 0 && (!large || nanos / unit.size > 1)) {
      return fmt::format("{}{}", nanos / unit.size, unit.name);
    }
  }
  return fmt::format("{}ns", nanos);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  const auto number = take_number(text);
  if (!number) return std::nullopt;
  if (text.empty()) return number;
  for (const Unit& unit : kByteUnits) {
    if (unit.name == text) {
      return scaled(*number, unit.size, 0, std::numeric_limits<std::uint64_t>::max());
    }
  }
  return std::nullopt;
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes == 0) return "0";
  for (const Unit& unit : kByteUnits) {
    if (unit.name.find('i') != std::string_view::npos && bytes % unit.size == 0) {
      return fmt::format("{}{}", bytes / unit.size, unit.name);
    }
  }
  return fmt::format("{}B", bytes);
}

std::optional<std::uint64_t> parse_rate(std::string_view text) {
  if (text.ends_with("/s")) text.remove_suffix(2);
  return parse_bytes(text);
}

std::string format_rate(std::uint64_t bytes_per_second) {
  return bytes_per_second == 0 ? "0" : format_bytes(bytes_per_second) + "/s";
}

std::optional<std::uint64_t> parse_count(std::string_view text) {
  const auto number = take_number(text);
  return number && text.empty() ? number : std::nullopt;
}

std::optional<bool> parse_bool(std::string_view text) {
  for (const std::string_view word : {"true", "yes", "on", "1"}) {
    if (text == word) return true;
  }
  for (const std::string_view word : {"false", "no", "off", "0"}) {
    if (text == word) return false;
  }
  return std::nullopt;
}

bool is_printable_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t length = sequence_length(text);
    if (length == 0 || lead < 0x20 || lead == 0x7F) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace finack::config
