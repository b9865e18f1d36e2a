#pragma once
#include <cstdint>
#include <optional>

#include "finack/base/address.h"
#include "finack/record/flight_recorder.h"
#include "finack/record/ledger.h"
#include "net/tcp_stream.h"
#include "net/timer_wheel.h"
#include "record/live_page.h"
#include "server/verdict.h"

namespace finack {
class Outbox;
}

namespace finack::server {

class Http1Exchange;
class Site;
class Worker;
struct Settings;
struct RequestTimes;

/// The procedure of closing: the ending that stands unless something worse comes before the last
/// acknowledgement, and how far the procedure is.
struct Closing {
  static constexpr std::size_t kUnread = ~std::size_t{0};
  record::Ending ending;
  Instant since{};        ///< When our FIN was sent.
  Instant progress_at{};  ///< When the client last acknowledged something.
  /// As last read; kUnread: not yet since our FIN, so that the first look is no progress.
  std::size_t unacked = 0;
  Nanos poll{0};       ///< How soon to look again, once only the acknowledgement is missing.
  bool acked = false;  ///< Everything was acknowledged.
  std::uint64_t discarded = 0;  ///< Bytes the client sent after our FIN.
};

/// One accepted connection: the only owner of its state, from accept to its one record. Lives in
/// its worker's slab; everything that only a busy connection needs is leased (Http1Exchange,
/// Closing). The phase is explicit; enter() is the one way to change it.
class Connection final : public StreamObserver, public net::Timer {
 public:
  /// `site`: of the worker's. `by_address`: it was counted so when it was admitted.
  Connection(Worker& worker, Fd fd, const Address& peer, std::uint16_t site, bool by_address,
             std::uint64_t sequence);
  ~Connection() = default;

  /// Opens the books' entry and starts reading.
  void open();

  // For the exchange.
  record::Phase phase() const { return phase_; }
  void enter(record::Phase phase) {
    if (phase != phase_) change_phase(phase);
  }
  /// Sends what the outbox holds, as far as the client takes it.
  void flush();
  /// The exchange has nothing in progress: back to idle, or to the close it wanted.
  void request_done();
  /// Decides the ending. What happens then (reply, FIN, reset, nothing more) follows from the
  /// verdict.
  void end(const Verdict& verdict, const record::Evidence& evidence);
  void rearm();
  /// Pauses at limits.read_buffer_bytes unread bytes, and resumes at half of them.
  void update_reading();
  bool reading_paused() const { return paused_; }
  // For its tunnel.
  void hold_reading(bool hold);
  /// Our FIN, though the client's direction goes on.
  void finish_writing() { stream_.shutdown_write(); }
  /// Both directions are finished: what is left is the acknowledgement.
  void finish_tunnel(const Verdict& verdict) { begin_close(verdict, {}); }
  void defer(net::Deferred& work) { stream_.loop().defer(work); }
  std::uint32_t next_request() { return ++requests_; }
  std::uint32_t requests() const { return requests_; }
  void start_rate(RequestTimes& times) const;
  /// Names a timer's setting and value, as the thing that decided.
  record::Evidence timer_evidence(record::TimerKind timer) const;
  /// Keeps memory that a pending send still reads until the stream is closed.
  void park(Outbox& outbox);
  void note_version(std::uint8_t minor) { http10_ = minor == 0; }
  void note_response_bytes(std::uint64_t n) {
    last_response_bytes_ = static_cast<std::uint32_t>(n);
  }
  bool peer_finished() const { return peer_fin_; }
  /// The client has finished, and all it sent has been delivered.
  bool input_over() const { return peer_fin_ && !paused_ && !stream_.readable(); }
  bool past_lifetime() const;
  StreamEnd peek_end() const { return stream_.peek_end(); }
  /// The client's kernel acknowledges nothing any more.
  bool vanished() const { return peer_gone(stream_.tcp_facts()); }
  std::optional<Verdict> judge_end(EndKind kind) const {
    return judge_end(kind, stream_.unacknowledged());
  }
  record::ConnectionId id() const;
  /// Where it was accepted, or where it moved since.
  Site& site() const;
  /// From its next request on it goes by other terms of its listener.
  void move_to(std::uint16_t site) { site_ = site; }
  const Address& peer() const { return peer_; }
  Address local() const;

