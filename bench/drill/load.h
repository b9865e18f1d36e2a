#pragma once
#include <cstdint>
#include <random>
#include <string>

namespace finack::bench {

struct LoadOptions {
  std::uint16_t port = 8080;
  double seconds = 10;
  unsigned keep = 0;     ///< Clients that keep their connection.
  unsigned brief = 0;    ///< Clients with a connection for each request.
  unsigned tunnels = 0;  ///< WebSocket tunnels; each lives for tunnel_life, then another is opened.
  std::int64_t pace = 100'000'000;        ///< Nanoseconds from an answer to the next request.
  std::int64_t around = 0;                ///< If set: waves of requests with gaps around this.
  std::int64_t timeout = 10'000'000'000;  ///< Nobody waits longer for an answer.
  std::int64_t tunnel_life = 5'000'000'000;
  unsigned post = 0;   ///< Per cent of requests that are POSTs.
  unsigned body = 64;  ///< Bytes of a POST's body.
  std::uint64_t first_id = 1;
  std::string log;
};

/// When the next request is due. Steady clients are independent; in waves all clients ask within
/// two milliseconds, so that as many upstream connections become idle at the same time.
class Rhythm {
 public:
  Rhythm(const LoadOptions& options, std::int64_t now);
  /// After an answer at `now`.
  std::int64_t next(std::int64_t now);
  /// A first time for each client.
  std::int64_t first(std::int64_t now) { return next(now); }
  bool post() { return random_() % 100 < options_.post; }

 private:
  std::int64_t between(std::int64_t low, std::int64_t high);
  std::int64_t draw_gap();

  LoadOptions options_;
  std::mt19937_64 random_;
  std::int64_t next_wave_;
};

}  // namespace finack::bench
