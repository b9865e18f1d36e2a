#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "finack/base/buffer.h"
#include "finack/base/byte_stream.h"
#include "finack/base/clock.h"
#include "finack/http/message.h"
#include "finack/record/record.h"

namespace finack::http {

/// A route as endings, metrics and the watchdog name it. Owned by the engine, outlives all
/// exchanges.
struct RouteLabel {
  std::string pattern;  ///< "/users/:id"
};

/// What a pull at the request body yields.
struct BodyRead {
  enum class Kind : std::uint8_t {
    chunk,  ///< `bytes`, valid until the next call into the Exchange's body side.
    wait,   ///< Nothing yet: on_body_ready will be called once.
    end,    ///< The framed end was reached; trailers() is valid.
    cut     ///< The client left, the body broke a rule or a limit, or a timer fired: `left()` says.
  };
  Kind kind = Kind::wait;
  std::string_view bytes;
};

enum class WriteState : std::uint8_t {
  ready,  ///< Taken; go on.
  wait,   ///< Taken, but more should wait for on_write_ready (back-pressure).
  gone    ///< Not taken: the client left or the response was aborted; finish or abort and let go.
};

/// A response head. Views need to live only during the call.
struct ResponseHead {
  int status = 200;                 ///< 200..599
  std::string_view reason;          ///< "" : the standard phrase.
  std::string_view content_type;    ///< "" : no header.
  std::span<const Header> headers;  ///< Names and values are checked: a bad one fails start().
  std::uint64_t content_length = kChunked;  ///< kChunked: chunked, or close-delimited to HTTP/1.0.
  bool close = false;                       ///< Ask for Connection: close after this response.
  /// What the request ends with when this response goes out whole and the answer is an error of our
  /// own: policy.no_route, app.failed, upstream.refused … unknown: ok.completed.
  record::Cause cause = record::Cause::unknown;
  std::string_view exception;  ///< What the handler threw, for the record.
  /// What else the record shall say of that cause; nullptr: nothing. Copied.
  const record::Evidence* evidence = nullptr;
  static constexpr std::uint64_t kChunked = ~std::uint64_t{0};
};

/// Who left, when a request's client is gone. cause is unknown while it is not.
struct Departure {
  record::Cause cause = record::Cause::unknown;
  record::How how = record::How::none;
  Instant at{};
  explicit operator bool() const { return cause != record::Cause::unknown; }
};

/// The far side of a tunnel: gets what the client sends after an upgrade. All calls come on the
/// loop thread, never from inside a call into the Exchange.
class TunnelObserver {
 public:
  /// The client's bytes, in order; valid during the call. Not while reading is paused.
  virtual void on_tunnel_bytes(std::string_view bytes) = 0;
  /// The client finished its direction, behind its last byte; ours still works.
  virtual void on_tunnel_fin() = 0;
  /// After a write() that said `wait`: go on.
  virtual void on_tunnel_write_ready() = 0;
  /// The tunnel is over: ok.tunnel_done when both directions were finished, else whoever left.
  /// The last call, and the only one in which the Exchange may still be asked and told what its
  /// record shall say (set_upstream); it must not be touched afterwards.
  virtual void on_tunnel_end(const Departure& departure) = 0;

 protected:
  ~TunnelObserver() = default;
};

/// One request and its response, whatever the protocol version. Lives on one loop thread; only
/// post() may be called from others. It exists until its handler has called finish() or abort();
/// after either, the handler must not touch it again. The two directions are independent.
class Exchange {
 public:
  using Callback = std::move_only_function<void()>;

  virtual ~Exchange() = default;

  virtual const RequestHead& request() const = 0;
  virtual const Address& peer() const = 0;
  virtual const Address& local() const = 0;
  virtual record::ConnectionId connection() const = 0;
  /// From 1, on its connection.
  virtual std::uint32_t number() const = 0;

  // The request body: pull, with back-pressure.
  virtual BodyRead read_body() = 0;
  virtual void on_body_ready(Callback) = 0;
  virtual std::span<const Header> trailers() const = 0;
  /// True when the whole body already arrived in one piece: then `out` is all of it and nothing was
  /// copied. The view lives until finish or abort.
  virtual bool body_at_hand(std::string_view& out) = 0;

