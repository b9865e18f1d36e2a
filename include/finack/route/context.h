#pragma once
#include <any>
#include <boost/json/value.hpp>
#include <chrono>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "finack/base/task.h"
#include "finack/http/exchange.h"
#include "finack/route/json_reader.h"
#include "finack/route/stopped.h"

namespace finack::route {

struct RequestState;

/// The attributes of a Set-Cookie header (RFC 6265 4.1).
struct Cookie {
  std::string_view name;   ///< A token.
  std::string_view value;  ///< Cookie octets: no space, quote, comma, semicolon, backslash.
  std::string_view path = "/";
  std::string_view domain;                      ///< "": the host alone.
  std::string_view same_site;                   ///< "Lax", "Strict", "None" or "": not sent.
  std::optional<std::chrono::seconds> max_age;  ///< Zero or less deletes the cookie.
  bool secure = false;
  bool http_only = true;
};

/// One request as its handlers see it. Lives from dispatch until the answer is handed over; views
/// it returns live as long. Loop thread only, except in a blocking handler, which has it to itself.
///
/// The answer is kept here and goes out when the whole chain has finished, so middleware may still
/// change headers after next(), and a handler that throws after c.string(200, …) answers 500.
/// A streamed answer (write) starts at once. Of two answers the last one counts.
class Context {
 public:
  explicit Context(RequestState& state) : s_(state) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // The request.
  const http::RequestHead& request() const;
  std::string_view method() const;
  /// As received, percent-encoded.
  std::string_view path() const;
  /// The matched pattern, "/users/:id"; "" when no route matched.
  std::string_view route() const;
  /// A path parameter, percent-decoded; "" if the route has none of that name. A wildcard's value
  /// begins with '/', as in Gin. A value with a bad escape is given as received.
  std::string_view param(std::string_view name) const;
  /// A query value, decoded; `fallback` when absent.
  std::string query(std::string_view name, std::string_view fallback = "") const;
  std::optional<std::string> find_query(std::string_view name) const;
  /// A field of an application/x-www-form-urlencoded body; `fallback` when absent.
  std::string form(std::string_view name, std::string_view fallback = "") const;
  /// The first request header of that name, without case; "" when absent.
  std::string_view header(std::string_view name) const;
  std::optional<std::string_view> cookie(std::string_view name) const;
  /// The peer's address without port. X-Forwarded-For counts only when the peer is a trusted proxy
  /// (Engine::trust_proxies): then the right-most address that is not trusted.
  std::string_view client_ip() const;
  std::string_view request_id() const;
  /// Names the request in answers' logs and its record.
  void set_request_id(std::string_view id);

  // The body.
  /// The whole body, without a copy where it arrived in one piece. Plain and blocking handlers have
  /// it before they start; in a coroutine it is what read_all() gathered, "" before.
  std::string_view body() const;
  /// co_await c.read_body(): std::optional<std::string_view>, the next piece, valid until the next
  /// call; nullopt at the framed end. Throws client_left when the body was cut.
  class ReadBody;
  ReadBody read_body();
  /// co_await c.read_all(): the whole body, at most `limit` bytes. Over it: the request ends with
  /// policy.body_too_large (413).
  Task<std::string_view> read_all(std::uint64_t limit = ~std::uint64_t{0});

  /// The body as a described struct; include finack/route/bind.h. In a coroutine after read_all().
  template <class T>
  std::expected<T, BindError> bind_json(const BindOptions& options = {}) const;

  // The answer. Statuses are 200..599.
  void string(int status, std::string_view text);
  void json(int status, const boost::json::value& value);
  /// Any type Boost.JSON converts: described structs, containers, optionals.
  template <class T>
    requires(!std::is_convertible_v<const T&, const boost::json::value&>)
  void json(int status, const T& value);
  /// Copies `bytes`, unless they are (a part of) body().
  void data(int status, std::string_view content_type, std::string_view bytes);
  /// Takes `bytes` over; no copy.
  void data_owned(int status, std::string_view content_type, std::string&& bytes);
  /// No copy: `bytes` must stay valid until the chain has finished (static data, set() values).
  void data_view(int status, std::string_view content_type, std::string_view bytes);
  /// A file's bytes; 404 when it cannot be opened or is no regular file. The type is guessed from
  /// the name when `content_type` is "". `path` is used as it is: check what comes from a client.
  void file(const std::string& path, std::string_view content_type = "");
  /// The status alone; an empty answer if nothing else is given.
  void status(int status);
  /// The status that will be (or was) sent; 0: no answer yet.
  int response_status() const;
  /// Replaces that response header; an empty value removes it.
  void header(std::string_view name, std::string_view value);
  void add_header(std::string_view name, std::string_view value);
  void set_cookie(const Cookie& cookie);
  void redirect(int status, std::string_view location);
  /// Ask for Connection: close after this answer.
  void close_after();
  /// What the request ends with when its answer is an error of our own, e.g. policy.denied for a
  /// 403; counts for statuses from 400 on.
  void set_cause(record::Cause cause);
  /// In on_finished: the cause of an ending that is not an ordinary answer; else unknown.
  record::Cause cause() const;

