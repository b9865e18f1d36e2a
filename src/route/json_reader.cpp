#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>
#include <vector>

#include "finack/route/bind.h"

namespace finack::route {

namespace dom = simdjson::dom;

static_assert(sizeof(dom::element) == sizeof(std::array<std::uint64_t, 2>));
static_assert(std::is_trivially_copyable_v<dom::element>);

/// The parser's element behind a JsonValue: the header stays free of the parser's.
struct JsonAccess {
  static dom::element element(const JsonValue& v) { return std::bit_cast<dom::element>(v.raw_); }
  static JsonValue value(dom::element e) {
    JsonValue v;
    v.raw_ = std::bit_cast<std::array<std::uint64_t, 2>>(e);
    return v;
  }
};

namespace {

// A parser that one large text grew is let go, so that it does not stay with an idle thread.
constexpr std::size_t kKeptCapacity = std::size_t{256} << 10;
constexpr std::size_t kCompareAllBelow = 8;

dom::element of(const JsonValue& v) { return JsonAccess::element(v); }

std::optional<std::string_view> repeated(std::vector<std::string_view>& keys, std::size_t from) {
  const auto begin = keys.begin() + static_cast<std::ptrdiff_t>(from);
  if (keys.size() - from < kCompareAllBelow) {
    for (auto a = begin; a != keys.end(); ++a) {
      if (std::find(a + 1, keys.end(), *a) != keys.end()) return *a;
    }
    return std::nullopt;
  }
  std::sort(begin, keys.end());
  const auto twice = std::adjacent_find(begin, keys.end());
  return twice == keys.end() ? std::nullopt : std::optional(*twice);
}

/// Depth and duplicate keys, of everything in the text. Its own depth is bounded by max_depth.
class Checker {
 public:
  Checker(const BindOptions& options) : options_(options) {}

  std::optional<BindError> check(const dom::element& value, const JsonPath* at, unsigned depth) {
    const bool object = value.is_object();
    if (!object && !value.is_array()) return std::nullopt;
    if (depth >= options_.max_depth) {
      return BindError{BindProblem::too_deep, at == nullptr ? "" : at->pointer(),
                       fmt::format("is nested deeper than {} levels", options_.max_depth)};
    }
    return object ? check_object(value, at, depth) : check_array(value, at, depth);
  }

 private:
  std::optional<BindError> check_array(const dom::element& value, const JsonPath* at,
                                       unsigned depth) {
    std::size_t i = 0;
    for (const dom::element item : dom::array(value)) {
      const JsonPath here{at, {}, i++};
      if (auto error = check(item, &here, depth + 1)) return error;
    }
    return std::nullopt;
  }
  std::optional<BindError> check_object(const dom::element& value, const JsonPath* at,
                                        unsigned depth) {
    const std::size_t from = keys_.size();
    for (const auto field : dom::object(value)) keys_.push_back(field.key);
    if (const auto key = repeated(keys_, from)) {
      const JsonPath here{at, *key};
      return BindError{BindProblem::duplicate_key, here.pointer(), "stands in its object twice"};
    }
    keys_.resize(from);
    for (const auto field : dom::object(value)) {
      const JsonPath here{at, field.key};
      if (auto error = check(field.value, &here, depth + 1)) return error;
    }
    return std::nullopt;
  }

