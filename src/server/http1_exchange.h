#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/inbox.h"
#include "base/outbox.h"
#include "finack/http/exchange.h"
#include "finack/record/ledger.h"
#include "http/chunked_decoder.h"
#include "http/head_parser.h"
#include "net/loop.h"
#include "server/answered_request.h"
#include "server/request_progress.h"
#include "server/tunnel.h"
#include "server/verdict.h"

namespace finack::server {

class Connection;
class Site;
class Worker;
struct Settings;

/// The HTTP/1 request in progress on a connection: its input, its output, and what its handler
/// sees. Leased from the worker when the first byte of a request arrives and given back when the
/// connection is idle again. When the connection ends first, it lives on, orphaned, until the
/// handler lets go.
class Http1Exchange final : public http::Exchange, public net::Deferred {
 public:
  explicit Http1Exchange(Worker& worker);
  ~Http1Exchange() override;

  // For the connection.
  void begin(Connection& connection);
  /// Gives back what it holds, before it waits for its next connection.
  void clear();
  /// Gives back the buffer it keeps for its next response.
  void shed() { outbox_.shed(); }
  void on_input();
  void resume_input();
  /// The kernel took bytes, at `now`: settles what is complete.
  void on_handed(Instant now);
  /// The connection ends: records its requests, but for one whose handler still runs, when the
  /// exchange is orphaned and the handler told. The connection must not use it afterwards.
  void leave(const record::Ending& ending, std::uint64_t unacked);
  void on_client_fin();
  /// Records the request of an orphan; its handler may let go later, or never.
  void settle_orphan();
  /// Answers `status` with Connection: close, if no response has started. False: one had.
  bool answer_error(int status, const Verdict& verdict, const record::Evidence& evidence);
  /// Stops the response where it stands; what is queued is still sent, then the connection closes.
  /// `evidence`: its own; nullptr: what is known already.
  void cut(const Verdict& verdict, const record::Evidence* evidence = nullptr);
  /// The same, of the answer whose file could not be sent to its end.
  void cut_file(const Verdict& verdict, const record::Evidence* evidence = nullptr);
  void want_close(const Verdict& verdict);
  void note_body_progress(record::Evidence& evidence) const;
  /// What ended the wait for the last acknowledgement, for the requests that still wait for it.
  void set_late(const Verdict& verdict, const record::Evidence& evidence);

  /// Nothing in progress and nothing to send: may be given back.
  bool idle() const;
  /// A request is in progress that the connection waits for.
  bool busy() const {
    return r_.stage == Stage::queued || r_.stage == Stage::handling || r_.stage == Stage::tunnel ||
           r_.stage == Stage::released;
  }
  /// The handler has let go, and release() is to come.
  bool to_release() const { return r_.stage == Stage::released || r_.stage == Stage::done; }
  bool answered() const { return r_.stage == Stage::answered; }
  bool not_started() const { return r_.stage == Stage::queued; }
  /// Asks the handler to stop because its own time is up. False: it goes on for now.
  bool stop_in_time(const Verdict& verdict);
  bool handler_running() const {
    return r_.stage == Stage::handling || r_.stage == Stage::detached;
  }
  /// The request's body as it was received: its framed end is here, or not yet, or what came breaks
  /// a rule of framing and nobody has read that far.
  enum class BodyState : std::uint8_t { whole, open, broken };
  /// Walks over what waits unread of a chunked body: ask once.
  BodyState body_state() const { return body_unread() ? unread_body_state() : BodyState::whole; }
  bool body_open() const { return body_state() == BodyState::open; }
  bool begun() const { return r_.stage != Stage::head || parser_.begun(); }
  /// Bytes of a final response are queued or sent (interim responses do not count).
  bool responding() const { return r_.response != Response::none || !answered_.empty(); }
  bool response_started() const { return r_.response != Response::none; }
  bool response_incomplete() const { return r_.response == Response::started; }
  /// A whole request came and its response is not complete.
  bool response_owed() const {
    if (r_.body == Body::cut) return false;
    if (r_.stage == Stage::answered) return r_.response == Response::none;
    return busy() && !body_open() && r_.response != Response::finished;
  }
  std::uint64_t current_response_bytes() const;
  /// The response in progress, or the last one, was cut: its end will never come.
  bool response_cut() const;
  /// The number of the first request whose response is not wholly acknowledged; 0: none is lost.
  std::uint32_t first_unacknowledged(std::uint64_t acked_to) const;
  bool waits_for_body() const { return r_.waits_for_body; }
  bool fin_was_handling() const { return fin_handling_; }
  const CloseWish& close() const { return close_; }
  bool close_started() const { return close_.wanted && responding(); }
  /// That of its connection, also when that is gone.
  const Site& site() const { return *site_; }
  const record::Evidence& close_evidence() const { return close_evidence_; }
  SendWatch& sending() { return sending_; }
  /// When the kernel took the first byte of the oldest response that is not wholly taken.
  Instant first_response_byte() const;
  /// Sends what is queued at the end of the turn.
  void flush_soon();
  /// The handler has not read the body to its end; unlike body_open() this costs nothing.
  bool body_unread() const { return r_.body == Body::length || r_.body == Body::chunked; }
  /// The kernel took all that is queued of a request that is not over.
  void on_drained() {
    if (tunnel_) tunnel_->on_drained();
  }
  void note_tunnel_bytes(std::size_t n) { r_.body_bytes += n; }
  Inbox& inbox() { return inbox_; }
  Outbox& outbox() { return outbox_; }
  RequestTimes& times() { return r_.times; }
  const http::RouteLabel* route() const { return r_.route; }
  /// The dialed connection of the last request, which is in progress or was the last one.
  const record::ConnectionId& other_leg() const { return other_leg_; }

