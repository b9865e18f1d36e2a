#pragma once
#include <array>
#include <boost/describe.hpp>
#include <boost/mp11.hpp>
#include <concepts>
#include <cstdint>
#include <expected>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "finack/route/bind_rules.h"
#include "finack/route/context.h"
#include "finack/route/json_reader.h"

namespace finack::route {

namespace detail {

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsMap : std::false_type {};
template <class T>
struct IsMap<std::map<std::string, T>> : std::true_type {};

/// Binds one text: walks value and type together; the first error wins.
class Binder {
 public:
  explicit Binder(const BindOptions& options) : options_(options) {}

  template <class T>
  bool bind(const JsonValue& v, T& out, const JsonPath* at) {
    using Kind = JsonValue::Kind;
    if constexpr (std::is_same_v<T, bool>) {
      if (v.kind() != Kind::boolean) return wrong_type(at, "must be true or false");
      out = v.boolean();
      return true;
    } else if constexpr (std::is_integral_v<T>) {
      return bind_integer(v, out, at);
    } else if constexpr (std::is_floating_point_v<T>) {
      return bind_real(v, out, at);
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (v.kind() != Kind::string) return wrong_type(at, "must be a string");
      out = v.string();
      return true;
    } else if constexpr (IsOptional<T>::value) {
      if (v.kind() == Kind::null) return out.reset(), true;
      return bind(v, out.emplace(), at);
    } else if constexpr (IsVector<T>::value) {
      return bind_array(v, out, at);
    } else if constexpr (IsMap<T>::value) {
      return bind_map(v, out, at);
    } else if constexpr (std::is_enum_v<T>) {
      return bind_enum(v, out, at);
    } else {
      static_assert(boost::describe::has_describe_members<T>::value,
                    "describe the struct with BOOST_DESCRIBE_STRUCT to bind it");
      return bind_struct(v, out, at);
    }
  }
  BindError& error() { return error_; }

 private:
  bool fail(BindProblem problem, const JsonPath* at, std::string message) {
    error_ = {problem, at == nullptr ? std::string() : at->pointer(), std::move(message)};
    return false;
  }
  bool wrong_type(const JsonPath* at, const char* message) {
    return fail(BindProblem::wrong_type, at, message);
  }

  template <class T>
  bool bind_integer(const JsonValue& v, T& out, const JsonPath* at) {
    if (v.kind() == JsonValue::Kind::integer && std::in_range<T>(v.integer())) {
      out = static_cast<T>(v.integer());
      return true;
    }
    if (v.kind() == JsonValue::Kind::unsigned_integer && std::in_range<T>(v.unsigned_integer())) {
      out = static_cast<T>(v.unsigned_integer());
      return true;
    }
    if (v.kind() != JsonValue::Kind::integer && v.kind() != JsonValue::Kind::unsigned_integer) {
      return wrong_type(at, "must be a whole number");
    }
    return fail(BindProblem::out_of_range, at,
                "must be between " + std::to_string(std::numeric_limits<T>::min()) + " and " +
                    std::to_string(std::numeric_limits<T>::max()));
  }
  template <class T>
  bool bind_real(const JsonValue& v, T& out, const JsonPath* at) {
    using Kind = JsonValue::Kind;
    const Kind kind = v.kind();
    if (kind != Kind::integer && kind != Kind::unsigned_integer && kind != Kind::real) {
      return wrong_type(at, "must be a number");
    }
    const double number = v.real();
    if (number > std::numeric_limits<T>::max() || number < std::numeric_limits<T>::lowest()) {
      return fail(BindProblem::out_of_range, at, "does not fit a single precision number");
    }
    out = static_cast<T>(number);
    return true;
  }
  template <class T>
  bool bind_array(const JsonValue& v, std::vector<T>& out, const JsonPath* at) {
    if (v.kind() != JsonValue::Kind::array) return wrong_type(at, "must be an array");
    bool fine = true;
    std::size_t i = 0;
    v.for_each_element([&](const JsonValue& item) {
      const JsonPath here{at, {}, i++};
      T element{};
      if ((fine = bind(item, element, &here))) out.push_back(std::move(element));
      return fine;
    });
    return fine;
  }
  template <class T>
  bool bind_map(const JsonValue& v, std::map<std::string, T>& out, const JsonPath* at) {
    if (v.kind() != JsonValue::Kind::object) return wrong_type(at, "must be an object");
    bool fine = true;
    v.for_each_member([&](std::string_view key, const JsonValue& item) {
      const JsonPath here{at, key};
      return fine = bind(item, out[std::string(key)], &here);
    });
    return fine;
  }
  template <class T>
  bool bind_enum(const JsonValue& v, T& out, const JsonPath* at) {
    if (v.kind() != JsonValue::Kind::string) return wrong_type(at, "must be a string");
    bool found = false;
    std::string words;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto d) {
      if (v.string() == d.name) out = d.value, found = true;
      words.append(words.empty() ? "" : ", ").append(d.name);
    });
    return found || fail(BindProblem::out_of_range, at, "must be one of: " + words);
  }

