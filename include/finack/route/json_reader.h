#pragma once
#include <array>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <type_traits>

namespace finack::route {

/// Why a body was not bound.
enum class BindProblem : std::uint8_t {
  malformed,  ///< No JSON text (RFC 8259).
  too_deep,   ///< Nested deeper than BindOptions::max_depth.
  duplicate_key,
  unknown_key,  ///< Only with BindOptions::refuse_unknown_keys.
  missing,      ///< A required member is absent.
  wrong_type,
  out_of_range,  ///< Does not fit the member's type, or a rule's min or max.
  wrong_length   ///< A rule's length.
};

/// The spelled enumerator.
std::string_view name(BindProblem);

/// Where and why, for the client: `pointer` is a JSON pointer (RFC 6901) to the value, "" the whole
/// text; `message` one sentence without it: "must be a string".
struct BindError {
  BindProblem problem = BindProblem::malformed;
  std::string pointer;
  std::string message;
};

struct BindOptions {
  bool refuse_unknown_keys = false;
  unsigned max_depth = 32;  ///< Nested arrays and objects.
};

/// A step on the way to a value: a key or an index. Lives on the stack; rendered only for errors.
struct JsonPath {
  const JsonPath* parent = nullptr;
  std::string_view key;
  std::size_t index = kKey;
  static constexpr std::size_t kKey = ~std::size_t{0};
  std::string pointer() const;
};

/// A value of a parsed text. Valid until the next parse on this thread.
class JsonValue {
 public:
  enum class Kind : std::uint8_t {
    null,
    boolean,
    integer,
    unsigned_integer,
    real,
    string,
    array,
    object
  };

  Kind kind() const;
  bool boolean() const;          ///< Kind::boolean.
  std::int64_t integer() const;  ///< Kind::integer.
  std::uint64_t unsigned_integer() const;
  double real() const;              ///< Any number kind.
  std::string_view string() const;  ///< Kind::string; decoded.

  /// Calls fn(key, value) for each member; false from fn stops.
  template <class Fn>
  void for_each_member(Fn&& fn) const {
    using F = std::remove_reference_t<Fn>;
    visit_members(&fn, [](void* f, std::string_view key, const JsonValue& v) {
      return (*static_cast<F*>(f))(key, v);
    });
  }
  /// Calls fn(value) for each element; false from fn stops.
  template <class Fn>
  void for_each_element(Fn&& fn) const {
    using F = std::remove_reference_t<Fn>;
    visit_elements(&fn, [](void* f, const JsonValue& v) { return (*static_cast<F*>(f))(v); });
  }

 private:
  friend struct JsonAccess;
  void visit_members(void* fn, bool (*call)(void*, std::string_view, const JsonValue&)) const;
  void visit_elements(void* fn, bool (*call)(void*, const JsonValue&)) const;
  std::array<std::uint64_t, 2> raw_{};
};

/// Parses and checks all of `text`: grammar, UTF-8, depth, duplicate keys on every level.
std::expected<JsonValue, BindError> parse_json(std::string_view text, const BindOptions& options);

}  // namespace finack::route
