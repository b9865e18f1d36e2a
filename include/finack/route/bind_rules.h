#pragma once
#include <cstddef>
#include <limits>
#include <tuple>

namespace finack::route {

/// What a member must hold beyond its type. Made by field(), refined by chaining:
///   template <> struct finack::route::Rules<Order> {
///     static constexpr auto list = std::tuple{field(&Order::count).min(1).max(100),
///                                             field(&Order::note).length(0, 80).optional()};
///   };
template <class Class, class Member>
struct FieldRule {
  Member Class::* member;
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  std::size_t shortest = 0;
  std::size_t longest = std::numeric_limits<std::size_t>::max();
  bool may_be_absent = false;

  /// Bounds of a number, inclusive; exact up to 2^53.
  constexpr FieldRule min(double v) const { return FieldRule(*this).assign(&FieldRule::least, v); }
  constexpr FieldRule max(double v) const { return FieldRule(*this).assign(&FieldRule::most, v); }
  /// Bytes of a string, elements of an array.
  constexpr FieldRule length(std::size_t from, std::size_t to) const {
    return FieldRule(*this).assign(&FieldRule::shortest, from).assign(&FieldRule::longest, to);
  }
  /// Absent leaves the member's initial value. Members of type std::optional are so by nature;
  /// every other member is required.
  constexpr FieldRule optional() const {
    return FieldRule(*this).assign(&FieldRule::may_be_absent, true);
  }

 private:
  template <class V>
  constexpr FieldRule& assign(V FieldRule::* which, V v) {
    this->*which = v;
    return *this;
  }
};

template <class Class, class Member>
constexpr FieldRule<Class, Member> field(Member Class::* member) {
  return {member};
}

/// Specialise for a described struct with rules; `list` is a tuple of FieldRules.
template <class T>
struct Rules {
  static constexpr std::tuple<> list{};
};

}  // namespace finack::route
