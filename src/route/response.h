#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "finack/base/fd.h"
#include "finack/http/exchange.h"

namespace finack::route {

/// The answer while the chain runs: status, header fields and body, kept until it is sent.
/// Everything but a view() body is copied into buffers whose capacity is kept for the next request.
class Response {
 public:
  enum class Body : std::uint8_t { none, buffered, view, owned, file };

  bool answered() const { return status_ != 0; }
  int status() const { return status_; }
  void set_status(int status) { status_ = status; }
  record::Cause cause() const { return cause_; }
  void set_cause(record::Cause cause) { cause_ = cause; }
  void set_close() { close_ = true; }

  /// Empty buffer to write a body into.
  std::string& begin_buffered(int status, std::string_view content_type);
  void set_view(int status, std::string_view content_type, std::string_view bytes);
  void set_owned(int status, std::string_view content_type, std::string&& bytes);
  void set_file(int status, std::string_view content_type, Fd file, std::uint64_t bytes);
  /// A streamed answer; start() sends the head.
  void set_stream(int status, std::string_view content_type);
  bool streaming() const { return streaming_; }
  /// Forgets body and type; header fields stay.
  void drop_body();

  void set_header(std::string_view name, std::string_view value);
  void add_header(std::string_view name, std::string_view value);
  void add_trailer(std::string_view name, std::string_view value);

  /// Sends head and body. False: a header was refused, nothing was sent.
  bool send(http::Exchange& exchange, std::string_view exception);
  /// Sends the head of a streamed answer. False as above.
  bool start(http::Exchange& exchange);
  void finish(http::Exchange& exchange);
  void reset();

 private:
  struct Field {
    std::uint32_t name_begin;
    std::uint32_t name_bytes;
    std::uint32_t value_bytes;  ///< Right behind the name.
    bool trailer;
  };
  void append(std::string_view name, std::string_view value, bool trailer);
  void set_type(std::string_view content_type) { type_.assign(content_type); }
  http::ResponseHead head(bool trailers);
  std::string_view field_name(const Field& f) const;

  int status_ = 0;
  Body body_ = Body::none;
  bool streaming_ = false;
  bool close_ = false;
  record::Cause cause_ = record::Cause::unknown;
  std::string type_;
  std::string buffer_;
  std::string owned_;
  std::string_view view_;
  Fd file_;
  std::uint64_t file_bytes_ = 0;
  std::vector<Field> fields_;
  std::string field_bytes_;
  std::vector<http::Header> views_;  ///< Built for one call into the Exchange.
};

/// Compares header names without case.
bool same_name(std::string_view a, std::string_view b);
/// A media type from a file name's ending; application/octet-stream when it says nothing.
std::string_view type_of(std::string_view file_name);

}  // namespace finack::route
