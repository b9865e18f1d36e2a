#include "cli/demo_routes.h"

#include <algorithm>
#include <boost/describe.hpp>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>

#include "finack/route/bind.h"
#include "finack/route/handler.h"
#include "finack/route/json.h"
#include "finack/route/stopped.h"

namespace finack::cli {
namespace {

using route::Context;

constexpr std::string_view kPong = "finack: pong\n";
constexpr std::string_view kPlain = "text/plain; charset=utf-8";
constexpr Millis kPatience{200};

/// A number of the query string, at most `most`; `fallback` when absent or malformed.
std::uint64_t number(Context& c, std::string_view name, std::uint64_t fallback,
                     std::uint64_t most) {
  const std::string text = c.query(name);
  std::uint64_t value = fallback;
  const auto end = text.data() + text.size();
  if (text.empty() || std::from_chars(text.data(), end, value).ptr != end) value = fallback;
  return std::min(value, most);
}

Millis wait_of(Context& c, std::uint64_t fallback) {
  return Millis(number(c, "ms", fallback, 600'000));
}

Task<> slow(Context& c) {
  co_await c.sleep(wait_of(c, 1000));
  c.string(200, "done\n");
}

void big(Context& c) {
  const std::uint64_t kb = number(c, "kb", 64, 1024 * 1024);
  c.data_owned(200, "application/octet-stream", std::string(kb * 1024, 'x'));
}

Task<> stream(Context& c) {
  const std::uint64_t chunks = number(c, "n", 10, 1'000'000);
  const Millis wait = wait_of(c, 100);
  c.stream(kPlain);
  for (std::uint64_t i = 0; i < chunks; ++i) {
    if (i > 0) co_await c.sleep(wait);
    co_await c.write("chunk " + std::to_string(i) + "\n");
  }
}

/// Streams the body back while it comes.
Task<> stream_echo(Context& c) {
  c.stream(kPlain);
  while (const auto piece = co_await c.read_body()) co_await c.write(*piece);
}

/// Streams as many chunks as `after=` asks for, so that what follows cuts a response; none by
/// default.
Task<> begin_response(Context& c) {
  const std::uint64_t chunks = number(c, "after", 0, 1000);
  if (chunks > 0) c.stream(kPlain);
  for (std::uint64_t i = 0; i < chunks; ++i) co_await c.write("chunk " + std::to_string(i) + "\n");
}

/// Throws, after `ms` also where the client has left meanwhile.
Task<> panic(Context& c) {
  co_await begin_response(c);
  const Millis wait = wait_of(c, 0);
  try {
    if (wait > Millis(0)) co_await c.sleep(wait);
    // NOLINTNEXTLINE(bugprone-empty-catch): panics all the same.
  } catch (const route::client_left&) {
  }
  throw std::runtime_error("the demo was asked to panic");
}

Task<> abort(Context& c) {
  co_await begin_response(c);
  c.abort_connection();
}

/// Promises 100 bytes and sends `sent` of them.
void promise_hundred(Context& c, std::size_t sent) {
  http::ResponseHead head;
  head.content_type = kPlain;
  head.content_length = 100;
  if (c.exchange().start(head)) c.exchange().write(std::string(sent, 'x'));
}

/// Answers while the client is still sending: a coroutine starts before the body has come.
Task<> answer_early(Context& c) {
  c.string(413, "not wanted\n");
  co_return;
}

/// Waits a moment for the body, then answers without it or, with `?abort`, aborts.
Task<> lose_patience(Context& c) {
  http::BodyRead read = c.exchange().read_body();
  while (read.kind == http::BodyRead::Kind::chunk) read = c.exchange().read_body();
  if (read.kind == http::BodyRead::Kind::wait) co_await c.sleep(kPatience);
  if (c.exchange().request().query == "abort") {
    c.abort_connection();
  } else {
    c.string(413, "not wanted\n");
  }
  co_return;
}

/// What GET /json answers and POST /json takes.
struct Greeting {
  std::string message;
  std::uint32_t count = 0;
};
BOOST_DESCRIBE_STRUCT(Greeting, (), (message, count))

void post_json(Context& c) {
  const auto greeting = c.bind_json<Greeting>();
  if (!greeting) {
    c.json(400, {{"error", greeting.error().message}, {"pointer", greeting.error().pointer}});
    return;
  }
  c.json(200, *greeting);
}

}  // namespace

void add_demo_routes(route::Engine& engine) {
  engine.get("/ping", [](Context& c) { c.data_view(200, kPlain, kPong); });
  engine.get("/slow", slow);
  engine.get("/big", big);
  engine.post("/echo", [](Context& c) {
    const std::string_view type = c.header("Content-Type");
    c.data(200, type.empty() ? "application/octet-stream" : type, c.body());
  });
  engine.get("/stream", stream);
  engine.post("/stream", stream_echo);
  engine.get("/panic", panic);
  engine.get("/abort", abort);
  engine.get("/no-reply", [](Context&) {});
  engine.get("/json", [](Context& c) { c.json(200, Greeting{"hello", 1}); });
  engine.post("/json", post_json);
  engine.get("/busy", [](Context& c) {
    std::this_thread::sleep_for(std::min<Millis>(wait_of(c, 100), std::chrono::seconds(2)));
    c.string(200, "the loop was blocked meanwhile\n");
  });
  engine.get(
      "/blocking", route::blocking([](Context& c) {
        std::this_thread::sleep_for(std::min<Millis>(wait_of(c, 100), std::chrono::seconds(30)));
        c.string(200, "a pool thread waited\n");
      }));
  engine.get("/short-body", [](Context& c) { promise_hundred(c, 40); });
  engine.get("/over-body", [](Context& c) { promise_hundred(c, 140); });
  // The kernel promises a page of each, and has less of the one and, of the loopback interface,
  // refuses to read the other.
  engine.get("/shrunk-file", [](Context& c) { c.file("/sys/class/net/lo/mtu"); });
  engine.get("/unreadable-file", [](Context& c) { c.file("/sys/class/net/lo/speed"); });
  engine.post("/upload-early", answer_early);
  engine.post("/impatient", lose_patience);
}

}  // namespace finack::cli