  // For the worker.
  /// An idle or fresh connection begins to close for `cause` (operator.shutdown,
  /// operator.reload_retired, policy.idle_evicted); a busy one closes after its response. True if
  /// it was idle.
  bool retire(record::Cause cause);
  /// Ends it at once (timeout.drain, operator.shutdown_forced, operator.killed).
  /// False if its close was already agreed and nothing was lost.
  bool cut(record::Cause cause);
  bool closing() const { return closing_ != nullptr; }
  /// Its place among the allowed connections went to another one.
  void give_up_place() { has_place_ = false; }
  bool has_place() const { return has_place_; }
  bool counted_by_address() const { return by_address_; }
  bool over() const { return over_; }
  record::LiveConnection describe() const;
  Instant phase_since() const { return phase_since_; }

  // StreamObserver.
  void on_bytes(Buffer chunk) override;
  void on_end(StreamEnd end) override;
  void on_sent(SendResult result) override;
  void on_writable() override;
  void on_closed() override;

 private:
  struct Due {
    record::TimerKind timer = record::TimerKind::idle;
    Instant at = Instant::max();
  };

  Worker& worker() const;
  const Settings& settings() const;
  void on_timer() override;
  Due next_due() const;
  void add_busy_dues(Due& due) const;
  void fire(record::TimerKind timer);
  bool really_due(record::TimerKind timer);
  record::Evidence note_fired(record::TimerKind timer);
  void fire_idle(record::TimerKind timer);
  void fire_closing();

  void change_phase(record::Phase phase);
  void half_closed();
  Facts facts(EndKind end, std::size_t unacked) const;
  std::optional<Verdict> judge_end(EndKind kind, std::size_t unacked) const;
  void begin_close(const Verdict& verdict, const record::Evidence& evidence);
  record::Delivered delivered(std::size_t undelivered) const;
  bool end_closing(const Verdict& late, const record::Evidence& evidence);
  void check_close();
  void finalize(const record::Ending& ending, bool reset) {
    finalize(ending, reset, stream_.unacknowledged());
  }
  void finalize(const record::Ending& ending, bool reset, std::size_t unacked);
  record::Ending make_ending(const Verdict& verdict, const record::Evidence& evidence) const;
  void write_record(record::ConnectionRecord& record);
  bool took(const SendResult& result, bool from_file);
  void cut_file(int error);
  void discard(Buffer chunk);

  Http1Exchange* active_ = nullptr;
  Closing* closing_ = nullptr;
  std::uint64_t sequence_ : 48;  ///< Enough for a million connections a second over 8 years.
  std::uint64_t site_ : 16;
  Instant opened_;
  Instant phase_since_;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  net::TcpStream stream_;
  Address peer_;
  std::uint32_t requests_ = 0;
  std::uint32_t last_response_bytes_ = 0;
  record::ConnectionEntry entry_;
  record::Phase phase_ = record::Phase::accept;
  bool peer_fin_ : 1 = false;
  bool send_pending_ : 1 = false;
  bool blocked_ : 1 = false;  ///< The window is full: on_writable will come.
  bool paused_ : 1 = false;
  bool over_ : 1 = false;  ///< Recorded; only on_closed is to come.
  bool http10_ : 1 = false;
  bool has_place_ : 1 = true;
  bool by_address_ : 1;
  record::FlightRecorder recorder_;
};
static_assert(sizeof(Connection) <= 248, "it stands in memory for every idle client");

}  // namespace finack::server
