#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "sinks/text.h"

namespace finack::sinks {

/// Writes one JSON object into a buffer, field by field. Keys are ours and need no escape; so are
/// the words of the closed lists (`word`).
class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }
  void end() { out_ += '}'; }

  /// The key alone; the caller appends a value to the buffer.
  std::string& key(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    out_ += '"';
    out_ += name;
    out_ += "\":";
    return out_;
  }
  void word(std::string_view name, std::string_view value) {
    key(name) += '"';
    out_ += value;
    out_ += '"';
  }
  void text(std::string_view name, std::string_view value) { append_json_string(key(name), value); }
  /// null where empty.
  void text_or_null(std::string_view name, std::string_view value) {
    if (value.empty()) {
      null(name);
    } else {
      text(name, value);
    }
  }
  void number(std::string_view name, std::uint64_t value) { append_number(key(name), value); }
  void known(std::string_view name, std::uint64_t value, std::uint64_t unknown) {
    if (value != unknown) number(name, value);
  }
  void null(std::string_view name) { key(name) += "null"; }
  void time(std::string_view name, WallTime at) {
    key(name) += '"';
    append_rfc3339(out_, at);
    out_ += '"';
  }

 private:
  std::string& out_;
  bool first_ = true;
};

}  // namespace finack::sinks
