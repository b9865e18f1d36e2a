#include "finack/route/context.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/serializer.hpp>
#include <stdexcept>

#include "finack/http/cookie.h"
#include "finack/http/form.h"
#include "finack/http/uri.h"
#include "http/ascii.h"
#include "route/client_address.h"
#include "route/request_state.h"

namespace finack::route {

namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kJson = "application/json; charset=utf-8";

/// True when `part` lies inside `whole`, whose bytes live until the answer is handed over.
bool inside(std::string_view part, std::string_view whole) {
  const std::less_equal<const char*> not_after;
  return !whole.empty() && !part.empty() && not_after(whole.data(), part.data()) &&
         not_after(part.data() + part.size(), whole.data() + whole.size());
}

}  // namespace

// The request.

const http::RequestHead& Context::request() const { return s_.exchange->request(); }
std::string_view Context::method() const { return request().method_name; }
std::string_view Context::path() const { return request().path; }
std::string_view Context::route() const {
  return s_.route == nullptr ? std::string_view() : std::string_view(s_.route->label.pattern);
}
http::Exchange& Context::exchange() { return *s_.exchange; }

std::string_view Context::param(std::string_view name) const {
  if (s_.route == nullptr) return {};
  const auto& names = s_.route->param_names;
  for (std::size_t i = 0; i < names.size() && i < s_.params.count; ++i) {
    if (names[i] != name) continue;
    const std::string_view raw = s_.params.values[i];
    if (raw.find('%') == std::string_view::npos) return raw;
    auto decoded = http::decode_path(raw);
    if (!decoded) return raw;
    return s_.more().decoded.emplace_back(std::move(*decoded));
  }
  return {};
}

std::optional<std::string> Context::find_query(std::string_view name) const {
  return http::QueryView(request().query).get(name);
}

std::string Context::query(std::string_view name, std::string_view fallback) const {
  auto found = find_query(name);
  return found ? std::move(*found) : std::string(fallback);
}

std::string Context::form(std::string_view name, std::string_view fallback) const {
  if (!http::is_form(header("Content-Type"))) return std::string(fallback);
  auto found = http::FormView(s_.body).get(name);
  return found ? std::move(*found) : std::string(fallback);
}

std::string_view Context::header(std::string_view name) const { return request().header(name); }

std::optional<std::string_view> Context::cookie(std::string_view name) const {
  for (const http::Header& field : request().headers) {
    if (!http::equals_nocase(field.name, "Cookie")) continue;
    if (auto found = http::CookieView(field.value).get(name)) return found;
  }
  return std::nullopt;
}

std::string_view Context::client_ip() const {
  std::string& known = s_.more().client_ip;
  if (known.empty()) {
    known = client_address(*s_.engine, s_.exchange->peer(), request().headers);
  }
  return known;
}

std::string_view Context::request_id() const { return s_.request_id; }

void Context::set_request_id(std::string_view id) {
  s_.request_id = s_.response.keep(id);
  s_.exchange->set_request_id(s_.request_id);
}

std::string_view Context::body() const { return s_.body; }

// The answer.

void Context::string(int status, std::string_view text) {
  if (inside(text, s_.body)) {
    s_.response.set_view(status, kText, text);
  } else {
    s_.response.set_copy(status, kText, text);
  }
}

void Context::json(int status, const boost::json::value& value) {
  std::string& out = s_.response.begin_buffered(status, kJson);
  boost::json::serializer serializer;
  serializer.reset(&value);
  char piece[4096];
  while (!serializer.done()) {
    const boost::json::string_view part = serializer.read(piece);
    out.append(part.data(), part.size());
  }
}

void Context::data(int status, std::string_view content_type, std::string_view bytes) {
  const std::string_view type = s_.response.keep(content_type);
  if (inside(bytes, s_.body)) {
    s_.response.set_view(status, type, bytes);
  } else {
    s_.response.set_copy(status, type, bytes);
  }
}

void Context::data_owned(int status, std::string_view content_type, std::string&& bytes) {
  s_.response.set_owned(status, s_.response.keep(content_type), std::move(bytes));
}

