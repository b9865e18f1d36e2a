#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

namespace finack::http {

/// Why percent-encoded text was refused (RFC 3986 2.1).
enum class DecodeError : std::uint8_t {
  bad_escape,  ///< '%' without two hex digits behind it.
  nul_byte     ///< %00, which no path may hold.
};

std::string_view name(DecodeError);

/// Decodes percent-encoding in a path segment (RFC 3986 2.1, 3.3). Split the path at '/' first:
/// "%2F" becomes a '/' that belongs to its segment. '+' stays '+'. The result is a view of
/// `encoded` when there was nothing to decode, else of `storage`, which is overwritten then.
std::expected<std::string_view, DecodeError> decode_path(std::string_view encoded,
                                                         std::string& storage);
/// The same with a string of its own.
std::expected<std::string, DecodeError> decode_path(std::string_view encoded);

/// Decodes a name or value of a query or form: '+' is a space, "%00" is allowed
/// (application/x-www-form-urlencoded). Storage as in decode_path.
std::expected<std::string_view, DecodeError> decode_query(std::string_view encoded,
                                                          std::string& storage);
std::expected<std::string, DecodeError> decode_query(std::string_view encoded);

/// The name=value pairs of a query string, in order, as views of it; nothing is copied or decoded
/// before it is asked for. "a" is a pair with an empty value, "&&" holds no pair. A view: the
/// query's bytes must outlive it. Costs of a lookup: one pass over the query.
class QueryView {
 public:
  /// One pair, still encoded.
  struct Pair {
    std::string_view name;
    std::string_view value;
  };

  class Iterator {
   public:
    using value_type = Pair;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using pointer = const Pair*;
    using reference = const Pair&;

    Iterator() = default;
    explicit Iterator(std::string_view rest) : rest_(rest) { advance(); }
    reference operator*() const { return pair_; }
    pointer operator->() const { return &pair_; }
    Iterator& operator++() {
      advance();
      return *this;
    }
    void operator++(int) { advance(); }
    bool operator==(std::default_sentinel_t) const { return at_end_; }

   private:
    void advance();

    std::string_view rest_;
    Pair pair_;
    bool at_end_ = false;
  };

  QueryView() = default;
  /// `query` without its '?'.
  explicit QueryView(std::string_view query) : query_(query) {}

  Iterator begin() const { return Iterator(query_); }
  std::default_sentinel_t end() const { return {}; }
  bool empty() const { return begin() == end(); }

  /// The first value of `name` (given decoded), decoded. A pair whose name or value has a bad
  /// escape counts as absent: ask well_formed() where that should be an error.
  std::optional<std::string> get(std::string_view name) const;
  bool has(std::string_view name) const;
  /// False if any name or value has a bad escape.
  bool well_formed() const;
  std::string_view raw() const { return query_; }

 private:
  std::string_view query_;
};

}  // namespace finack::http
