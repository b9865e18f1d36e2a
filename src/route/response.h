#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "finack/base/fd.h"
#include "finack/http/exchange.h"
#include "route/byte_arena.h"

namespace finack::route {

/// The answer while the chain runs: status, header fields and body, kept until it is sent.
/// Copied bodies and header fields lie in buffers whose capacity is kept for the next request. Not
/// copied, so to live until the answer is sent: a view, a content type and a kept header (static
/// text, or what keep() made of it). An owned body and a file are taken over.
class Response {
 public:
  enum class Body : std::uint8_t { none, view, buffered, owned, file };

  bool answered() const { return facts_.status != 0; }
  int status() const { return facts_.status; }
  void set_status(int status) { facts_.status = status; }
  record::Cause cause() const { return facts_.cause; }
  void set_cause(record::Cause cause) { facts_.cause = cause; }
  void set_close() { facts_.close = true; }

  /// A copy that lives until reset().
  std::string_view keep(std::string_view text) {
    use_texts();
    return arena_.copy(text);
  }
  /// Room for as many bytes, that lives as long.
  char* room(std::size_t bytes) {
    use_texts();
    return arena_.take(bytes);
  }

  /// Empty buffer to write a body into.
  std::string& begin_buffered(int status, std::string_view content_type);
  void set_copy(int status, std::string_view content_type, std::string_view bytes) {
    // Nothing is called before the copy but in place of all: the hot path saves no register.
    if (bytes.size() > buffer_.size() || facts_.body == Body::file) {
      set_first_copy(status, content_type, bytes);
      return;
    }
    facts_.status = status;
    facts_.body = Body::view;
    facts_.streaming = false;
    type_ = content_type;
    view_ = {buffer_.data(), bytes.size()};
    if (!bytes.empty()) std::memcpy(buffer_.data(), bytes.data(), bytes.size());
  }
  void set_view(int status, std::string_view content_type, std::string_view bytes);
  void set_owned(int status, std::string_view content_type, std::string&& bytes);
  void set_file(int status, std::string_view content_type, Fd file, std::uint64_t bytes);
  /// A streamed answer; start() sends the head. http::ResponseHead::kChunked: of unknown length.
  void set_stream(int status, std::string_view content_type, std::uint64_t content_length);
  bool streaming() const { return facts_.streaming; }
  /// Forgets body and type; header fields stay.
  void drop_body();

  void set_header(std::string_view name, std::string_view value);
  void add_header(std::string_view name, std::string_view value) {
    headers_.push_back({keep(name), keep(value)});
  }
  /// As set_header, without a copy: both live until the answer is sent.
  void set_kept_header(std::string_view name, std::string_view value) {
    if (!headers_.empty()) remove_header(name);
    if (value.empty()) return;
    use_texts();
    headers_.push_back({name, value});
  }
  void add_trailer(std::string_view name, std::string_view value) {
    facts_.used = Used::large;
    trailers_.push_back({keep(name), keep(value)});
  }

  /// Sends head and body. False: a header was refused, nothing was sent.
  [[gnu::always_inline]] bool send(http::Exchange& exchange, std::string_view exception) {
    if (facts_.body > Body::view) return send_other(exchange, exception);
    return exchange.respond(head(view_.size(), exception), view_);
  }
  /// Sends the head of a streamed answer. False as above.
  bool start(http::Exchange& exchange);
  void finish(http::Exchange& exchange) { exchange.finish(trailers_); }
  void reset() {
    if (facts_.used != Used::least) {
      headers_.clear();
      arena_.reset();
      if (facts_.used == Used::large) reset_large();
    }
    facts_ = {};
    type_ = {};
    view_ = {};
  }

 private:
  /// What there is to reset: least nothing besides the facts, then fields and kept texts, then all.
  enum class Used : std::uint8_t { least, texts, large };
  /// What every answer sets.
  struct Facts {
    std::int32_t status = 0;
    Body body = Body::none;
    bool streaming = false;
    bool close = false;
    record::Cause cause = record::Cause::unknown;
    Used used = Used::least;
  };
  void use_texts() {
    if (facts_.used == Used::least) facts_.used = Used::texts;
  }
  void remove_header(std::string_view name);
  void begin(int status, Body body, std::string_view content_type);
  http::ResponseHead head(std::uint64_t length, std::string_view exception) const {
    return {.status = facts_.status,
            .reason = {},
            .content_type = type_,
            .headers = headers_,
            .content_length = length,
            .close = facts_.close,
            .cause = facts_.cause,
            .exception = exception};
  }
  bool send_other(http::Exchange& exchange, std::string_view exception);
  void set_first_copy(int status, std::string_view content_type, std::string_view bytes);
  [[gnu::noinline]] void reset_large();

  Facts facts_;
  std::string_view type_;
  std::string_view view_;  ///< Empty where the body is none.
  std::vector<http::Header> headers_;
  std::vector<http::Header> trailers_;
  std::string buffer_;  ///< Longer than a copied body, which view_ is of.
  std::string owned_;
  Fd file_;
  std::uint64_t length_ = 0;  ///< Of a file, or a streamed answer's.
  ByteArena arena_;
};

/// A media type from a file name's ending; application/octet-stream when it says nothing.
std::string_view type_of(std::string_view file_name);

}  // namespace finack::route
