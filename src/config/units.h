#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "finack/base/clock.h"

namespace finack::config {

/// "10s", "250ms", "1h30m", "2d": whole numbers with d h m s ms us ns, largest unit first, each
/// unit at most once; a plain number counts seconds. nullopt: not of that form, or beyond 292
/// years.
std::optional<Nanos> parse_duration(std::string_view text);
/// Exact, in the largest unit that divides it: "75s", "90m", "30d", "0"; of one day and one minute
/// it makes "24h" and "60s". Parses back alike.
std::string format_duration(Nanos duration);

/// "512", "512B", "32KiB" (1024), "32kB" (1000); also MiB MB GiB GB TiB TB. Nothing else: "1k" is
/// ambiguous and refused. nullopt: not of that form, or beyond 64 bits.
std::optional<std::uint64_t> parse_bytes(std::string_view text);
/// Exact, in the largest binary unit that divides: "32KiB", "1000B", "0".
std::string format_bytes(std::uint64_t bytes);

/// Bytes a second: as parse_bytes, with or without "/s".
std::optional<std::uint64_t> parse_rate(std::string_view text);
std::string format_rate(std::uint64_t bytes_per_second);

/// Decimal digits only. nullopt: anything else, or beyond 64 bits.
std::optional<std::uint64_t> parse_count(std::string_view text);

/// true, yes, on, 1 and false, no, off, 0.
std::optional<bool> parse_bool(std::string_view text);

/// Whether the text is UTF-8 without control characters: what a text setting may hold, so that it
/// prints on one line and reads back from a YAML file unchanged.
bool is_printable_utf8(std::string_view text);

}  // namespace finack::config
