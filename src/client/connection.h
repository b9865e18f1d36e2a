#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "client/upstream_server.h"
#include "client/verdict.h"
#include "finack/base/inbox.h"
#include "finack/base/intrusive_list.h"
#include "finack/base/outbox.h"
#include "finack/http/request_encoder.h"
#include "finack/http/response_parser.h"
#include "finack/record/flight_recorder.h"
#include "finack/record/ledger.h"
#include "net/dial.h"
#include "net/tcp_stream.h"

namespace finack::client {

/// One setting per wait, as docs/endings.md lists them for dialed connections; 0: none.
struct Timeouts {
  Nanos resolve = std::chrono::seconds(5);
  Nanos connect = std::chrono::seconds(5);
  Nanos tls = std::chrono::seconds(10);
  Nanos send = std::chrono::seconds(30);
  Nanos first_response_byte = std::chrono::seconds(60);
  Nanos response_idle = std::chrono::seconds(30);
};

/// How far a response is.
enum class Progress : std::uint8_t {
  more,      ///< More of it is to come.
  complete,  ///< That was all.
  unproved   ///< The end of the stream ended the body (upstream.body_end_unproved).
};

/// Receives what a connection has for the request that uses it. Calls come on the loop thread,
/// never from inside a call into the connection. After anything but Progress::more, and after
/// on_connection_end, the connection is not the user's any more.
class ConnectionUser {
 public:
  /// A 1xx head other than 101.
  virtual void on_interim(const http::ReceivedResponse& head) = 0;
  /// The final head, with what of the body came along. The views live during the call.
  virtual void on_response(const http::ReceivedResponse& head, std::string_view body,
                           Progress progress) = 0;
  /// More of the body; trailers come with its end. The views live during the call.
  virtual void on_body(std::string_view bytes, Progress progress,
                       std::span<const http::Header> trailers) = 0;
  /// Bytes behind 101 or CONNECT's 2xx.
  virtual void on_tunnel_bytes(std::string_view bytes) = 0;
  /// The server finished its direction of a tunnel.
  virtual void on_tunnel_fin() = 0;
  /// The connection ended, and the request with it. It is not the user's any more.
  virtual void on_connection_end(const record::Ending& ending) = 0;
  /// Room again after write() said wait.
  virtual void on_write_ready() = 0;

 protected:
  ~ConnectionUser() = default;
};

class Connection;

/// Whom a connection belongs to: the pool of its server on its worker.
class ConnectionOwner {
 public:
  /// Connected: free for its first request.
  virtual void on_connected(Connection& connection) = 0;
  /// A request is done and another may follow.
  virtual void on_free(Connection& connection) = 0;
  /// Ended and recorded; `user_told` says whether a user had it. Destroy it from on_gone only.
  virtual void on_ended(Connection& connection, const record::Ending& ending, bool had_user) = 0;
  /// Its descriptor is closed: it may be destroyed.
  virtual void on_gone(Connection& connection) = 0;

