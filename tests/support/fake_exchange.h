#pragma once
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "finack/http/exchange.h"

namespace finack::tests {

/// An Exchange without a server: one request goes in, what the handler does comes out. Time moves
/// by advance(), bytes by feed(), the client leaves by leave(). The test's thread is its loop;
/// post() may be called from other threads and runs in run_posted(). After finish() or abort() any
/// further call is a handler's mistake and is counted in touched_after_end.
class FakeExchange final : public http::Exchange {
 public:
  FakeExchange(std::string method, std::string target);

  // Building the request, before it is handled.
  FakeExchange& add_header(std::string name, std::string value);
  /// Upgrade, and Connection with it.
  FakeExchange& ask_upgrade(std::string protocol);
  /// The whole body at hand; sets Content-Length.
  FakeExchange& set_body(std::string body);
  /// A body that comes in pieces through feed().
  FakeExchange& expect_body(http::Framing framing = http::Framing::chunked);
  FakeExchange& set_peer(Address peer);
  FakeExchange& set_host(std::string host);
  /// Behind a chunked body.
  FakeExchange& add_trailer(std::string name, std::string value);
  /// Of a body that is expected: its length, or chunks.
  FakeExchange& set_content_length(std::uint64_t bytes);

  // Acting as client and clock.
  void feed(std::string bytes);
  void end_body();
  /// The client leaves: waits end, stop is requested, writes are gone.
  void leave(record::Cause cause = record::Cause::client_left_waiting);
  /// The same, but nobody is woken: left() and the next read or write tell.
  void leave_silently(record::Cause cause);
  void advance(Nanos by);
  /// write() says wait from now on, until open_window().
  void close_window() { window_open_ = false; }
  void open_window();
  /// Runs posted functions; `wait_for_one` blocks until there is one.
  void run_posted(bool wait_for_one = false);

  /// After upgrade(): bytes of the client, its FIN, and the tunnel's end.
  void feed_tunnel(std::string_view bytes) { tunnel->on_tunnel_bytes(bytes); }
  void finish_tunnel() { tunnel->on_tunnel_fin(); }
  void end_tunnel(record::Cause cause, record::How how);

  // What came out.
  http::TunnelObserver* tunnel = nullptr;  ///< Between upgrade() and the tunnel's end.
  bool tunnel_finished = false;            ///< finish() in a tunnel.
  bool reading_paused = false;
  int status = 0;
  std::string content_type;
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<std::pair<std::string, std::string>> trailers_sent;
  std::size_t buffers_taken = 0;  ///< By write_buffer().
  std::string body;
  const char* body_data = nullptr;  ///< Where respond() found the body: shows a copy.
  std::uint64_t content_length = 0;
  bool close = false;
  bool responded = false;
  bool streamed = false;
  bool ended = false;
  std::optional<record::Cause> aborted;          ///< abort()'s cause.
  record::Cause cause = record::Cause::unknown;  ///< ResponseHead::cause.
  record::Evidence evidence;                     ///< ResponseHead::evidence, where it has one.
  std::string exception;
  std::string route;
  std::string request_id;
  std::vector<record::UpstreamTry> upstream;
  record::ConnectionId other_leg;
  bool runs_on = false;      ///< set_runs_on() was called.
  std::vector<bool> queued;  ///< Each change of set_queued().
  std::vector<int> informed;
  std::vector<std::pair<std::string, std::string>> informed_headers;  ///< Of the last of them.
  int touched_after_end = 0;
  int left_polls = 0;
  bool refuse_heads = false;    ///< A response's head is refused as if a field were bad.
  bool record_response = true;  ///< false: allocates nothing, for the allocation test.

  std::string header_sent(std::string_view name) const;
  /// Pieces of the body that were fed and not read.
  std::size_t pieces_waiting() const { return pieces_.size(); }
  bool sleeping() const { return static_cast<bool>(sleeper_); }
  /// Makes it ready for the same request again, without freeing buffers.
  void reset_response();

  // http::Exchange.
  const http::RequestHead& request() const override { return head_; }
  const Address& peer() const override { return peer_; }
  const Address& local() const override { return local_; }
  record::ConnectionId connection() const override { return {1, 0, 7}; }
  std::uint32_t number() const override { return 1; }
  http::BodyRead read_body() override;
  void on_body_ready(Callback fn) override;
  std::span<const http::Header> trailers() const override { return trailers_; }
  bool body_at_hand(std::string_view& out) override;
  void inform(int code, std::span<const http::Header> fields) override;
  bool respond(const http::ResponseHead& head, std::string_view bytes) override;
  bool respond_owned(const http::ResponseHead& head, std::string&& bytes) override;
  bool respond_file(const http::ResponseHead& head, int file, std::uint64_t offset,
                    std::uint64_t bytes) override;
  bool start(const http::ResponseHead& head) override;
  http::WriteState write(std::string_view bytes) override;
  http::WriteState write_buffer(Buffer&& bytes) override;
  void on_write_ready(Callback fn) override;
  void finish(std::span<const http::Header> fields) override;
  void abort(record::Cause why, std::string_view thrown) override;
  bool started() const override { return responded; }
  bool upgrade(const http::ResponseHead& head, http::TunnelObserver& observer) override;
  void pause_reading() override;
  void resume_reading() override;
  void sleep(Nanos d, Callback fn) override;
  void post(Callback fn) override;
  Instant now() const override { return clock_.now(); }
  std::stop_token stop_token() override;
  http::Departure left() override;
  void set_route(const http::RouteLabel& label) override;
  void set_request_id(std::string_view id) override;
  void set_upstream(std::span<const record::UpstreamTry> tries) override;
  void set_other_leg(const record::ConnectionId& dialed) override { other_leg = dialed; }
  void set_queued(bool now_queued) override;
  void set_runs_on() override { runs_on = true; }

 private:
  bool take_head(const http::ResponseHead& head);
  void end();
  void touch();
  static void call(Callback& slot);

  // The request's bytes live here: head_ has views of them.
  std::deque<std::string> texts_;
  http::RequestHead head_;
  std::vector<http::Header> trailers_;
  Address peer_;
  Address local_;
  std::string whole_body_;
  bool at_hand_ = true;
  std::deque<std::string> pieces_;
  std::string current_piece_;
  bool body_ended_ = false;

  ManualClock clock_;
  Instant wake_at_{};
  Callback sleeper_;
  Callback body_waiter_;
  Callback write_waiter_;
  bool window_open_ = true;
  http::Departure departure_;
  std::optional<std::stop_source> stop_;

  std::mutex mutex_;
  std::condition_variable_any posted_any_;
  std::deque<Callback> posted_;
};

}  // namespace finack::tests
