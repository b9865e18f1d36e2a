#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "finack/http/exchange.h"
#include "finack/record/ledger.h"
#include "http/chunked_decoder.h"
#include "http/head_parser.h"
#include "net/loop.h"
#include "server/inbox.h"
#include "server/outbox.h"
#include "server/verdict.h"

namespace finack::server {

class Connection;
class Worker;

/// A request whose response is complete on our side and which waits for the kernel to take it, or, at a
/// closing connection, for the client to acknowledge it. Views point into the exchange's inbox.
struct AnsweredRequest {
  record::RequestEntry entry;
  Instant started;
  Instant first_byte{};           ///< When the kernel took the first byte; epoch: not yet.
  std::uint64_t begin = 0;        ///< Offsets of the response in the outbox.
  std::uint64_t end = 0;
  std::uint64_t body_in = 0;
  std::uint32_t number = 0;
  std::uint16_t status = 0;
  std::optional<Verdict> verdict;  ///< Where it is not ok.completed.
  record::Evidence evidence;
  std::string_view method;
  std::string_view target;
  const http::RouteLabel* route = nullptr;
  std::string exception;
  std::string request_id;
};

/// The HTTP/1 request in progress on a connection: its input, its output, and what its handler sees.
/// Leased from the worker when the first byte of a request arrives and given back when the
/// connection is idle again. When the connection ends first, it lives on, orphaned, until the handler lets go.
class Http1Exchange final : public http::Exchange, public net::Deferred {
 public:
  explicit Http1Exchange(Worker& worker);
  ~Http1Exchange() override;

  // For the connection.
  void begin(Connection& connection);
  /// Gives back what it holds, before it waits for its next connection.
  void clear();
  void on_input();
  void resume_input();
  /// Bytes were taken by the kernel, or the wait for acknowledgement is over: settles finished requests.
  void on_handed(Instant now);
  /// The connection ends with `verdict`: stop the handler, and record the request unless the handler
  /// still holds it, when the exchange is orphaned. Called last thing before the connection goes.
  void leave(const record::Ending& ending, std::uint64_t unacked);
  /// The verdict on the request in progress is known, but the connection still has something to say.
  void stop_handler(const Verdict& verdict);
  void on_client_fin();
  void refuse(http::Reject reject);
  /// Answers `status` with Connection: close, if no response has started. False: one had.
  bool answer_error(int status, const Verdict& verdict, const record::Evidence& evidence);
  void note_body_progress(record::Evidence& evidence) const;
  /// A whole request came and its response is not complete.
  bool response_owed() const { return serving_ && !body_open() && response_ != Response::finished; }
  std::uint64_t current_response_bytes() const;

  bool idle() const;              ///< Nothing in progress and nothing to send: may be given back.
  /// A request is in progress that the connection waits for.
  bool busy() const { return serving_ && !detached_; }
  bool handler_running() const { return started_ && !released_; }
  /// Bytes of a final response are queued or sent (interim responses do not count).
  bool responding() const { return response_ != Response::none || !answered_.empty(); }
  /// A FIN must not end this response's bytes: nothing else would show that they are cut.
  bool must_reset() const { return reset_close_; }
  bool body_open() const;         ///< The framed end of the request has not been received.
  bool begun() const { return serving_ || parser_.begun(); }
  bool close_wanted() const { return close_; }
  bool close_started() const { return close_ && (response_ != Response::none || !answered_.empty()); }
  bool response_started() const { return response_ != Response::none; }
  bool waits_for_body() const { return waits_for_body_; }
  bool discarding_input() const { return refused_; }
  Verdict close_verdict() const { return close_verdict_; }
  const record::Evidence& close_evidence() const { return evidence_; }
  /// A cause of ours has been decided and its reply is on the way.
  bool decided() const { return decided_; }
  bool fin_was_handling() const { return fin_handling_; }
  /// What ended the wait for the last acknowledgement: the verdict on requests that still wait for it.
  void set_late(const Verdict& verdict, const record::Evidence& evidence);
  /// Stops the response where it stands; what is queued is still sent, then the connection closes.
  void cut(const Verdict& verdict);
  void want_close(const Verdict& verdict);
  Inbox& inbox() { return inbox_; }
  Outbox& outbox() { return outbox_; }

  // Stamps for the deadlines.
  struct Times {
    Instant head_started{};
    Instant head_done{};
    Instant handler_started{};
    Instant body_waited{};     ///< Since when we wait for body bytes.
    Instant response_started{};
    Instant response_owed{};   ///< Since when the handler owes response bytes.
    Instant send_progress{};
    Instant rate_since{};
    std::uint64_t rate_bytes = 0;
    std::size_t stall_unacked = 0;
  };
  Times& times() { return times_; }
  bool response_incomplete() const { return response_ == Response::started; }

