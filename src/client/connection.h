#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/inbox.h"
#include "base/outbox.h"
#include "client/connection_user.h"
#include "client/upstream_server.h"
#include "client/verdict.h"
#include "finack/base/intrusive_list.h"
#include "finack/http/request_encoder.h"
#include "finack/record/flight_recorder.h"
#include "finack/record/ledger.h"
#include "net/happy_eyeballs.h"
#include "net/resolver.h"
#include "net/tcp_stream.h"
#include "record/live_page.h"

namespace finack::client {

/// One dialed HTTP/1.1 connection: the only owner of its state from the dial to its one record.
/// Serves one request at a time. Loop thread only.
class Connection final : public ListNode,
                         private StreamObserver,
                         private net::RaceObserver,
                         private net::LookupObserver,
                         private net::TlsObserver,
                         private net::Timer {
 public:
  struct Options {
    net::Loop* loop = nullptr;
    record::Ledger* ledger = nullptr;
    UpstreamServer* server = nullptr;  ///< Outlives the connection, as all of these.
    ConnectionOwner* owner = nullptr;
    const Timeouts* timeouts = nullptr;  ///< Copied.
    const http::ResponseLimits* limits = nullptr;
    net::Resolver* resolver = nullptr;  ///< Needed where the server's target is a name.
    record::ConnectionId id;
    record::Purpose purpose = record::Purpose::traffic;
    Nanos wall_offset{0};
  };
  explicit Connection(const Options& options);
  ~Connection();

  /// Opens the books' entry and dials. on_connected or on_ended follows, never from inside.
  void dial();

  // For its request: from send() until anything but Progress::more, or on_connection_end.
  /// Sends the head with `body`; more follows by write() when `body_follows`. The waits are its
  /// own.
  void send(ConnectionUser& user, const http::OutgoingRequest& head, http::Method method,
            std::string_view body, bool body_follows, const Timeouts& timeouts);
  /// A piece of the body, already framed by the head's Framing (chunk sizes are added here), or of
  /// what goes into a tunnel. False: wait for on_write_ready before the next. What is written after
  /// the server stopped reading is dropped: its answer may be on the way.
  bool write(std::string_view bytes);
  void finish_body(std::span<const http::Header> trailers);
  /// Of what was received already one more piece may come.
  void pause_reading();
  void resume_reading();
  /// In on_body: the buffer that its bytes fill, to be kept; empty where they lie otherwise.
  Buffer take_piece();
  /// Lets go of a request that nobody waits for: the connection ends for `cause`, and no more is
  /// told to the user. `fault`: it weighs more than its cause says, as the other leg.
  void cancel(record::Cause cause, const record::Evidence& evidence, bool fault = false);
  /// In a tunnel: our FIN, behind what was written.
  void finish_tunnel();
  // For the pool.
  Place place = Place::none;
  void cut(record::Cause cause);  ///< Ends it, whatever it does; its user is told.
  record::Phase phase() const { return phase_; }
  record::ConnectionId id() const { return id_; }
  UpstreamServer& server() const { return server_; }
  const Address& peer() const { return peer_; }  ///< Whom it reached; family none: nobody yet.
  std::uint32_t requests() const { return requests_; }
  bool reused() const { return requests_ > 1 || spare_; }
  void mark_spare() { spare_ = true; }
  /// Since when it is in its phase (free, when that is `pool`), and since when it is open.
  Instant phase_since() const { return phase_since_; }
  Instant opened() const { return opened_; }
  bool usable() const { return phase_ == record::Phase::pool && end_.kind == EndKind::none; }
  /// More of the request has to be sent yet, or never can be.
  bool request_due() const {
    return body_due_ || send_failed_ || send_pending_ || !outbox_.empty();
  }
  std::uint64_t request_bytes() const { return request_bytes_; }  ///< That the kernel has taken.
  bool maybe_sent() const { return maybe_sent_; }  ///< It may have taken a byte of the request.
  record::LiveConnection describe() const;

 private:
  void on_resolved(const net::Resolved& resolved) override;
  void on_race(net::RaceResult result) override;
  void on_handshake(const net::TlsHandshake& handshake) override;
  void on_timer() override;
  void on_bytes(Buffer chunk) override;
  void on_end(StreamEnd end) override;
  void on_sent(SendResult result) override;
  void on_writable() override;
  void on_closed() override { owner_.on_gone(*this); }

  /// What must not happen inside the user's own call, or before all events of the turn are known.
  struct Later final : net::Deferred {
    explicit Later(Connection& of) : connection(of) {}
    void run_deferred() override { connection.catch_up(); }
    Connection& connection;
  };
  void race(std::vector<net::DialTarget> targets);
  void secure();
  void connected();
  void catch_up();
  void enter(record::Phase phase);
  void arm(record::TimerKind timer, Nanos setting);
  void disarm() { loop_.timers().disarm(*this); }
  void put(std::string_view bytes);
  void put_end(std::span<const http::Header> trailers);
  void flush();
  void wait_for_room(bool progress);
  bool took(const SendResult& result);
  void request_sent();
  void read();
  bool handle(const http::ResponseParser::Step& step);
  bool deliver_interim(std::size_t consumed);
  bool wait_for_more(std::size_t consumed);
  bool deliver_head(std::size_t consumed);
  bool deliver_piece(const http::ResponseParser::Step& step);
  bool deliver_tunnel();
  bool done_with(std::size_t bytes);
  void response_done();
  void refuse();
  void look_for_end();
  void stream_over();
  void body_over();
  void tunnel_half_over();
  void send_own_fin();
  Facts facts() const;
  bool unread() const;
  record::FoundBy found_by() const;
  void end(const Verdict& verdict, record::Evidence evidence, bool fault = false);
  record::Delivered delivered(std::uint64_t unacked, std::uint64_t unsent) const;
  void close_stream(const Verdict& verdict);
  record::Evidence timer_evidence() const;
  void write_record(const record::Ending& ending);

  net::Loop& loop_;
  record::Ledger& ledger_;
  UpstreamServer& server_;
  ConnectionOwner& owner_;
  Timeouts timeouts_;  ///< The dial's, then those of the request that uses it.
  const http::ResponseLimits& limits_;
  net::Resolver* resolver_;
  record::ConnectionId id_, other_leg_;  ///< The latter: its last request's client.
  record::Purpose purpose_;
  Nanos wall_offset_;
  /// What only a dial needs; gone once it is connected.
  struct Dialing;
  std::unique_ptr<Dialing> dialing_;
  Later later_{*this};
  std::optional<net::TcpStream> tcp_;
  std::unique_ptr<net::TlsStream> tls_;
  ByteStream* stream_ = nullptr;  ///< The upper one of the two, once connected.
  ConnectionUser* user_ = nullptr;
  record::ConnectionEntry entry_;
  Inbox inbox_;
  Outbox outbox_;
  http::ResponseParser parser_;
  http::ReceivedResponse head_;
  Address peer_;
  Instant opened_{}, phase_since_{};
  Instant sent_at_{};     ///< When this request was begun.
  Nanos idle_before_{0};  ///< How long it had been free when this request was begun.
  Nanos setting_{0};      ///< Of the timer that is armed.
  std::uint64_t bytes_in_ = 0, bytes_out_ = 0;
  std::uint64_t request_bytes_ = 0;  ///< Of this request, taken by the kernel.
  std::size_t offered_ = 0;          ///< To the send that is pending.
  std::size_t piece_ = 0;            ///< Bytes of the body that the user is being given.
  std::uint32_t requests_ = 0;
  StreamEnd end_;  ///< How the stream ended, none while it goes on.
  record::TimerKind timer_ = record::TimerKind::connect;
  record::Phase phase_ = record::Phase::connect;
  bool spare_ : 1 = false;
  bool body_due_ : 1 = false;  ///< The user will write more of the request.
  bool chunked_ : 1 = false;
  bool send_pending_ : 1 = false, send_failed_ : 1 = false;  ///< Failed: writes are dropped.
  bool maybe_sent_ : 1 = false;  ///< Also in a send of which nothing has been told yet.
  bool blocked_ : 1 = false;
  bool room_wanted_ : 1 = false;  ///< write() said no.
  bool paused_ : 1 = false;
  bool interim_seen_ : 1 = false;
  bool parting_ : 1 = false;     ///< The last response is done; the server may close first.
  bool tunnel_fin_ : 1 = false;  ///< The server's, and told.
  bool own_fin_wanted_ : 1 = false, own_fin_sent_ : 1 = false;
  bool server_finished_first_ : 1 = false;  ///< Of a tunnel.
  bool over_ : 1 = false;                   ///< Recorded; only on_closed is to come.
  record::FlightRecorder recorder_;
};

}  // namespace finack::client
