#include "sinks/text.h"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <iterator>

#include "finack/sinks/record_lines.h"

namespace finack::sinks {
namespace {

constexpr char kHex[] = "0123456789abcdef";

void two_digits(char* to, unsigned value) {
  to[0] = static_cast<char>('0' + value / 10);
  to[1] = static_cast<char>('0' + value % 10);
}

/// Date and time to the second, computed once a second: records of one second share it.
struct SecondText {
  std::int64_t second = INT64_MIN;
  char text[20];  // 2026-01-31T08:15:02.
};

void render_second(SecondText& cache, std::int64_t second) {
  using std::chrono::days;
  const std::chrono::sys_seconds at{std::chrono::seconds(second)};
  const auto day = std::chrono::floor<days>(at);
  const std::chrono::year_month_day date{day};
  const auto of_day = static_cast<unsigned>((at - day).count());
  const auto year = static_cast<unsigned>(std::clamp(int{date.year()}, 0, 9999));
  char* to = cache.text;
  two_digits(to, year / 100);
  two_digits(to + 2, year % 100);
  to[4] = '-';
  two_digits(to + 5, unsigned{date.month()});
  to[7] = '-';
  two_digits(to + 8, unsigned{date.day()});
  to[10] = 'T';
  two_digits(to + 11, of_day / 3600);
  to[13] = ':';
  two_digits(to + 14, of_day / 60 % 60);
  to[16] = ':';
  two_digits(to + 17, of_day % 60);
  to[19] = '.';
  cache.second = second;
}

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

char32_t decode(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first;
  char32_t value = first & (0x7Fu >> sequence.size());
  for (char c : sequence.substr(1)) value = (value << 6) | (static_cast<unsigned char>(c) & 0x3Fu);
  return value;
}

void append_escape(std::string& out, unsigned char byte) {
  const char text[] = {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
  out.append(text, sizeof text);
}

/// Characters that move the cursor, hide text or turn its direction.
bool commands_terminal(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF;
}

}  // namespace

void append_number(std::string& out, std::uint64_t value) {
  const fmt::format_int digits(value);
  out.append(digits.data(), digits.size());
}

void append_grouped(std::string& out, std::uint64_t value) {
  const fmt::format_int digits(value);
  const std::string_view text(digits.data(), digits.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i != 0 && (text.size() - i) % 3 == 0) out += ' ';
    out += text[i];
  }
}

void append_rfc3339(std::string& out, WallTime time) {
  thread_local SecondText cache;
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  const std::int64_t count = second.time_since_epoch().count();
  if (cache.second != count) render_second(cache, count);
  out.append(cache.text, sizeof cache.text);
  auto micros = static_cast<unsigned>((time - second).count() / 1000);
  char digits[7];
  two_digits(digits + 4, micros % 100);
  micros /= 100;
  two_digits(digits + 2, micros % 100);
  two_digits(digits, micros / 100);
  digits[6] = 'Z';
  out.append(digits, sizeof digits);
}

void append_time_of_day(std::string& out, WallTime time, bool utc) {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  const std::time_t at = second.time_since_epoch().count();
  std::tm parts{};
  if (utc) {
    ::gmtime_r(&at, &parts);
  } else {
    ::localtime_r(&at, &parts);
  }
  fmt::format_to(std::back_inserter(out), "{:02}:{:02}:{:02}.{:03}", parts.tm_hour, parts.tm_min,
                 parts.tm_sec, (time - second).count() / 1'000'000);
}

std::size_t utf8_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  if (!std::all_of(text.begin() + 1, text.begin() + static_cast<std::ptrdiff_t>(length),
                   continues)) {
    return 0;
  }
  const char32_t value = decode(text.substr(0, length));
  if (length == 3 && (value < 0x800 || (value >= 0xD800 && value <= 0xDFFF))) return 0;
  if (length == 4 && (value < 0x10000 || value > 0x10FFFF)) return 0;
  return length;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t plain = 0;  // Start of the run that needs no escape.
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\') {
      ++i;
      continue;
    }
    const std::size_t length = byte >= 0x80 ? utf8_length(text.substr(i)) : 0;
    if (length != 0) {
      i += length;
      continue;
    }
    out.append(text, plain, i - plain);
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += static_cast<char>(byte);
    } else {
      append_escape(out, byte);
    }
    plain = ++i;
  }
  out.append(text, plain);
  out += '"';
}

void append_safe_text(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(text[0]));
    } else if (const char32_t c = decode(text.substr(0, length)); !commands_terminal(c)) {
      out.append(text, 0, length);
    } else if (c < 0x100) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned>(c));
    } else {
      fmt::format_to(std::back_inserter(out), "\\u{{{:x}}}", static_cast<unsigned>(c));
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
}

void append_duration_setting(std::string& out, std::uint64_t ns) {
  struct Unit {
    std::uint64_t size;
    const char* name;
  };
  constexpr Unit kUnits[] = {
      {3'600'000'000'000, "h"}, {1'000'000'000, "s"}, {1'000'000, "ms"}, {1'000, "us"}, {1, "ns"}};
  const Unit* unit = kUnits;
  while (ns % unit->size != 0) ++unit;
  if (ns == 0) unit = kUnits + 1;
  append_number(out, ns / unit->size);
  out += unit->name;
}

void append_duration(std::string& out, Nanos duration) {
  const double us = static_cast<double>(std::max<std::int64_t>(duration.count(), 0)) / 1e3;
  auto to = std::back_inserter(out);
  if (us < 999.5) {
    fmt::format_to(to, "{:.0f} µs", us);
  } else if (us < 99'950) {
    fmt::format_to(to, "{:.1f} ms", us / 1e3);
  } else if (us < 999'500) {
    fmt::format_to(to, "{:.0f} ms", us / 1e3);
  } else if (us < 99'950'000) {
    fmt::format_to(to, "{:.1f} s", us / 1e6);
  } else {
    const auto seconds = static_cast<std::uint64_t>(std::llround(us / 1e6));
    if (seconds < 3600) {
      fmt::format_to(to, "{} min {} s", seconds / 60, seconds % 60);
    } else {
      fmt::format_to(to, "{} h {} min", seconds / 3600, seconds / 60 % 60);
    }
  }
}

bool is_timer(const record::Evidence& evidence) {
  if (evidence.setting == nullptr) return false;
  const std::string_view name = evidence.setting;
  return name.starts_with("timeout") || name.ends_with(".timeout") || name == "linger" ||
         name == "tcp-user-timeout" || name == "tcp-keepalive" || name == "drain-delay";
}

void append_setting(std::string& out, const record::Evidence& evidence) {
  if (evidence.setting_of != nullptr) out += evidence.setting_of;
  out += evidence.setting;
  if (evidence.setting_value == record::kUnknownCount) return;
  out += " = ";
  if (is_timer(evidence)) {
    append_duration_setting(out, evidence.setting_value);
  } else {
    append_number(out, evidence.setting_value);
  }
}

void append_errno(std::string& out, int error) {
  if (const char* name = ::strerrorname_np(error)) {
    out += name;
  } else {
    fmt::format_to(std::back_inserter(out), "errno {}", error);
  }
}

std::string_view redacted(std::string_view target, std::string& storage) {
  const std::size_t query = target.find('?');
  if (query == std::string_view::npos) return target;
  storage.assign(target.substr(0, query));
  storage += kRedactedQuery;
  return storage;
}

}  // namespace finack::sinks
