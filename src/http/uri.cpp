#include "finack/http/uri.h"

#include "http/scan.h"

namespace finack::http {
namespace {

enum class Dialect : std::uint8_t { path, query };

std::expected<std::string_view, DecodeError> decode(std::string_view encoded, std::string& storage,
                                                    Dialect dialect) {
  const bool query = dialect == Dialect::query;
  const std::size_t first = encoded.find_first_of(query ? "%+" : "%");
  if (first == std::string_view::npos) return encoded;
  storage.assign(encoded.substr(0, first));
  for (std::size_t i = first; i < encoded.size(); ++i) {
    if (encoded[i] == '+' && query) {
      storage.push_back(' ');
      continue;
    }
    if (encoded[i] != '%') {
      storage.push_back(encoded[i]);
      continue;
    }
    if (encoded.size() - i < 3) return std::unexpected(DecodeError::bad_escape);
    const int high = scan::hex_value(static_cast<unsigned char>(encoded[i + 1]));
    const int low = scan::hex_value(static_cast<unsigned char>(encoded[i + 2]));
    if (high < 0 || low < 0) return std::unexpected(DecodeError::bad_escape);
    const char decoded = static_cast<char>(high << 4 | low);
    if (decoded == '\0' && !query) return std::unexpected(DecodeError::nul_byte);
    storage.push_back(decoded);
    i += 2;
  }
  return storage;
}

std::expected<std::string, DecodeError> decode_owned(std::string_view encoded, Dialect dialect) {
  std::string storage;
  const auto decoded = decode(encoded, storage, dialect);
  if (!decoded) return std::unexpected(decoded.error());
  if (decoded->data() != storage.data()) storage.assign(*decoded);
  return storage;
}

}  // namespace

std::string_view name(DecodeError error) {
  return error == DecodeError::bad_escape ? "bad_escape" : "nul_byte";
}

std::expected<std::string_view, DecodeError> decode_path(std::string_view encoded,
                                                         std::string& storage) {
  return decode(encoded, storage, Dialect::path);
}

std::expected<std::string, DecodeError> decode_path(std::string_view encoded) {
  return decode_owned(encoded, Dialect::path);
}

std::expected<std::string_view, DecodeError> decode_query(std::string_view encoded,
                                                          std::string& storage) {
  return decode(encoded, storage, Dialect::query);
}

std::expected<std::string, DecodeError> decode_query(std::string_view encoded) {
  return decode_owned(encoded, Dialect::query);
}

void QueryView::Iterator::advance() {
  while (!rest_.empty()) {
    const std::size_t end = rest_.find('&');
    const std::string_view member = rest_.substr(0, end);
    rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
    if (member.empty()) continue;
    const std::size_t equals = member.find('=');
    pair_.name = member.substr(0, equals);
    pair_.value =
        equals == std::string_view::npos ? std::string_view("") : member.substr(equals + 1);
    return;
  }
  pair_ = {};
  at_end_ = true;
}

std::optional<std::string> QueryView::get(std::string_view wanted) const {
  std::string storage;
  for (const Pair& pair : *this) {
    const auto decoded = decode_query(pair.name, storage);
    if (!decoded || *decoded != wanted) continue;
    if (auto value = decode_query(pair.value)) return *std::move(value);
  }
  return std::nullopt;
}

bool QueryView::has(std::string_view wanted) const { return get(wanted).has_value(); }

bool QueryView::well_formed() const {
  std::string storage;
  for (const Pair& pair : *this) {
    if (!decode_query(pair.name, storage) || !decode_query(pair.value, storage)) return false;
  }
  return true;
}

}  // namespace finack::http
