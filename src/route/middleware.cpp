#include "finack/route/middleware.h"

#include <fmt/format.h>
#ifdef __SSSE3__
#include <tmmintrin.h>
#endif

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <iterator>
#include <random>
#include <string>
#include <utility>

#include "route/request_state.h"

namespace finack::route {

namespace {

using Line = fmt::basic_memory_buffer<char, 512>;

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

/// xoroshiro128++ (Blackman, Vigna): names need to differ, not to be secret.
class Random {
 public:
  std::uint64_t next() {
    if (state_[0] == 0 && state_[1] == 0) seed();
    const std::uint64_t sum = std::rotl(state_[0] + state_[1], 17) + state_[0];
    state_[1] ^= state_[0];
    state_[0] = std::rotl(state_[0], 49) ^ state_[1] ^ (state_[1] << 21);
    state_[1] = std::rotl(state_[1], 28);
    return sum;
  }

 private:
  [[gnu::noinline]] void seed() {
    std::random_device device;
    for (std::uint64_t& word : state_) word = std::uint64_t{device()} << 32 | device() | 1;
  }
  std::array<std::uint64_t, 2> state_{};  ///< All zero: not seeded yet, and never again.
};

constexpr std::size_t kMadeIdBytes = 32;

#ifdef __SSSE3__
void write_hex(std::uint64_t one, std::uint64_t two, char* place) {
  const __m128i digits =
      _mm_setr_epi8('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f');
  const __m128i bits = _mm_set_epi64x(static_cast<long long>(two), static_cast<long long>(one));
  const __m128i mask = _mm_set1_epi8(15);
  const __m128i low = _mm_shuffle_epi8(digits, _mm_and_si128(bits, mask));
  const __m128i high = _mm_shuffle_epi8(digits, _mm_and_si128(_mm_srli_epi64(bits, 4), mask));
  std::memcpy(place, &low, sizeof low);
  std::memcpy(place + sizeof low, &high, sizeof high);
}
#else
void write_hex(std::uint64_t one, std::uint64_t two, char* place) {
  for (int i = 0; i < 16; ++i, one >>= 4, two >>= 4) {
    *place++ = "0123456789abcdef"[one & 15];
    *place++ = "0123456789abcdef"[two & 15];
  }
}
#endif

/// Writes random hex digits. The order of their nibbles is as good as any.
std::string_view write_random_id(char* place) {
  thread_local constinit Random random;
  const std::uint64_t one = random.next();
  write_hex(one, random.next(), place);
  return {place, kMadeIdBytes};
}

// Apart from the middleware, which then saves fewer registers when it makes a name.
[[gnu::noinline]] std::string_view kept_id(Response& response, std::string_view offered) {
  return sane_id(offered) ? response.keep(offered) : write_random_id(response.room(kMadeIdBytes));
}

}  // namespace

HandlerFunction logger(LineSink sink) {
  return HandlerFunction([sink = std::move(sink)](Context& c) {
    c.on_finished([&sink, began = c.now()](Context& done) {
      log_request(done, began, sink ? sink : done.state().engine->log());
    });
  });
}

HandlerFunction recovery(FailureHook hook) {
  return HandlerFunction([hook = std::move(hook)](Context& c) { c.state().recovery = &hook; });
}

HandlerFunction request_id() {
  return HandlerFunction([](Context& c) {
    RequestState& state = c.state();
    const std::string_view offered = state.exchange->request().header("X-Request-Id");
    state.request_id = offered.empty() ? write_random_id(state.response.room(kMadeIdBytes))
                                       : kept_id(state.response, offered);
    state.exchange->set_request_id(state.request_id);
    state.response.set_kept_header("X-Request-Id", state.request_id);
  });
}

HandlerFunction timeout(Nanos d, int status) {
  return HandlerFunction([d, status](Context& c) { c.set_deadline(d, status); });
}

}  // namespace finack::route