  // http::Exchange.
  const http::RequestHead& request() const override { return head_; }
  const Address& peer() const override;
  const Address& local() const override;
  record::ConnectionId connection() const override { return connection_id_; }
  std::uint32_t number() const override { return number_; }
  http::BodyRead read_body() override;
  void on_body_ready(Callback callback) override;
  std::span<const http::Header> trailers() const override { return decoder_.trailers(); }
  bool body_at_hand(std::string_view& out) override;
  void inform(int status, std::span<const http::Header> headers) override;
  bool respond(const http::ResponseHead& head, std::string_view body) override;
  bool respond_owned(const http::ResponseHead& head, std::string&& body) override;
  bool respond_file(const http::ResponseHead& head, int file, std::uint64_t offset,
                    std::uint64_t bytes) override;
  bool start(const http::ResponseHead& head) override;
  http::WriteState write(std::string_view bytes) override;
  void on_write_ready(Callback callback) override;
  void finish(std::span<const http::Header> trailers) override;
  void abort(record::Cause cause, std::string_view exception) override;
  bool started() const override { return response_ != Response::none; }
  void sleep(Nanos d, Callback callback) override;
  void post(Callback fn) override;
  Instant now() const override;
  std::stop_token stop_token() override;
  http::Departure left() override;
  void set_route(const http::RouteLabel& route) override;
  void set_request_id(std::string_view id) override { request_id_ = id; }

  void run_deferred() override;

 private:
  friend class Worker;
  enum class Response : std::uint8_t { none, started, finished, broken };
  enum class Body : std::uint8_t { none, length, chunked, complete, cut };
  enum class Out : std::uint8_t { no_body, length, chunked, until_close };

  class SleepTimer final : public net::Timer {
   public:
    explicit SleepTimer(Http1Exchange& owner) : owner_(owner) {}

   private:
    void on_timer() override;
    Http1Exchange& owner_;
  };

  // Input.
  bool try_head();
  void begin_request();
  void start_handlers();
  void run_handler();
  void end_of_request_input();
  bool skip_body();
  http::BodyRead read_length();
  http::BodyRead read_chunked();
  void consume_returned();
  // Output.
  bool begin_response(const http::ResponseHead& head, bool whole, std::uint64_t length,
                      std::string_view body);
  void decide_close(const http::ResponseHead& head, bool whole);
  bool another_request_waits() const;
  void note_early_reply();
  void end_response();
  bool finish_async();
  void override_close(const Verdict& verdict);
  /// Nobody will read what the handler writes.
  bool gone() const;
  void wake(Callback& callback);
  // Endings.
  void settle(AnsweredRequest& answered, const record::Ending& ending, Instant now);
  record::Ending ending_of(const AnsweredRequest& answered, std::uint64_t acked_to, bool asked) const;
  AnsweredRequest describe();
  void release();
  void reset_request();
  void schedule();

  Worker& worker_;
  Connection* connection_ = nullptr;
  Inbox inbox_;
  Outbox outbox_;
  http::HeadParser parser_;
  http::RequestHead head_;
  http::ChunkedDecoder decoder_;
  std::vector<AnsweredRequest> answered_;
  record::RequestEntry entry_;
  record::ConnectionId connection_id_;
  Address peer_;
  mutable Address local_;  // asked for rarely, found once
  Times times_;
  Verdict close_verdict_{};
  std::optional<Verdict> verdict_;  ///< Of the request in progress, once decided.
  std::optional<Verdict> late_;  ///< What ended the wait for the last acknowledgement.
  record::Evidence late_evidence_;
  std::optional<record::Ending> left_;  ///< The request's ending, for an orphan.
  record::Evidence evidence_;
  http::Departure departure_;
  std::uint64_t body_left_ = 0;
  std::uint64_t body_bytes_ = 0;
  std::uint64_t response_begin_ = 0;
  std::uint64_t response_left_ = 0;
  std::size_t returned_ = 0;  ///< Inbox bytes under the view that read_body gave out.
  std::uint32_t number_ = 0;
  std::uint16_t status_ = 0;
  Response response_ = Response::none;
  Body body_ = Body::none;
  Out out_ = Out::no_body;
  bool serving_ = false;         ///< A head was read and its handler has not let go.
  bool dispatch_ = false;        ///< The handler is to be started by run_deferred.
  bool started_ = false;         ///< The handler was started.
  bool detached_ = false;        ///< Answered without the handler, which has not let go yet.
  bool release_later_ = false;   ///< run_deferred releases: the handler let go outside of a call.
  bool abort_ = false;           ///< Reset the connection at the end of the turn.
  bool reset_close_ = false;
  bool in_handler_ = false;
  bool released_ = false;        ///< finish or abort was called.
  bool flush_ = false;
  bool close_ = false;
  bool decided_ = false;
  bool refused_ = false;         ///< What still comes is discarded.
  bool probed_ = false;
  bool continued_ = false;       ///< 100 Continue was sent for Expect.
  bool waits_for_body_ = false;
  bool fin_handling_ = false;    ///< The client's FIN came before a response byte was sent.
  bool head_request_ = false;
  const http::RouteLabel* route_ = nullptr;
  std::string request_id_;
  std::string exception_;
  Callback body_ready_, write_ready_, sleep_done_;
  SleepTimer sleep_timer_{*this};
  std::optional<std::stop_source> stop_;
};

}  // namespace finack::server
