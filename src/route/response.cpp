#include "route/response.h"

#include <algorithm>
#include <array>
#include <utility>

#include "http/ascii.h"

namespace finack::route {

namespace {

// A buffer that one large answer grew is given back, so that it does not stay with an idle state.
constexpr std::size_t kKeptCapacity = std::size_t{64} << 10;

void clear_buffer(std::string& buffer) {
  if (buffer.capacity() > kKeptCapacity) {
    std::string().swap(buffer);
  } else {
    buffer.clear();
  }
}

}  // namespace

std::string_view type_of(std::string_view file_name) {
  using Row = std::pair<std::string_view, std::string_view>;
  static constexpr std::array kTypes{
      Row{"html", "text/html; charset=utf-8"},
      Row{"htm", "text/html; charset=utf-8"},
      Row{"css", "text/css; charset=utf-8"},
      Row{"js", "text/javascript; charset=utf-8"},
      Row{"mjs", "text/javascript; charset=utf-8"},
      Row{"txt", "text/plain; charset=utf-8"},
      Row{"csv", "text/csv; charset=utf-8"},
      Row{"json", "application/json"},
      Row{"xml", "application/xml"},
      Row{"pdf", "application/pdf"},
      Row{"wasm", "application/wasm"},
      Row{"gz", "application/gzip"},
      Row{"zip", "application/zip"},
      Row{"svg", "image/svg+xml"},
      Row{"png", "image/png"},
      Row{"jpg", "image/jpeg"},
      Row{"jpeg", "image/jpeg"},
      Row{"gif", "image/gif"},
      Row{"webp", "image/webp"},
      Row{"ico", "image/x-icon"},
      Row{"woff2", "font/woff2"},
      Row{"mp4", "video/mp4"},
  };
  const std::size_t dot = file_name.rfind('.');
  if (dot != std::string_view::npos) {
    const std::string_view ending = file_name.substr(dot + 1);
    for (const Row& row : kTypes) {
      if (http::equals_nocase(row.first, ending)) return row.second;
    }
  }
  return "application/octet-stream";
}

void Response::begin(int status, Body body, std::string_view content_type) {
  if (facts_.body == Body::file) file_.reset();
  facts_.status = status;
  facts_.body = body;
  facts_.streaming = false;
  type_ = content_type;
  view_ = {};
}

void Response::set_view(int status, std::string_view content_type, std::string_view bytes) {
  begin(status, Body::view, content_type);
  view_ = bytes;
}

void Response::set_first_copy(int status, std::string_view content_type, std::string_view bytes) {
  if (bytes.size() > kKeptCapacity) facts_.used = Used::large;
  if (bytes.size() > buffer_.size()) buffer_.resize(bytes.size());
  begin(status, Body::none, content_type);
  set_copy(status, content_type, bytes);
}

std::string& Response::begin_buffered(int status, std::string_view content_type) {
  begin(status, Body::buffered, content_type);
  facts_.used = Used::large;
  clear_buffer(buffer_);
  return buffer_;
}

void Response::set_owned(int status, std::string_view content_type, std::string&& bytes) {
  begin(status, Body::owned, content_type);
  facts_.used = Used::large;
  owned_ = std::move(bytes);
}

void Response::set_file(int status, std::string_view content_type, Fd file, std::uint64_t bytes) {
  begin(status, Body::file, content_type);
  facts_.used = Used::large;
  file_ = std::move(file);
  length_ = bytes;
}

void Response::set_stream(int status, std::string_view content_type, std::uint64_t content_length) {
  begin(status, Body::none, content_type);
  facts_.streaming = true;
  length_ = content_length;
}

void Response::drop_body() { begin(facts_.status, Body::none, {}); }

void Response::set_header(std::string_view name, std::string_view value) {
  if (http::equals_nocase(name, "content-type")) {
    type_ = keep(value);
  } else {
    set_kept_header(keep(name), value.empty() ? value : keep(value));
  }
}

void Response::remove_header(std::string_view name) {
  std::erase_if(headers_,
                [name](const http::Header& h) { return http::equals_nocase(h.name, name); });
}

bool Response::send_other(http::Exchange& exchange, std::string_view exception) {
  if (facts_.body == Body::buffered) {
    return exchange.respond(head(buffer_.size(), exception), buffer_);
  }
  if (facts_.body == Body::owned) {
    return exchange.respond_owned(head(owned_.size(), exception), std::move(owned_));
  }
  return exchange.respond_file(head(length_, exception), file_.take(), 0, length_);
}

bool Response::start(http::Exchange& exchange) { return exchange.start(head(length_, {})); }

void Response::reset_large() {
  file_.reset();
  trailers_.clear();
  if (buffer_.capacity() > kKeptCapacity) std::string().swap(buffer_);
  clear_buffer(owned_);
}

}  // namespace finack::route
