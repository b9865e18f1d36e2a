#include "gateway/forwarded.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "gateway/arena_text.h"
#include "http/ascii.h"
#include "http/field_text.h"

namespace finack::gateway {
namespace {

using http::Header;

constexpr char fold(char c) { return c == '_' ? '-' : http::to_lower(c); }

bool folds_to(std::string_view name, std::string_view lower) {
  return std::ranges::equal(name, lower, {}, fold);
}

/// The client as the entries of a list tell, from left to right. The walk from the right that
/// believed_client() promises ends at the right-most entry that is not trusted, or right of one
/// that is no address: so either begins anew.
class Walk {
 public:
  explicit Walk(const TrustedProxies& trusted) : trusted_(trusted) {}

  void take(const std::optional<Address>& entry) {
    if (!entry || !client_ || !trusted_.contains(*entry)) client_ = entry;
  }
  Address end(const Address& peer) const { return client_.value_or(peer); }

 private:
  const TrustedProxies& trusted_;
  std::optional<Address> client_;
};

/// The members of a list that hold quotes. A quote without an end is none: no client shall hide by
/// it what a proxy wrote behind. In linear time, whatever stands there.
class QuotedList {
 public:
  QuotedList(std::string_view text, char separator) : text_(text), separator_(separator) {}

  /// What stands before the next separator outside of quotes, trimmed. False: nothing is left.
  bool take(std::string_view& member) {
    if (begin_ > text_.size()) return false;
    const std::size_t end = find_end();
    member = http::trim_ows(text_.substr(begin_, end - begin_));
    begin_ = end + 1;
    return true;
  }

 private:
  std::size_t find_end() {
    if (!left_open_.empty() && begin_ < text_.size() && left_open_[begin_]) return bare_end();
    bool quoted = false;
    std::size_t end = begin_;
    for (; end < text_.size() && (quoted || text_[end] != separator_); ++end) {
      if (text_[end] == '"') quoted = !quoted;
      if (quoted && text_[end] == '\\') ++end;
    }
    if (!quoted) return end;
    look_ahead();
    return bare_end();
  }
  std::size_t bare_end() const { return std::min(text_.find(separator_, begin_), text_.size()); }

  /// Finds out for each place, from behind, whether a member that begins there leaves a quote open,
  /// so that the text is not read to its end for each of them.
  void look_ahead() {
    left_open_.resize(text_.size());
    bool bare = false, quoted = true, quoted_behind = true;
    for (std::size_t i = text_.size(); i-- > 0;) {
      const char c = text_[i];
      const bool from_bare = c != separator_ && (c == '"' ? quoted : bare);
      const bool from_quoted = c == '"' ? bare : c == '\\' ? quoted_behind : quoted;
      left_open_[i] = bare = from_bare;
      quoted_behind = std::exchange(quoted, from_quoted);
    }
  }