  // The response.
  /// An interim response (100..199, not 101). Ignored towards HTTP/1.0 clients.
  virtual void inform(int status, std::span<const Header> headers) = 0;
  /// The whole response at once; the hot path. False: a header was refused, nothing was sent.
  virtual bool respond(const ResponseHead& head, std::string_view body) = 0;
  /// As respond, taking the body without a copy.
  virtual bool respond_owned(const ResponseHead& head, std::string&& body) = 0;
  /// Sends `bytes` of `file` from `offset` as the body; the descriptor is owned from here on.
  virtual bool respond_file(const ResponseHead& head, int file, std::uint64_t offset,
                            std::uint64_t bytes) = 0;
  /// Starts a streamed response. False: a header was refused, nothing was sent.
  virtual bool start(const ResponseHead& head) = 0;
  virtual WriteState write(std::string_view bytes) = 0;
  /// As write, taking the buffer over without a copy: one of this exchange's loop.
  virtual WriteState write_buffer(Buffer&& bytes) = 0;
  virtual void on_write_ready(Callback) = 0;
  /// Ends the response. Fewer bytes than Content-Length promised: app.body_short; more:
  /// app.body_over. respond*() finish by themselves.
  virtual void finish(std::span<const Header> trailers = {}) = 0;
  /// Ends the request for `cause` (app.abort, app.failed, an upstream's end …): answers with the
  /// status that belongs to the cause when no response has started, else cuts the response visibly.
  /// A cause of the upstream's side (upstream.*, network.*, resource.*, the client role's timeouts)
  /// is the request's: 504 for waits, 503 where there was no place for it, else 502. Its connection
  /// ends, where the response was cut, with policy.other_leg.
  virtual void abort(record::Cause cause, std::string_view exception = {}) = 0;
  virtual bool started() const = 0;

  // A tunnel.
  /// Switches protocols: answers 101 with `head.headers` (Connection: Upgrade is added), and hands
  /// all that follows to `observer`, what came behind the request's head first, but never from
  /// inside this call. False: a header was refused, the request has a body that was not read to its
  /// end, came by HTTP/1.0 or has an answer already, or the client has left; nothing was sent, and
  /// the request is to be answered otherwise.
  ///
  /// From here on write() sends to the client, finish() is our FIN behind what was written, and the
  /// Exchange lives until on_tunnel_end. abort() ends the tunnel at once, and on_tunnel_end does
  /// not follow: timeout.tunnel_idle by a FIN where nothing is unsent, else by a reset; the
  /// upstream's causes are the request's alone, the connection ends with policy.other_leg. No timer
  /// of the server's runs, and sleep() is not cut short by the client's leaving.
  virtual bool upgrade(const ResponseHead& head, TunnelObserver& observer) = 0;
  /// Back-pressure in a tunnel: the client's bytes stay with the kernel until resume_reading().
  virtual void pause_reading() = 0;
  virtual void resume_reading() = 0;

  // Time, threads, cancellation.
  /// Calls back after `d` on the loop, or earlier when the client leaves; Nanos::max(): only then.
  /// One at a time: a second call replaces the first, whose callback is destroyed without a call.
  virtual void sleep(Nanos d, Callback) = 0;
  /// Runs `fn` on this exchange's loop; from any thread. The exchange must be kept alive by its
  /// handler.
  virtual void post(Callback fn) = 0;
  virtual Instant now() const = 0;
  virtual std::stop_token stop_token() = 0;
  /// Who left. On a plain handler's thread this polls the stream once.
  virtual Departure left() = 0;
  /// Names the route for records and the watchdog; called before user code runs.
  virtual void set_route(const RouteLabel& route) = 0;
  /// Names the request in its record (X-Request-Id).
  virtual void set_request_id(std::string_view id) = 0;
  /// The tries at upstreams so far, oldest first, for the request's record; copied. Each call
  /// replaces what the one before said; before the last call to the exchange.
  virtual void set_upstream(std::span<const record::UpstreamTry> tries) = 0;
  /// The dialed connection that works for the request from now on, for the record of the client's
  /// own, which may end at any time; sequence 0: none. The last of set_upstream replaces it.
  virtual void set_other_leg(const record::ConnectionId& dialed) = 0;
  /// The request waits, or does not wait any more, for a slot at an upstream (phase `queue`).
  virtual void set_queued(bool queued) = 0;
  /// The handler runs on though its client left, because its settings say so: that is no finding.
  virtual void set_runs_on() = 0;
};

/// What the server calls with every request; the one way into route, gateway and admin. Must not
/// throw.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual void handle(Exchange& exchange) = 0;
};

}  // namespace finack::http
