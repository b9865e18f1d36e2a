#include "route/response.h"

#include <algorithm>
#include <array>
#include <utility>

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

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

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
      if (same_name(row.first, ending)) return row.second;
    }
  }
  return "application/octet-stream";
}

std::string& Response::begin_buffered(int status, std::string_view content_type) {
  drop_body();
  status_ = status;
  body_ = Body::buffered;
  set_type(content_type);
  buffer_.clear();
  return buffer_;
}

void Response::set_view(int status, std::string_view content_type, std::string_view bytes) {
  drop_body();
  status_ = status;
  body_ = Body::view;
  set_type(content_type);
  view_ = bytes;
}

void Response::set_owned(int status, std::string_view content_type, std::string&& bytes) {
  drop_body();
  status_ = status;
  body_ = Body::owned;
  set_type(content_type);
  owned_ = std::move(bytes);
}

void Response::set_file(int status, std::string_view content_type, Fd file, std::uint64_t bytes) {
  drop_body();
  status_ = status;
  body_ = Body::file;
  set_type(content_type);
  file_ = std::move(file);
  file_bytes_ = bytes;
}

void Response::set_stream(int status, std::string_view content_type) {
  drop_body();
  status_ = status;
  streaming_ = true;
  set_type(content_type);
}

void Response::drop_body() {
  body_ = Body::none;
  streaming_ = false;
  type_.clear();
  view_ = {};
  if (file_) file_.reset();
}

std::string_view Response::field_name(const Field& f) const {
  return std::string_view(field_bytes_).substr(f.name_begin, f.name_bytes);
}

void Response::append(std::string_view name, std::string_view value, bool trailer) {
  fields_.push_back({static_cast<std::uint32_t>(field_bytes_.size()),
                     static_cast<std::uint32_t>(name.size()),
                     static_cast<std::uint32_t>(value.size()), trailer});
  field_bytes_.append(name).append(value);
}

void Response::set_header(std::string_view name, std::string_view value) {
  if (same_name(name, "content-type")) {
    set_type(value);
    return;
  }
  std::erase_if(fields_,
                [&](const Field& f) { return !f.trailer && same_name(field_name(f), name); });
  if (!value.empty()) append(name, value, false);
}

void Response::add_header(std::string_view name, std::string_view value) {
  append(name, value, false);
}

void Response::add_trailer(std::string_view name, std::string_view value) {
  append(name, value, true);
}

http::ResponseHead Response::head(bool trailers) {
  views_.clear();
  for (const Field& f : fields_) {
    if (f.trailer != trailers) continue;
    const std::string_view all = field_bytes_;
    views_.push_back({all.substr(f.name_begin, f.name_bytes),
                      all.substr(f.name_begin + f.name_bytes, f.value_bytes)});
  }
  http::ResponseHead out;
  out.status = status_;
  out.content_type = type_;
  out.headers = views_;
  out.close = close_;
  out.cause = cause_;
  return out;
}

bool Response::send(http::Exchange& exchange, std::string_view exception) {
  http::ResponseHead out = head(false);
  out.exception = exception;
  switch (body_) {
    case Body::none:
      out.content_length = 0;
      return exchange.respond(out, {});
    case Body::buffered:
      out.content_length = buffer_.size();
      return exchange.respond(out, buffer_);
    case Body::view:
      out.content_length = view_.size();
      return exchange.respond(out, view_);
    case Body::owned:
      out.content_length = owned_.size();
      return exchange.respond_owned(out, std::move(owned_));
    case Body::file:
      out.content_length = file_bytes_;
      return exchange.respond_file(out, file_.take(), 0, file_bytes_);
  }
  return false;
}

bool Response::start(http::Exchange& exchange) { return exchange.start(head(false)); }

void Response::finish(http::Exchange& exchange) {
  head(true);
  exchange.finish(views_);
}

void Response::reset() {
  drop_body();
  status_ = 0;
  close_ = false;
  cause_ = record::Cause::unknown;
  clear_buffer(buffer_);
  clear_buffer(owned_);
  clear_buffer(field_bytes_);
  fields_.clear();
  views_.clear();
}

}  // namespace finack::route