  const BindOptions& options_;
  std::vector<std::string_view> keys_;
};

std::string_view reason(simdjson::error_code error) {
  switch (error) {
    case simdjson::EMPTY:
      return "is empty where JSON was expected";
    case simdjson::UTF8_ERROR:
      return "is not valid UTF-8";
    case simdjson::STRING_ERROR:
    case simdjson::UNCLOSED_STRING:
    case simdjson::UNESCAPED_CHARS:
      return "holds a malformed string";
    case simdjson::NUMBER_ERROR:
      return "holds a malformed or too large number";
    case simdjson::CAPACITY:
    case simdjson::MEMALLOC:
      return "is too large";
    default:
      return "is not valid JSON";
  }
}

}  // namespace

std::string_view name(BindProblem problem) {
  switch (problem) {
    case BindProblem::malformed:
      return "malformed";
    case BindProblem::too_deep:
      return "too_deep";
    case BindProblem::duplicate_key:
      return "duplicate_key";
    case BindProblem::unknown_key:
      return "unknown_key";
    case BindProblem::missing:
      return "missing";
    case BindProblem::wrong_type:
      return "wrong_type";
    case BindProblem::out_of_range:
      return "out_of_range";
    case BindProblem::wrong_length:
      return "wrong_length";
  }
  return "";
}

std::string JsonPath::pointer() const {
  std::string out = parent == nullptr ? "" : parent->pointer();
  out += '/';
  if (index != kKey) return out + std::to_string(index);
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

JsonValue::Kind JsonValue::kind() const {
  switch (of(*this).type()) {
    case dom::element_type::ARRAY:
      return Kind::array;
    case dom::element_type::OBJECT:
      return Kind::object;
    case dom::element_type::INT64:
      return Kind::integer;
    case dom::element_type::UINT64:
      return Kind::unsigned_integer;
    case dom::element_type::DOUBLE:
      return Kind::real;
    case dom::element_type::STRING:
      return Kind::string;
    case dom::element_type::BOOL:
      return Kind::boolean;
    case dom::element_type::NULL_VALUE:
      break;
  }
  return Kind::null;
}

bool JsonValue::boolean() const { return of(*this).get_bool().value_unsafe(); }
std::int64_t JsonValue::integer() const { return of(*this).get_int64().value_unsafe(); }
std::uint64_t JsonValue::unsigned_integer() const { return of(*this).get_uint64().value_unsafe(); }
double JsonValue::real() const { return of(*this).get_double().value_unsafe(); }
std::string_view JsonValue::string() const { return of(*this).get_string().value_unsafe(); }

void JsonValue::visit_members(void* fn,
                              bool (*call)(void*, std::string_view, const JsonValue&)) const {
  for (const auto field : dom::object(of(*this))) {
    if (!call(fn, field.key, JsonAccess::value(field.value))) return;
  }
}

void JsonValue::visit_elements(void* fn, bool (*call)(void*, const JsonValue&)) const {
  for (const dom::element item : dom::array(of(*this))) {
    if (!call(fn, JsonAccess::value(item))) return;
  }
}

namespace detail {

std::string Binder::range_text(double least, double most) {
  if (std::isinf(most)) return fmt::format("must be at least {}", least);
  if (std::isinf(least)) return fmt::format("must be at most {}", most);
  return fmt::format("must be between {} and {}", least, most);
}

std::string Binder::length_text(std::size_t shortest, std::size_t longest) {
  if (longest == std::numeric_limits<std::size_t>::max()) {
    return fmt::format("must have a length of at least {}", shortest);
  }
  return fmt::format("must have a length of {} to {}", shortest, longest);
}

}  // namespace detail

std::expected<JsonValue, BindError> parse_json(std::string_view text, const BindOptions& options) {
  thread_local std::optional<dom::parser> parser;
  if (!parser || parser->capacity() > kKeptCapacity) parser.emplace();
  dom::element root;
  const auto error = parser->parse(text.data(), text.size()).get(root);
  if (error != simdjson::SUCCESS) {
    if (error == simdjson::DEPTH_ERROR) {
      return std::unexpected(BindError{BindProblem::too_deep, "", "is nested too deep"});
    }
    return std::unexpected(BindError{BindProblem::malformed, "", std::string(reason(error))});
  }
  if (auto found = Checker(options).check(root, nullptr, 0)) {
    return std::unexpected(std::move(*found));
  }
  return JsonAccess::value(root);
}

}  // namespace finack::route