  // http::Exchange.
  const http::RequestHead& request() const override { return head_; }
  const Address& peer() const override;
  const Address& local() const override;
  record::ConnectionId connection() const override;
  std::uint32_t number() const override { return number_; }
  http::BodyRead read_body() override;
  void on_body_ready(Callback callback) override;
  std::span<const http::Header> trailers() const override;
  bool body_at_hand(std::string_view& out) override;
  void inform(int status, std::span<const http::Header> headers) override;
  bool respond(const http::ResponseHead& head, std::string_view body) override;
  bool respond_owned(const http::ResponseHead& head, std::string&& body) override;
  bool respond_file(const http::ResponseHead& head, int file, std::uint64_t offset,
                    std::uint64_t bytes) override;
  bool start(const http::ResponseHead& head) override;
  http::WriteState write(std::string_view bytes) override;
  http::WriteState write_buffer(Buffer&& bytes) override;
  void on_write_ready(Callback callback) override;
  void finish(std::span<const http::Header> trailers) override;
  void abort(record::Cause cause, std::string_view exception) override;
  bool started() const override { return r_.response != Response::none; }
  bool upgrade(const http::ResponseHead& head, http::TunnelObserver& observer) override;
  void pause_reading() override;
  void resume_reading() override;
  void sleep(Nanos d, Callback callback) override;
  void post(Callback fn) override;
  Instant now() const override;
  std::stop_token stop_token() override;
  http::Departure left() override;
  void set_route(const http::RouteLabel& route) override;
  void set_request_id(std::string_view id) override { request_id_ = id; }
  void set_upstream(std::span<const record::UpstreamTry> tries) override;
  void set_other_leg(const record::ConnectionId& dialed) override { other_leg_ = dialed; }
  void set_queued(bool queued) override;
  void set_runs_on() override { r_.runs_on = true; }

  void run_deferred() override;

 private:
  friend class Worker;
  using Response = RequestProgress::Response;
  using Body = RequestProgress::Body;
  using Out = RequestProgress::Out;

  static constexpr std::size_t kTriesKept = 8;

  class SleepTimer final : public net::Timer {
   public:
    explicit SleepTimer(Http1Exchange& owner) : owner_(owner) {}

   private:
    void on_timer() override;
    Http1Exchange& owner_;
  };