  std::string_view text_;
  char separator_;
  std::size_t begin_ = 0;
  std::vector<bool> left_open_;  ///< Empty until the first quote without an end.
};

/// The node of an element of Forwarded (RFC 7239 6). An address needs no escapes.
std::optional<Address> forwarded_for(std::string_view element) {
  QuotedList pairs(element, ';');
  std::string_view pair;
  while (pairs.take(pair)) {
    const std::size_t equals = pair.find('=');
    if (equals == pair.npos || !http::equals_lower(pair.substr(0, equals), "for")) continue;
    std::string_view node = pair.substr(equals + 1);
    if (node.size() >= 2 && node.starts_with('"') && node.ends_with('"')) {
      node = node.substr(1, node.size() - 2);
    }
    return route::parse_forwarded_address(node);
  }
  return std::nullopt;
}

using AddressText = std::array<char, INET6_ADDRSTRLEN>;

/// Without port; "" for a Unix socket.
std::string_view write_address(const Address& address, AddressText& text) {
  if (address.family == Address::Family::v6) {
    return ::inet_ntop(AF_INET6, address.bytes, text.data(), INET6_ADDRSTRLEN);
  }
  if (address.family != Address::Family::v4) return {};
  // inet_ntop prints by printf, which takes a tenth of a proxied request's instructions.
  char* at = text.data();
  for (int i = 0; i < 4; ++i) {
    if (i > 0) *at++ = '.';
    at = http::put_decimal(at, address.bytes[i]);
  }
  return {text.data(), at};
}

/// All values of that name in one list, and `own` at its end.
std::string_view extend_list(std::span<const Header> headers, std::string_view lower,
                             std::string_view own, route::ByteArena& arena) {
  constexpr std::string_view kComma = ", ";
  const auto counts = [lower](const Header& field) {
    return !field.value.empty() && http::equals_lower(field.name, lower);
  };
  std::size_t size = own.size();
  for (const Header& field : headers) {
    if (counts(field)) size += field.value.size() + kComma.size();
  }
  if (size == own.size()) return own;
  char* const begin = arena.take(size);
  char* place = begin;
  for (const Header& field : headers) {
    if (!counts(field)) continue;
    place += field.value.copy(place, field.value.size());
    place += kComma.copy(place, kComma.size());
  }
  place += own.copy(place, own.size());
  if (own.empty()) place -= kComma.size();
  return {begin, place};
}

/// The value of the first field of that name, or `own`.
std::string_view kept_or(std::span<const Header> headers, std::string_view lower,
                         std::string_view own) {
  for (const Header& field : headers) {
    if (http::equals_lower(field.name, lower) && !field.value.empty()) return field.value;
  }
  return own;
}

/// Our element (RFC 7239 4): IPv6 in brackets and quotes, a host with a port in quotes.
std::string_view write_element(const Hop& hop, std::string_view address, route::ByteArena& arena) {
  const bool v6 = hop.peer.family == Address::Family::v6;
  const std::string_view node = address.empty() ? "unknown" : address;
  const std::string_view open = v6 ? "for=\"[" : "for=", close = v6 ? "]\"" : "";
  const std::string_view proto = hop.tls ? ";proto=https" : ";proto=http";
  if (hop.host.empty()) return join(arena, {open, node, close, proto});
  const std::string_view quote = http::is_token(hop.host) ? "" : "\"";
  return join(arena, {open, node, close, ";host=", quote, hop.host, quote, proto});
}

constexpr std::string_view kFor = "x-forwarded-for", kHost = "x-forwarded-host",
                           kProto = "x-forwarded-proto", kForwarded = "forwarded";

struct Written {
  std::string_view list, host, proto, forwarded;
};

Written write_values(std::span<const Header> before, const Hop& hop, ForwardedHeaders policy,
                     route::ByteArena& arena) {
  AddressText text;
  const std::string_view address = write_address(hop.peer, text);
  Written written;
  if (policy != ForwardedHeaders::forwarded) {
    written.list = extend_list(before, kFor, arena.copy(address), arena);
    written.host = kept_or(before, kHost, hop.host);
    written.proto = kept_or(before, kProto, hop.tls ? "https" : "http");
  }
  if (policy != ForwardedHeaders::x_forwarded) {
    written.forwarded = extend_list(before, kForwarded, write_element(hop, address, arena), arena);
  }
  return written;
}

void put(std::vector<Header>& headers, std::string_view name, std::string_view value) {
  if (!value.empty()) headers.push_back({name, value});
}

}  // namespace

TrustedProxies::TrustedProxies(std::span<const std::string> networks) {
  for (const std::string& text : networks) {
    if (const auto network = route::parse_network(text)) networks_.push_back(*network);
  }
}

bool TrustedProxies::contains(const Address& address) const {
  return std::ranges::any_of(networks_,
                             [&](const route::Network& n) { return n.contains(address); });
}

Address believed_client(const Address& peer, std::span<const Header> headers,
                        const TrustedProxies& trusted, ForwardedHeaders policy) {
  if (!trusted.contains(peer)) return peer;
  const bool forwarded = policy == ForwardedHeaders::forwarded;
  Walk walk(trusted);
  for (const Header& field : headers) {
    if (!http::equals_lower(field.name, forwarded ? kForwarded : kFor)) continue;
    QuotedList elements(field.value, ',');
    std::string_view rest = field.value, entry;
    while (forwarded ? elements.take(entry) : http::take_list_member(rest, entry)) {
      if (entry.empty()) continue;
      walk.take(forwarded ? forwarded_for(entry) : route::parse_forwarded_address(entry));
    }
  }
  return walk.end(peer);
}

bool tells_of_client(std::string_view name) {
  constexpr std::string_view kFamily = "x-forwarded-";
  return folds_to(name, kForwarded) || folds_to(name, "x-real-ip") ||
         (name.size() > kFamily.size() && folds_to(name.substr(0, kFamily.size()), kFamily));
}

void write_forwarded(std::vector<Header>& headers, const Hop& hop, bool trusted,
                     ForwardedHeaders policy, route::ByteArena& arena) {
  if (!trusted) std::erase_if(headers, [](const Header& h) { return tells_of_client(h.name); });
  if (policy == ForwardedHeaders::none) return;
  const Written written = write_values(headers, hop, policy, arena);
  const bool x = policy != ForwardedHeaders::forwarded;
  const bool standard = policy != ForwardedHeaders::x_forwarded;
  std::erase_if(headers, [x, standard](const Header& field) {
    if (x && (folds_to(field.name, kFor) || folds_to(field.name, kHost) ||
              folds_to(field.name, kProto))) {
      return true;
    }
    return standard && folds_to(field.name, kForwarded);
  });
  put(headers, "X-Forwarded-For", written.list);
  put(headers, "X-Forwarded-Host", written.host);
  put(headers, "X-Forwarded-Proto", written.proto);
  put(headers, "Forwarded", written.forwarded);
}

}  // namespace finack::gateway