 protected:
  ~ConnectionOwner() = default;
};

/// One dialed HTTP/1.1 connection: the only owner of its state from the dial to its one record.
/// Serves one request at a time. Loop thread only.
class Connection final : public ListNode,
                         private StreamObserver,
                         private net::DialObserver,
                         private net::Timer {
 public:
  struct Options {
    net::Loop* loop = nullptr;
    record::Ledger* ledger = nullptr;
    UpstreamServer* server = nullptr;
    ConnectionOwner* owner = nullptr;
    const Timeouts* timeouts = nullptr;  ///< Outlives the connection.
    const http::ResponseLimits* limits = nullptr;
    record::ConnectionId id;
    record::Purpose purpose = record::Purpose::traffic;
    Nanos wall_offset{0};
  };
  explicit Connection(const Options& options);
  ~Connection() = default;

  /// Opens the books' entry and dials. on_connected or on_ended follows, never from inside.
  void dial();

  // For the request that uses it: between take() and on_response/on_body with complete, or
  // on_connection_end.
  /// Sends the head; `body` goes with it. More body follows by write() when `body_follows`.
  void send(ConnectionUser& user, const http::OutgoingRequest& head, http::Method method,
            std::string_view body, bool body_follows);
  /// A piece of the body, already framed by the head's Framing (chunk sizes are added here).
  /// False: wait for on_write_ready before the next.
  bool write(std::string_view bytes);
  void finish_body(std::span<const http::Header> trailers);
  void pause_reading();
  void resume_reading();
  /// Lets go of a request that nobody waits for: the connection ends for `cause`.
  void cancel(record::Cause cause);
  /// In a tunnel: our FIN.
  void finish_tunnel();

  // For the pool.
  /// Ends a free connection.
  void retire(record::Cause cause);
  /// Ends it whatever it does.
  void cut(record::Cause cause);

  record::Phase phase() const { return phase_; }
  record::ConnectionId id() const { return id_; }
  UpstreamServer& server() const { return server_; }
  std::uint32_t requests() const { return requests_; }
  bool reused() const { return requests_ > 1 || spare_; }
  void mark_spare() { spare_ = true; }
  /// Since when it is free, and since when it is open.
  Instant free_since() const { return phase_since_; }
  Instant opened() const { return opened_; }
  /// More of the request has to be sent yet.
  bool request_due() const { return body_due_ || !outbox_.empty() || send_pending_; }
  /// Bytes of this request that the kernel has taken.
  std::uint64_t request_bytes() const { return request_bytes_; }
  Nanos connect_time() const { return connect_time_; }

 private:
  void on_dialed(net::DialResult result) override;
  void on_timer() override;
  void on_bytes(Buffer chunk) override;
  void on_end(StreamEnd end) override;
  void on_sent(SendResult result) override;
  void on_writable() override;
  void on_closed() override { owner_.on_gone(*this); }

  /// What must not happen inside the user's own call, put off to the end of the turn.
  struct Later final : net::Deferred {
    explicit Later(Connection& of) : connection(of) {}
    void run_deferred() override { connection.catch_up(); }
    Connection& connection;
  };

  void catch_up();
  void enter(record::Phase phase);
  void arm(record::TimerKind timer, Nanos setting);
  void flush();
  bool took(const SendResult& result);
  void request_sent();
  void read();
  bool handle(const http::ResponseParser::Step& step);
  bool wait_for_more(std::size_t consumed);
  bool deliver_head(std::size_t consumed);
  bool done_with(std::size_t bytes);
  void note_offer();
  void response_done();
  void refuse();

  void look_for_end();
  void stream_over();
  Facts facts() const;
  void end(const Verdict& verdict, const record::Evidence& evidence);
  record::Evidence timer_evidence() const;
  void write_record(const record::Ending& ending);

  net::Loop& loop_;
  record::Ledger& ledger_;
  UpstreamServer& server_;
  ConnectionOwner& owner_;
  const Timeouts& timeouts_;
  const http::ResponseLimits& limits_;
  record::ConnectionId id_;
  record::Purpose purpose_;
  Nanos wall_offset_;
  net::Dial dial_;
  Later later_{*this};
  std::optional<net::TcpStream> stream_;
  ConnectionUser* user_ = nullptr;
  record::ConnectionEntry entry_;
  Inbox inbox_;
  Outbox outbox_;
  http::ResponseParser parser_;
  http::ReceivedResponse head_;
  Instant opened_{};
  Instant phase_since_{};
  Instant sent_at_{};  ///< When the first byte of this request was handed to the kernel.
  Nanos connect_time_{0};
  Nanos setting_{0};  ///< Of the timer that is armed.
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  std::uint64_t request_bytes_ = 0;  ///< Of this request, taken by the kernel.
  std::uint32_t requests_ = 0;
  StreamEnd end_;  ///< How the stream ended, none while it goes on.
  record::TimerKind timer_ = record::TimerKind::connect;
  record::Phase phase_ = record::Phase::connect;
  bool spare_ : 1 = false;
  bool body_due_ : 1 = false;  ///< The user will write more of the request.
  bool chunked_ : 1 = false;
  bool send_pending_ : 1 = false;
  bool blocked_ : 1 = false;
  bool room_wanted_ : 1 = false;  ///< write() said no.
  bool paused_ : 1 = false;
  bool interim_seen_ : 1 = false;
  bool parting_ : 1 = false;  ///< The last response is done; the server may close first.
  bool over_ : 1 = false;     ///< Recorded; only on_closed is to come.
  record::FlightRecorder recorder_;
};

}  // namespace finack::client
