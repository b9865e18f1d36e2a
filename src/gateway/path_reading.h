#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// Servers disagree about what some paths mean. A gateway that reads /open/..%2Fsecret one way while
// the server behind it reads it another way guards the wrong door. So a path is read in every way
// that servers are known to; router.h compares where the readings lead.

namespace finack::gateway {

/// Why a path is refused with 400. The first four hold for any table of routes.
enum class PathFault : std::uint8_t {
  none,
  bad_escape,   ///< '%' without two hex digits behind it.
  nul_byte,     ///< %00
  above_root,   ///< More ".." than segments before them.
  hidden_dots,  ///< "." or ".." that only some servers see: "..%2Fx", "..;x".
  ambiguous     ///< Its readings lead to different routes.
};
std::string_view name(PathFault fault);

/// What servers disagree about, as a set of bits.
using Reading = std::uint8_t;
inline constexpr Reading kLiteral = 0;
inline constexpr Reading kResolveDots = 1;     ///< "." and ".." segments (RFC 3986 5.2.4).
inline constexpr Reading kMergeSlashes = 2;    ///< "//" is "/".
inline constexpr Reading kDecodeSlashes = 4;   ///< %2F and %5C are '/'.
inline constexpr Reading kDropParameters = 8;  ///< ";x" at a segment's end is no part of it.
/// The reading that is sent when a route rewrites the path.
inline constexpr Reading kNormal = kResolveDots | kMergeSlashes;

/// Whether the path, which begins with '/', has only one reading and is that reading: no escape, no
/// ';', no "//", no segment that begins with '.'. Nearly all are.
bool is_plain(std::string_view path);

/// What is in dispute about a path.
struct PathSurvey {
  PathFault fault = PathFault::none;
  Reading disputed = kLiteral;
};

/// Looks at a path that begins with '/'. `storage` is overwritten.
PathSurvey survey_path(std::string_view path, std::string& storage);

/// Reads a path that begins with '/' into `out`: escapes of unreserved characters are decoded, the
/// others have upper-case digits (RFC 3986 6.2.2), and what `reading` says is done. The result
/// begins with '/' and is never longer than `path`. Only bad_escape, nul_byte and above_root.
PathFault read_path(std::string_view path, Reading reading, std::string& out);

}  // namespace finack::gateway
