#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>

#include "finack/base/clock.h"
#include "finack/http/exchange.h"
#include "server/verdict.h"

namespace finack::server {

/// How far a request is. `busy` stages keep the connection waiting for the handler.
enum class Stage : std::uint8_t {
  head,      ///< No request yet: a head is awaited or being read.
  queued,    ///< The head was read; the handler starts when the wake-up is fully known.
  handling,  ///< The handler has it.
  tunnel,    ///< The handler has upgraded it.
  detached,  ///< Answered without the handler, which has not let go yet.
  released,  ///< The handler let go; its exchange is to be wound up.
  done,      ///< As released, of a request that had been answered without the handler.
  answered,  ///< Complete on our side; the kernel has not taken all of it.
};

/// When the parts of a request in progress began, for its deadlines. The epoch means: not yet.
struct RequestTimes {
  Instant head_started{};
  Instant head_done{};
  Instant handler_started{};
  Instant body_waited{};         ///< Since when we wait for body bytes.
  Instant response_started{};    ///< The kernel took its first byte.
  Instant response_owed{};       ///< Since when the handler owes response bytes.
  Instant rate_since{};          ///< Start of the window in which bytes are counted for min_rate,
  std::uint64_t rate_bytes = 0;  ///< and what the connection had received by then.
  Instant rate_paused{};         ///< When we stopped waiting for bytes.
};

/// The wait for the client to take response bytes. It outlives the requests that made them.
struct SendWatch {
  Instant progress_at{};    ///< When the kernel last took bytes, or the client acknowledged some.
  std::size_t unacked = 0;  ///< Unacknowledged bytes when noted, half-way to the timeout.
  bool noted = false;
  void start(Instant now) {
    progress_at = now;
    noted = false;
  }
};

/// What a request in progress knows of itself; plain values, so that the next one starts by
/// assignment.
struct RequestProgress {
  enum class Response : std::uint8_t { none, started, finished, broken };
  enum class Body : std::uint8_t { none, length, chunked, complete, cut };
  enum class Out : std::uint8_t { no_body, length, chunked, until_close };

  RequestTimes times;
  std::uint64_t body_left = 0;
  std::uint64_t body_bytes = 0;
  std::uint64_t response_begin = 0;  ///< Offset of the response in the outbox.
  std::uint64_t response_left = 0;
  std::size_t returned = 0;  ///< Inbox bytes under the view that read_body gave out.
  const http::RouteLabel* route = nullptr;
  std::optional<Verdict> verdict;  ///< Once decided; nothing: ok.completed.
  std::uint16_t status = 0;
  std::uint8_t tries = 0;  ///< At upstreams, of those that the exchange keeps.
  Stage stage = Stage::head;
  Response response = Response::none;
  Body body = Body::none;
  Out out = Out::no_body;
  bool head_method : 1 = false;  ///< HEAD: body bytes are counted, not sent.
  bool probed : 1 = false;       ///< The half-close probe was sent.
  bool runs_on : 1 = false;      ///< Its handler outlives the client by setting.
  bool continued : 1 = false;    ///< 100 Continue was sent for Expect.
  bool waits_for_body : 1 = false;
  bool has_evidence : 1 = false;
};

/// How the connection shall end after what is queued, once somebody wants that.
struct CloseWish {
  bool wanted = false;
  bool decided = false;     ///< A cause of ours; its reply is on the way.
  bool discard = false;     ///< What still comes is not a request any more.
  bool must_reset = false;  ///< A FIN would not show that the response is cut.
  bool has_evidence = false;
  Verdict verdict{};
};

}  // namespace finack::server