  template <class T>
  bool bind_struct(const JsonValue& v, T& out, const JsonPath* at) {
    if (v.kind() != JsonValue::Kind::object) return wrong_type(at, "must be an object");
    using Members = boost::describe::describe_members<T, boost::describe::mod_public |
                                                             boost::describe::mod_inherited>;
    std::array<bool, boost::mp11::mp_size<Members>::value + 1> seen{};
    bool fine = true;
    v.for_each_member([&](std::string_view key, const JsonValue& item) {
      const JsonPath here{at, key};
      bool known = false;
      std::size_t i = 0;
      boost::mp11::mp_for_each<Members>([&](auto d) {
        if (!known && key == d.name) {
          known = seen[i] = true;
          auto& member = out.*d.pointer;
          fine = bind(item, member, &here) && within(Rules<T>::list, d.pointer, member, &here);
        }
        ++i;
      });
      if (!known && options_.refuse_unknown_keys) {
        fine = fail(BindProblem::unknown_key, &here, "is not a known member");
      }
      return fine;
    });
    return fine && all_there<T, Members>(seen, at);
  }
  template <class T, class Members, class Seen>
  bool all_there(const Seen& seen, const JsonPath* at) {
    bool fine = true;
    std::size_t i = 0;
    boost::mp11::mp_for_each<Members>([&](auto d) {
      using Member = std::remove_reference_t<decltype(std::declval<T&>().*d.pointer)>;
      const bool required = !IsOptional<Member>::value && !may_be_absent<T>(d.pointer);
      if (fine && !seen[i++] && required) {
        const JsonPath here{at, d.name};
        fine = fail(BindProblem::missing, &here, "is required");
      }
    });
    return fine;
  }

  template <class T, class Pointer>
  static bool may_be_absent(Pointer pointer) {
    bool absent = false;
    std::apply(
        [&](const auto&... rule) { ((absent |= same(rule, pointer) && rule.may_be_absent), ...); },
        Rules<T>::list);
    return absent;
  }
  template <class Rule, class Pointer>
  static bool same(const Rule& rule, Pointer pointer) {
    if constexpr (std::is_same_v<decltype(Rule::member), Pointer>) return rule.member == pointer;
    return false;
  }
  template <class List, class Pointer, class Member>
  bool within(const List& rules, Pointer pointer, const Member& member, const JsonPath* at) {
    return std::apply(
        [&](const auto&... rule) {
          return ((!same(rule, pointer) || obeys(rule, member, at)) && ...);
        },
        rules);
  }
  template <class Rule, class Member>
  bool obeys(const Rule& rule, const Member& member, const JsonPath* at) {
    if constexpr (IsOptional<Member>::value) {
      return !member || obeys(rule, *member, at);
    } else if constexpr (std::is_arithmetic_v<Member>) {
      const auto number = static_cast<double>(member);
      return (number >= rule.least && number <= rule.most) ||
             fail(BindProblem::out_of_range, at, range_text(rule.least, rule.most));
    } else if constexpr (requires { member.size(); }) {
      return (member.size() >= rule.shortest && member.size() <= rule.longest) ||
             fail(BindProblem::wrong_length, at, length_text(rule.shortest, rule.longest));
    } else {
      return true;
    }
  }
  static std::string range_text(double least, double most);
  static std::string length_text(std::size_t shortest, std::size_t longest);

  const BindOptions& options_;
  BindError error_;
};

}  // namespace detail

/// Reads `text` into a described struct (or vector, map of string, scalar). Numbers are
/// range-checked, duplicate keys refused, depth limited. Members must be present unless optional.
template <class T>
std::expected<T, BindError> bind_json(std::string_view text, const BindOptions& options = {}) {
  const auto value = parse_json(text, options);
  if (!value) return std::unexpected(value.error());
  detail::Binder binder(options);
  T out{};
  if (!binder.bind(*value, out, nullptr)) return std::unexpected(std::move(binder.error()));
  return out;
}

/// The same from the request's body.
template <class T>
std::expected<T, BindError> Context::bind_json(const BindOptions& options) const {
  return route::bind_json<T>(body(), options);
}

}  // namespace finack::route
