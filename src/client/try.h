#pragma once
#include <cassert>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "client/pool.h"

namespace finack::client {

/// Receives what one try yields; the owner of the request, which decides on another. On the loop
/// thread, never from inside a call into the try but cancel().
class TryObserver {
 public:
  /// A connection is there: send() now.
  virtual void on_try_ready() = 0;
  virtual void on_try_interim(const http::ReceivedResponse& head) = 0;
  /// See ConnectionUser. After anything but Progress::more the try is over, recorded, and may be
  /// begun again.
  virtual void on_try_response(const http::ReceivedResponse& head, std::string_view body,
                               Progress progress) = 0;
  virtual void on_try_body(std::string_view bytes, Progress progress,
                           std::span<const http::Header> trailers) = 0;
  virtual void on_try_tunnel_bytes(std::string_view bytes) = 0;
  virtual void on_try_tunnel_fin() = 0;
  /// It failed; likewise over and recorded.
  virtual void on_try_failed(const record::Ending& ending) = 0;
  virtual void on_try_write_ready() = 0;

 protected:
  ~TryObserver() = default;
};

/// One attempt at a request on one connection to one server, from asking its pool to its one
/// request record (role client). May be used again for the next. Loop thread only.
class Try final : private Waiter, private ConnectionUser, private net::Timer {
 public:
  Try(net::Loop& loop, record::Ledger& ledger, TryObserver& observer)
      : loop_(loop), ledger_(ledger), observer_(observer) {}
  ~Try() { assert(!active() && "a try was dropped without its ending"); }

  struct Begin {
    std::uint32_t number = 1;     ///< Of the request's tries, from 1.
    bool fresh_only = false;      ///< Not on a used connection.
    Nanos budget{0};              ///< timeout.try; 0: none.
    std::optional<Nanos> wait{};  ///< For a place in a full pool; the pool's own otherwise.
    Nanos wall_offset{0};
    const Timeouts* timeouts = nullptr;  ///< Outlive the try; nullptr: the pool's.
    record::Purpose purpose = record::Purpose::traffic;
    record::ConnectionId other_leg{};  ///< The client's connection; sequence 0: there is none.
    std::uint32_t other_number = 0;    ///< And its request on it.
  };
  /// Asks `pool` for a connection; on_try_ready or on_try_failed follows, never from inside.
  void begin(Pool& pool, const Begin& begin);

  // From on_try_ready on; send() from inside it.
  void send(const http::OutgoingRequest& head, http::Method method, std::string_view body,
            bool body_follows);
  bool write(std::string_view bytes) { return connection_->write(bytes); }
  void finish_body(std::span<const http::Header> trailers) { connection_->finish_body(trailers); }
  void pause_reading() { connection_->pause_reading(); }
  void resume_reading() { connection_->resume_reading(); }
  /// From inside on_try_body, as Connection::take_piece.
  Buffer take_piece() { return connection_ != nullptr ? connection_->take_piece() : Buffer(); }
  void finish_tunnel() { connection_->finish_tunnel(); }

  /// Nobody waits for it any more: its connection ends for `cause`, and it as well, for
  /// app.cancelled where that is a connection's cause alone. The observer is told nothing.
  void cancel(record::Cause cause, const record::Evidence& evidence = {}, bool fault = false);

  bool active() const { return static_cast<bool>(entry_); }
  bool connected() const { return connection_ != nullptr; }
  // Of the try that is under way, or of the last one.
  record::ConnectionId connection() const { return connection_id_; }
  /// As the request's record lists it.
  record::UpstreamTry summary() const;
  bool reused() const { return reused_; }
  std::uint64_t request_bytes() const {
    return connection_ != nullptr ? connection_->request_bytes() : request_bytes_;
  }
  /// Whether the server may have got a byte of it.
  bool sent() const { return connection_ != nullptr ? connection_->maybe_sent() : sent_; }
  int status() const { return status_; }
  UpstreamServer* server() const { return server_; }

 private:
  void on_connection(Connection& connection) override;
  void on_no_connection(const record::Ending& ending, const Connection* dialed) override;
  void on_interim(const http::ReceivedResponse& head) override;
  void on_response(const http::ReceivedResponse& head, std::string_view body,
                   Progress progress) override;
  void on_body(std::string_view bytes, Progress progress,
               std::span<const http::Header> trailers) override;
  void on_tunnel_bytes(std::string_view bytes) override {
    bytes_in_ += bytes.size();
    observer_.on_try_tunnel_bytes(bytes);
  }
  void on_tunnel_fin() override { observer_.on_try_tunnel_fin(); }
  void on_connection_end(const record::Ending& ending) override;
  void on_write_ready() override { observer_.on_try_write_ready(); }
  record::ConnectionId client_leg() const override { return other_leg_; }
  void on_timer() override;

  void complete(Progress progress);
  void fail(const record::Ending& ending);
  record::Ending give_up(record::Cause cause, const record::Evidence& evidence, bool fault = false);
  void let_go(const record::Ending& ending);
  void finish(const record::Ending& ending);
  void finish_completed();
  record::RequestRecord describe(const record::Ending& ending) const;

  net::Loop& loop_;
  record::Ledger& ledger_;
  TryObserver& observer_;
  Pool* pool_ = nullptr;
  UpstreamServer* server_ = nullptr;
  Connection* connection_ = nullptr;
  record::RequestEntry entry_;
  record::ConnectionId connection_id_;
  Address peer_;
  record::Purpose purpose_ = record::Purpose::traffic;
  record::Cause cause_ = record::Cause::unknown;
  Instant started_{};
  Instant first_byte_{};
  Nanos wall_offset_{0};
  const Timeouts* timeouts_ = nullptr;
  Nanos budget_{0};
  Nanos duration_{0};  ///< Of the try that is over.
  record::ConnectionId other_leg_;
  std::uint32_t other_number_ = 0;
  std::uint32_t attempt_ = 1;
  std::string_view method_;
  std::string extension_method_;  ///< What method_ shows where HTTP has no such method.
  std::uint64_t request_bytes_ = 0;
  std::uint64_t bytes_in_ = 0;  ///< Of the response's body.
  std::uint32_t number_ = 0;    ///< Of the request on its connection.
  int status_ = 0;
  bool sent_ = false;
  bool reused_ = false;
  bool upgrade_ = false;  ///< The request asks for one.
};

}  // namespace finack::client