void Context::data_view(int status, std::string_view content_type, std::string_view bytes) {
  s_.response.set_view(status, s_.response.keep(content_type), bytes);
}

void Context::file(const std::string& path, std::string_view content_type) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts{};
  if (!file || ::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
    string(404, "404 page not found");
    return;
  }
  const auto type = content_type.empty() ? type_of(path) : s_.response.keep(content_type);
  s_.response.set_file(200, type, std::move(file), static_cast<std::uint64_t>(facts.st_size));
}

void Context::status(int status) { s_.response.set_status(status); }
int Context::response_status() const { return s_.response.status(); }
void Context::header(std::string_view name, std::string_view value) {
  s_.response.set_header(name, value);
}
void Context::add_header(std::string_view name, std::string_view value) {
  s_.response.add_header(name, value);
}
void Context::add_trailer(std::string_view name, std::string_view value) {
  s_.response.add_trailer(name, value);
}

void Context::set_cookie(const Cookie& cookie) {
  constexpr std::string_view kNoName = "()<>@,;:\\\"/[]?={} \t";
  constexpr std::string_view kNoValue = " \",;\\";
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x21 || c == 0x7f; };
  if (cookie.name.empty() || cookie.name.find_first_of(kNoName) != std::string_view::npos ||
      std::ranges::any_of(cookie.name, control)) {
    throw std::invalid_argument("a cookie's name must be a token");
  }
  if (cookie.value.find_first_of(kNoValue) != std::string_view::npos ||
      std::ranges::any_of(cookie.value, control) ||
      cookie.path.find(';') != std::string_view::npos ||
      cookie.domain.find(';') != std::string_view::npos ||
      cookie.same_site.find(';') != std::string_view::npos) {
    throw std::invalid_argument("a cookie's value or attribute holds a byte it may not hold");
  }
  std::string line = fmt::format("{}={}", cookie.name, cookie.value);
  if (!cookie.path.empty()) line.append("; Path=").append(cookie.path);
  if (!cookie.domain.empty()) line.append("; Domain=").append(cookie.domain);
  if (cookie.max_age)
    line += fmt::format("; Max-Age={}", std::max<std::int64_t>(0, cookie.max_age->count()));
  if (cookie.http_only) line += "; HttpOnly";
  if (cookie.secure) line += "; Secure";
  if (!cookie.same_site.empty()) line.append("; SameSite=").append(cookie.same_site);
  s_.response.add_header("Set-Cookie", line);
}

void Context::redirect(int status, std::string_view location) {
  s_.response.drop_body();
  s_.response.set_status(status);
  s_.response.set_header("Location", location);
}

void Context::close_after() { s_.response.set_close(); }
void Context::set_cause(record::Cause cause) { s_.response.set_cause(cause); }
record::Cause Context::cause() const { return s_.flags.cause; }

// The chain.

Context::Next Context::next() { return Next(s_, s_.chain.next()); }
bool Context::pending() const { return s_.chain.pending(); }
void Context::on_finished(std::move_only_function<void(Context&)> fn) {
  s_.more().finished.push_back(std::move(fn));
}
void Context::abort() { s_.chain.abort(); }
void Context::abort_with_status(int status) {
  s_.response.drop_body();
  s_.response.set_status(status);
  s_.chain.abort();
}
void Context::abort_connection() {
  s_.more().connection_abort = true;
  s_.chain.abort();
}
bool Context::aborted() const { return s_.chain.aborted(); }

std::any& Context::value_slot(std::string_view key) {
  auto& values = s_.more().values;
  const auto found = values.find(key);
  return found != values.end() ? found->second : values[std::string(key)];
}
std::any* Context::find_value(std::string_view key) {
  auto& values = s_.more().values;
  const auto found = values.find(key);
  return found == values.end() ? nullptr : &found->second;
}

void Context::stream(std::string_view content_type, int status,
                     std::optional<std::uint64_t> content_length) {
  s_.response.set_stream(status, s_.response.keep(content_type),
                         content_length.value_or(http::ResponseHead::kChunked));
}

void Context::set_deadline(Nanos d, int status) { s_.set_deadline(d, status); }
std::stop_token Context::stop_token() { return s_.stop_token(); }

}  // namespace finack::route
