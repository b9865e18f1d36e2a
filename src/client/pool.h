#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "client/connection.h"

namespace finack::client {

/// Limits of a pool; 0: none, where not said otherwise.
struct PoolRules {
  std::uint32_t connections = 0;              ///< To one server, over all workers.
  std::uint32_t requests_per_connection = 0;  ///< Then it is retired.
  Nanos age{0};                               ///< Of a connection; then it is retired when free.
  /// The pool's own limit; what is learned is shorter.
  Nanos idle = std::chrono::seconds(60);
  /// Of a request for a place, where the pool is full: timeout.queue.
  Nanos wait = std::chrono::seconds(10);
  std::uint32_t free_connections = 64;  ///< Kept per worker and server; 0: none is reused.
};

/// How many connections a pool has, and how many requests wait for one.
struct PoolState {
  std::size_t free = 0;
  std::size_t busy = 0;
  std::size_t dialing = 0;
  std::size_t witnesses = 0;
  std::size_t waiting = 0;
};

/// Waits in a pool for a connection.
class Waiter : public ListNode {
 public:
  /// The connection is the waiter's until its request is done: it calls send() from in here.
  virtual void on_connection(Connection& connection) = 0;
  /// A dial failed in its stead (`dialed`), the pool was closed, or no place became free in time
  /// (nullptr).
  virtual void on_no_connection(const record::Ending& ending, const Connection* dialed) = 0;

 protected:
  ~Waiter() = default;
  /// The waits of a dial that is made for it, nullptr: the pool's. They outlive its wait.
  void set_timeouts(const Timeouts* timeouts) { timeouts_ = timeouts; }
  /// How long it waits for a place; without one, as long as the pool's rules say.
  void set_wait(std::optional<Nanos> wait) { wait_ = wait; }

 private:
  friend class Pool;
  const Timeouts* timeouts_ = nullptr;  ///< Of a dial for it; nullptr: the pool's.
  std::optional<Nanos> wait_;
  Instant since_{};
};

/// One worker's connections to one server: free ones, those being dialed, and who waits.
///
/// A free connection is handed out only while it is younger than what is known of the server's
/// keep-alive allows; the one used last goes out first, so that the others age and leave. When
/// connections grow too old, one is left open unused (a witness), so that a server that keeps them
/// longer than was thought is noticed.
///
/// Where the server's connections are limited, one that is free here gives way when somebody waits
/// in another worker's pool.
///
/// Connections are handed out when the loop has delivered all events of the turn: none whose FIN or
/// RST has arrived. Loop thread only.
class Pool final : private ConnectionOwner, private net::Timer, private net::Deferred {
 public:
  struct Options {
    net::Loop* loop = nullptr;
    record::Ledger* ledger = nullptr;
    record::ConnectionIds* ids = nullptr;
    std::shared_ptr<UpstreamServer> server;
    net::Resolver* resolver = nullptr;  ///< Needed where the server's target is a name.
    PoolRules rules;
    Timeouts timeouts;
    http::ResponseLimits limits;
    record::Purpose purpose = record::Purpose::traffic;
    Nanos wall_offset{0};
    /// Called when empty() became true; not from inside a call into the pool, but cut() and
    /// close().
    std::function<void()> emptied{};
  };
  explicit Pool(Options options);
  /// Only once empty().
  ~Pool();

  /// `waiter` gets a free connection at the end of the turn, or else the next one: a dialed one, or
  /// one that becomes free before. Never from inside. Unlink it to wait no more.
  void wait(Waiter& waiter);
  /// As wait, for a request that shall not go out on a used connection.
  void wait_for_fresh(Waiter& waiter);
  /// No connection may be dialed for want of the server's share (PoolRules::connections).
  bool full() const;
  /// A free connection that is safe to use is there now.
  bool has_free() const;
  /// Keeps no connection any more: closes, for `cause`, what is free now and what is busy once it
  /// is free. Who waits, now or later, still gets one.
  void drain(record::Cause cause);
  /// As drain, for a server that its cluster has no more (ok.pool_retired): what is being dialed
  /// may connect for who waits, else it goes as soon as it is free.
  void wind_up();
  /// Keeps connections again, after a drain.
  void undrain() { drained_for_ = record::Cause::unknown; }
  /// Closes what is free or being dialed, and what is busy once it is free: for `cause`, from now
  /// on. Who waits is told.
  void close(record::Cause cause);
  /// Ends all connections now.
  void cut(record::Cause cause);
  /// How far the dial is that has been under way longest: what who waits is waiting for.
  record::Phase dial_phase();
  bool empty() const { return live_ == 0; }
  UpstreamServer& server() const { return *options_.server; }
  const Timeouts& timeouts() const { return options_.timeouts; }
  std::size_t free_connections() const { return free_count_; }
  std::size_t live_connections() const { return live_; }
  PoolState state();
  /// Every connection that has not ended: busy, free, witnessing, being dialed. `visit` may cut the
  /// one that it is given, but not where that ends others too.
  template <class Visit>
  void for_each(Visit visit) {
    busy_.for_each(visit);
    free_.for_each(visit);
    dialing_.for_each(visit);
    if (witness_ != nullptr) visit(*witness_);
  }

 private:
  void on_connected(Connection& connection) override;
  void on_free(Connection& connection) override;
  void on_ended(Connection& connection, const record::Ending& ending) override;
  void on_gone(Connection& connection) override;
  void on_timer() override;
  void run_deferred() override { hand_out(); }

  void hand_out();
  Connection* checkout();
  bool dial();
  const Timeouts& timeouts_of_dial();
  void dial_for_waiters();
  void end_waits(Instant now);
  bool short_of_dials();
  bool waited_too_long(const Waiter& waiter, Instant now) const;
  void refuse_for_time(Waiter& waiter);
  void note_shortage();
  Connection* kept_longest() { return free_.empty() ? witness_ : &free_.back(); }
  void yield_place();
  void give(Waiter& waiter, Connection& connection);
  Waiter* next_waiter(bool fresh);
  void keep(Connection& connection);
  void keep_none(record::Cause cause);
  bool worn(const Connection& connection) const;
  void put(Connection& connection, Place place);
  Place take_out(Connection& connection);
  void retire(Connection& connection, record::Cause cause);
  void look_at_witness(Instant now);
  void arm();
  Nanos safe_age() const;

  Options options_;
  IntrusiveList<Connection> free_;  ///< The one used last stands first.
  IntrusiveList<Connection> busy_;
  IntrusiveList<Connection> dialing_;
  IntrusiveList<Waiter> waiters_;
  IntrusiveList<Waiter> fresh_waiters_;
  Connection* witness_ = nullptr;  ///< Too old to be used; shows how long the server keeps it.
  Instant place_look_ = Instant::max();  ///< When it next looks for, or gives up, a place.
  bool wants_place_ = false;             ///< Counted in the server's places_wanted.
  std::size_t free_count_ = 0;
  std::size_t dialing_count_ = 0;
  std::size_t live_ = 0;
  record::Cause closed_for_ = record::Cause::unknown;
  record::Cause drained_for_ = record::Cause::unknown;
};

}  // namespace finack::client
