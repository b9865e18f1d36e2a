#pragma once
#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>

namespace finack::http {

/// The cookies of one Cookie header (RFC 6265 4.2, 5.4), in order, as views of its value. Values
/// are not decoded; a pair of surrounding double quotes is taken off. Members that are no
/// name=value pair, or whose name is no token or whose value holds bytes no cookie may hold, are
/// left out. A view: the header's bytes must outlive it.
class CookieView {
 public:
  struct Cookie {
    std::string_view name;
    std::string_view value;
  };

  class Iterator {
   public:
    using value_type = Cookie;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using pointer = const Cookie*;
    using reference = const Cookie&;

    Iterator() = default;
    explicit Iterator(std::string_view rest) : rest_(rest) { advance(); }
    reference operator*() const { return cookie_; }
    pointer operator->() const { return &cookie_; }
    Iterator& operator++() {
      advance();
      return *this;
    }
    void operator++(int) { advance(); }
    bool operator==(std::default_sentinel_t) const { return at_end_; }

   private:
    void advance();

    std::string_view rest_;
    Cookie cookie_;
    bool at_end_ = false;
  };

  CookieView() = default;
  /// `value` of a Cookie header; "" or a null view: no cookies.
  explicit CookieView(std::string_view value) : value_(value) {}

  Iterator begin() const { return Iterator(value_); }
  std::default_sentinel_t end() const { return {}; }

  /// The first cookie of that name; names are compared with case.
  std::optional<std::string_view> get(std::string_view name) const;

 private:
  std::string_view value_;
};

}  // namespace finack::http
