#include "finack/route/middleware.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <ctime>
#include <iterator>
#include <random>
#include <string>
#include <utility>

#include "route/request_state.h"

namespace finack::route {

namespace {

using Line = fmt::basic_memory_buffer<char, 512>;

void write_standard_error(std::string_view line) {
  Line whole;
  whole.append(line);
  whole.push_back('\n');
  // One call a line, so that lines of several threads do not mix. Nobody to tell when it fails.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, whole.data(), whole.size());
}

void append_time(Line& line, WallTime wall) {
  const auto since = wall.time_since_epoch();
  const std::time_t seconds = std::chrono::duration_cast<std::chrono::seconds>(since).count();
  const auto millis = std::chrono::duration_cast<Millis>(since).count() % 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  fmt::format_to(std::back_inserter(line), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                 utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                 utc.tm_sec, millis);
}

void log_request(Context& c, Instant began, const LineSink& sink) {
  Line line;
  append_time(line, system_clock().wall());
  const double millis = std::chrono::duration<double, std::milli>(c.now() - began).count();
  auto out = std::back_inserter(line);
  if (c.response_status() != 0) {
    fmt::format_to(out, " {}", c.response_status());
  } else {
    fmt::format_to(out, " -");
  }
  fmt::format_to(out, " {:.3f}ms {} {} {}", millis, c.client_ip(), c.method(), c.path());
  if (!c.route().empty()) fmt::format_to(out, " route={}", c.route());
  if (!c.request_id().empty()) fmt::format_to(out, " id={}", c.request_id());
  if (c.cause() != record::Cause::unknown) {
    fmt::format_to(out, " cause={}", record::name(c.cause()));
  }
  sink(std::string_view(line.data(), line.size()));
}

bool sane_id(std::string_view id) {
  constexpr std::string_view kMarks = "-._:+=/";
  if (id.empty() || id.size() > 128) return false;
  for (const char c : id) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && kMarks.find(c) == std::string_view::npos) return false;
  }
  return true;
}

std::array<char, 32> random_id() {
  thread_local std::mt19937_64 engine = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  std::array<char, 32> text;
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i % 16 == 0) bits = engine();
    text[i] = "0123456789abcdef"[bits & 15];
    bits >>= 4;
  }
  return text;
}

}  // namespace

HandlerFunction logger(LineSink sink) {
  if (!sink) sink = write_standard_error;
  return HandlerFunction([sink = std::move(sink)](Context& c) {
    c.on_finished([&sink, began = c.now()](Context& done) { log_request(done, began, sink); });
  });
}

HandlerFunction recovery(FailureHook hook) {
  return HandlerFunction([hook = std::move(hook)](Context& c) { c.state().recovery = &hook; });
}

HandlerFunction request_id() {
  return HandlerFunction([](Context& c) {
    const std::string_view offered = c.header("X-Request-Id");
    if (sane_id(offered)) {
      c.set_request_id(offered);
    } else {
      const auto made = random_id();
      c.set_request_id(std::string_view(made.data(), made.size()));
    }
    c.header("X-Request-Id", c.request_id());
  });
}

HandlerFunction timeout(Nanos d, int status) {
  return HandlerFunction([d, status](Context& c) { c.set_deadline(d, status); });
}

}  // namespace finack::route