  // Input.
  bool try_head();
  void open_entry();
  void begin_request();
  void frame_body();
  void refuse(http::Reject reject);
  void cut_refused(Verdict verdict, const record::Evidence& evidence);
  [[gnu::noinline]] void skip_body();
  bool another_request_waits() const;
  /// What the inbox holds of the request's body: is the end missing, and how much comes behind it?
  struct Ahead {
    bool open = false;
    bool broken = false;  ///< Its framing breaks a rule.
    std::uint64_t behind = 0;
  };
  Ahead look_ahead() const;
  BodyState unread_body_state() const;
  http::BodyRead cut_body();
  http::BodyRead read_length();
  http::BodyRead read_chunked();
  void consume_returned();
  // Handlers.
  void start_handlers();
  void end_cut_request();
  void run_handler();
  void wake(Callback& callback);
  void end_here(const Verdict& verdict, const record::Evidence& evidence);
  void stop_handler(const Verdict& verdict);
  void wake_all();
  void let_go();
  void release();
  void end_orphan();
  void schedule();
  /// Nobody will read what the handler writes.
  bool gone() const;
  // Output.
  bool begin_response(const http::ResponseHead& head, bool whole, std::uint64_t length,
                      std::string_view body);
  /// Where a head was written: `used` bytes from `begin`, not yet committed.
  struct Room {
    char* begin;
    std::size_t used;
  };
  Room put_head(const http::ResponseHead& head, std::uint64_t length, std::size_t more);
  Room put_other_head(const http::ResponseHead& head, std::uint64_t length, std::size_t more);
  void decide_close(const http::ResponseHead& head, bool whole);
  void note_early_reply();
  void say_continue();
  void end_lifetime();
  void end_stream();
  void finish_response();
  void misuse();
  void cut_for(record::Cause cause);
  http::WriteState write_piece(std::string_view bytes, Buffer* whole);
  http::WriteState write_tunnel(std::string_view bytes);
  void abort_tunnel(record::Cause cause);
  void end_tunnel(const record::Ending& ending);
  void client_left(record::Cause cause);
  void override_close(const Verdict& verdict);
  void keep_close_evidence(const record::Evidence& evidence);
  bool writer_may_go_on() const;
  // Records.
  void file_answer();
  void settle_current(Instant now);
  void settle(AnsweredRequest& answered, const record::Ending& ending, Instant now);
  void settle_taken(Instant now);
  void settle_completed(AnsweredRequest& answered, record::CompletedRun& run);
  void settle_left(AnsweredRequest& request, std::uint64_t acked_to, record::CompletedRun& run);
  void settle_wanted(AnsweredRequest& answered, const record::Ending& ending, Instant now);
  record::Ending ending_of(const AnsweredRequest& answered, std::uint64_t acked_to,
                           bool asked) const;
  record::Ending own_ending(const record::Ending& ending, std::uint64_t acked_to) const;
  AnsweredRequest describe();
  void describe_behind();
  void add_rare(AnsweredRequest& request);
  void add_details(AnsweredRequest& request);
  void reset_request();
  void drop_callbacks();

  /// Its connection's, also when that is gone.
  const Settings& settings() const { return *settings_; }

  Worker& worker_;
  Connection* connection_ = nullptr;
  Site* site_ = nullptr;
  const Settings* settings_ = nullptr;
  RequestProgress r_;
  CloseWish close_;
  Inbox inbox_;
  Outbox outbox_;
  http::HeadParser parser_;
  http::RequestHead head_;
  http::ChunkedDecoder decoder_;
  std::vector<AnsweredRequest> answered_;
  struct Handed {
    std::uint64_t end;
    std::uint32_t number;
  };
  std::vector<Handed> handed_;  ///< Of pipelined answers: where they ended in the outbox.
  record::RequestEntry entry_;
  std::uint32_t number_ = 0;
  bool flush_ = false;         ///< There is something to send at the end of the turn.
  bool cut_ = false;           ///< The body was cut: ends the connection at the end of the turn.
  bool clean_ = true;          ///< Ready for the next request.
  bool in_handler_ = false;    ///< A frame of the handler is on the stack.
  bool fin_handling_ = false;  ///< The client's FIN came before a response byte was sent.
  SendWatch sending_;
  http::Departure departure_;
  record::Evidence evidence_;
  record::Evidence close_evidence_;
  std::optional<Verdict> late_;  ///< What ended the wait for the last acknowledgement.
  record::Evidence late_evidence_;
  std::optional<record::Ending> left_;  ///< The request's ending, for an orphan.
  record::ConnectionId other_leg_;
  mutable record::ConnectionId connection_id_;  ///< For an orphan.
  mutable Address peer_;                        ///< For an orphan.
  mutable Address local_;                       ///< Asked for rarely, found once.
  std::unique_ptr<Tunnel> tunnel_;
  std::string request_id_;
  std::string exception_;
  /// As many as a record keeps; made with the first request that has any.
  std::unique_ptr<std::array<record::UpstreamTry, kTriesKept>> tries_;
  Callback body_ready_, write_ready_, sleep_done_;
  SleepTimer sleep_timer_{*this};
  std::optional<std::stop_source> stop_;
};

}  // namespace finack::server