  // The chain.
  /// The rest of the chain has finished when next() returns, unless a coroutine or blocking handler
  /// in it waits: then a coroutine goes on with `co_await c.next()`; code behind next() in plain
  /// middleware runs early (pending() is true) and wants on_finished() instead.
  class Next;
  Next next();
  bool pending() const;
  /// Runs `fn` when the chain has finished and the answer is decided, before it goes out; last
  /// registered first.
  void on_finished(std::move_only_function<void(Context&)> fn);
  /// Handlers after this one do not run; the answer is what was set so far.
  void abort();
  void abort_with_status(int status);
  /// Ends the request and its connection without an answer: app.abort.
  void abort_connection();
  bool aborted() const;

  // Values that middleware leaves for handlers.
  template <class T>
  void set(std::string_view key, T value) {
    value_slot(key) = std::move(value);
  }
  /// nullptr when absent or of another type.
  template <class T>
  T* get(std::string_view key) {
    std::any* found = find_value(key);
    return found == nullptr ? nullptr : std::any_cast<T>(found);
  }

  // Streaming, time, leaving.
  /// Begins a streamed answer; its head goes out with the first write, or when the chain has
  /// finished. With `content_length` it has that Content-Length: writing fewer bytes ends the
  /// request with app.body_short, more with app.body_over. Without: chunked, or until the close
  /// towards HTTP/1.0 clients.
  void stream(std::string_view content_type, int status = 200,
              std::optional<std::uint64_t> content_length = {});
  /// co_await c.write(bytes): returns when more may be written (back-pressure). Throws client_left.
  class Write;
  Write write(std::string_view bytes);
  /// The same for blocking handlers: blocks the pool thread.
  void write_wait(std::string_view bytes);
  /// The trailers of a streamed answer; sent when the chain has finished.
  void add_trailer(std::string_view name, std::string_view value);
  /// co_await c.sleep(d): throws client_left when the client leaves, deadline_passed at timeout().
  class Sleep;
  Sleep sleep(Nanos d);
  Instant now() const;
  /// Stop is requested when the client leaves or the timeout() passes.
  std::stop_token stop_token();
  /// Who left, and when; false while nobody did. In a plain handler this polls the stream once.
  http::Departure left();
  /// From now: asks coroutine and blocking handlers to stop after `d`; what they leave unanswered
  /// is answered with `status` (timeout.handler). See timeout().
  void set_deadline(Nanos d, int status = 503);

  http::Exchange& exchange();
  RequestState& state() { return s_; }

 private:
  std::any& value_slot(std::string_view key);
  std::any* find_value(std::string_view key);
  RequestState& s_;
};

/// Awaiters. Made by the calls of the same name; awaited at once, by one coroutine at a time.
class [[nodiscard]] Context::Sleep : Resumption {
 public:
  Sleep(RequestState& s, Nanos d) : s_(s), d_(d) {}
  bool await_ready();
  void await_suspend(std::coroutine_handle<> h);
  void await_resume();

 private:
  RequestState& s_;
  Nanos d_;
};

class [[nodiscard]] Context::ReadBody : Resumption {
 public:
  explicit ReadBody(RequestState& s) : s_(s) {}
  bool await_ready();
  void await_suspend(std::coroutine_handle<> h);
  std::optional<std::string_view> await_resume();

 private:
  RequestState& s_;
  http::BodyRead read_;
};

class [[nodiscard]] Context::Write : Resumption {
 public:
  Write(RequestState& s, std::string_view bytes) : s_(s), bytes_(bytes) {}
  bool await_ready();
  void await_suspend(std::coroutine_handle<> h);
  void await_resume();

 private:
  RequestState& s_;
  std::string_view bytes_;
  http::WriteState state_ = http::WriteState::ready;
};

/// May be dropped by plain middleware; a coroutine awaits it.
class Context::Next : Resumption {
 public:
  Next(RequestState& s, int slot) : s_(s), slot_(slot) {}
  bool await_ready() const;
  void await_suspend(std::coroutine_handle<> h);
  void await_resume();

 private:
  RequestState& s_;
  int slot_;  ///< -1: nothing to wait for.
};

}  // namespace finack::route
