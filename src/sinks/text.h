#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "finack/base/clock.h"
#include "finack/record/ending.h"

// Appending text to a buffer that is reused: no allocation once it has grown.

namespace finack::sinks {

void append_number(std::string& out, std::uint64_t value);
/// Groups of three digits, parted by a space: 12 340.
void append_grouped(std::string& out, std::uint64_t value);

/// RFC 3339 in UTC with microseconds: 2026-01-31T08:15:02.123456Z. Years 0 to 9999.
void append_rfc3339(std::string& out, WallTime time);
/// Time of day with milliseconds: 08:15:02.123.
void append_time_of_day(std::string& out, WallTime time, bool utc);

/// The length of the UTF-8 sequence that `text` starts with, 0 when it is not valid: overlong
/// forms, surrogates and values over U+10FFFF are not.
std::size_t utf8_length(std::string_view text);

/// As a JSON string with its quotes. Bytes that are no UTF-8 become \u00XX one by one, so that the
/// line stays valid JSON whatever a peer sent.
void append_json_string(std::string& out, std::string_view text);
/// As text for a terminal: control characters, C1 and direction overrides included, become \xNN or
/// \u{NNNN}; nothing a peer sends can command the terminal or fake a line.
void append_safe_text(std::string& out, std::string_view text);

/// A whole number of the largest unit that is exact: 10s, 1500ms, 1h; as the configuration reads
/// it.
void append_duration_setting(std::string& out, std::uint64_t nanoseconds);
/// For people: 850 µs, 12.3 ms, 1.2 s, 2 min 5 s.
void append_duration(std::string& out, Nanos duration);

/// "timeout-head = 10s" or "max-body-bytes = 1024"; only the name where the value is not known.
void append_setting(std::string& out, const record::Evidence& evidence);
/// Whether the evidence's setting is a time (its value is nanoseconds).
bool is_timer(const record::Evidence& evidence);

/// "ECONNRESET"; "errno 512" where the C library has no name.
void append_errno(std::string& out, int error);

/// The target with its query replaced by kRedactedQuery; unchanged where it has none.
std::string_view redacted(std::string_view target, std::string& storage);

}  // namespace finack::sinks
