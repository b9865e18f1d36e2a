#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "finack/base/slab.h"
#include "finack/http/exchange.h"
#include "finack/record/ledger.h"
#include "finack/server/settings.h"
#include "net/loop.h"
#include "server/connection.h"
#include "server/countdown.h"
#include "server/http1_exchange.h"
#include "server/listener_terms.h"
#include "server/site.h"
#include "server/worker_handler.h"

namespace finack::server {

/// One core's share of a server: its loop, listeners, connections, pools, books and record ring.
/// Nothing on the request path is shared with other workers. Lives on one thread, which calls
/// run().
class Worker {
 public:
  /// What is pointed to outlives the worker; a handler, or what makes one, must be set, and
  /// `ledger.ring`.
  struct Options {
    std::uint32_t index = 0;  ///< In connection ids; unique in the process.
    std::uint32_t workers = 1;
    std::uint32_t boot = 0;  ///< In connection ids; one number a process run.
    record::Purpose purpose = record::Purpose::traffic;
    http::Handler* handler = nullptr;
    const MakeHandler* make_handler = nullptr;  ///< For a handler of the worker's own.
    /// Called for every accepted connection on the worker's thread; nullptr: by nobody.
    const std::function<void(const record::ConnectionId&, const Address&)>* on_open = nullptr;
    record::Ledger::Options ledger;
    net::LoopOptions loop;
  };
  static Expected<std::unique_ptr<Worker>> create(const Options& options);
  ~Worker();

  /// Before run(), or on its thread: listens on `share` under a number that no other has.
  void add_listener(std::uint32_t listener, ListenerShare share,
                    std::shared_ptr<const ListenerTerms> terms);
  /// Serves until drained or stopped.
  void run();

  // From any thread.
  /// What a reload changes: listeners come; those that stay take their connections by other terms
  /// from now on, live ones with their next request; those that go stop accepting, and their
  /// connections end as in a drain, but for operator.reload_retired. `progress`: one is done when
  /// that has been begun, and one for each listener that goes when its socket is closed.
  void reload(ListenerOrders orders, std::shared_ptr<Countdown> progress);
  /// Stops accepting, retires idle connections, and ends run() when the last one is gone or
  /// its listener's Timeouts::drain has cut it, and the handler has none left either.
  void drain();
  /// Cuts what is left at once.
  void force();
  std::uint64_t cut_connections() const { return cut_.load(std::memory_order_relaxed); }
  /// Handlers that had not let go when run() ended, and a worker's own that was not empty though it
  /// was cut: they may still use their exchanges and this worker, so it must not be destroyed
  /// before the process ends.
  std::size_t stuck_handlers() const { return stuck_.load(std::memory_order_relaxed); }
  bool finished() const { return finished_.load(std::memory_order_acquire); }
  const record::Counters& counters() const { return ledger_.counters(); }
  record::Counters& counters() { return ledger_.counters(); }
  /// Of the health checks that a handler of the worker's own makes; nullptr without one.
  const record::Counters* health_counters() const {
    return health_ledger_ ? &health_ledger_->counters() : nullptr;
  }
  std::uint64_t turns() const { return loop_->turns(); }
  const http::RouteLabel* running_route() const {
    return running_route_.load(std::memory_order_acquire);
  }
  void post(std::move_only_function<void()> fn) { loop_->post(std::move(fn)); }
  /// A handler of `route` has kept the loop busy since `since`; on the worker's thread.
  void note_blocked(const http::RouteLabel& route, Instant since);

  // For connections and exchanges, on the worker's thread.
  net::Loop& loop() { return *loop_; }
  record::Ledger& ledger() { return ledger_; }
  http::Handler& handler() { return *handler_; }
  Site& site(std::uint16_t index) { return *sites_[index]; }
  /// The site was replaced: `connection` goes by its listener's present one.
  Site& move_on(Connection& connection);
  record::Purpose purpose() const { return purpose_; }
  std::uint32_t index() const { return ids_.worker; }
  std::uint32_t boot() const { return ids_.boot; }
  /// Also for connections that a handler's gateway dials on this worker.
  record::ConnectionIds& ids() { return ids_; }
  std::string_view date() {
    if (loop_->now() >= date_until_) renew_date();
    return {date_, 29};
  }
  /// Of one of its sites, with the current date.
  const http::UsualHead& usual_head(const Site& site) {
    if (loop_->now() >= date_until_) renew_date();
    return site.usual_head();
  }
  void mark_running(const http::RouteLabel* route) {
    running_route_.store(route, std::memory_order_release);
  }
  WallTime wall(Instant at) const { return WallTime(at.time_since_epoch() + wall_offset_); }

  Http1Exchange* lease();
  void give_back(Http1Exchange* exchange);
  /// Its connection is gone, and its handler still runs.
  void note_orphan(Http1Exchange* exchange) { orphans_.push_back(exchange); }
  void forget_orphan(Http1Exchange* exchange);
  Closing* make_closing() { return closings_.make(); }
  void drop(Closing* closing) { closings_.destroy(closing); }
  std::size_t closing_connections() const { return closings_.live(); }
  /// Keeps `outbox` until `connection` is gone: the kernel still reads its memory.
  void park(const Connection* connection, Outbox&& outbox);
  /// The connection's stream is closed: destroys it.
  void gone(Connection* connection);
  std::size_t live() const { return connections_.live(); }
  /// How many terms its listeners and connections go by.
  std::size_t sites() const;

  // For its own handler.
  void list(record::LivePage& page);
  /// Ends it as operator.killed; false: there is none of that id.
  bool kill(const record::ConnectionId& id);

 private:
  class Port;        // one listener and what it reports
  class LeaveTimer;  // looks after what leaves
  explicit Worker(const Options& options, std::unique_ptr<net::Loop> loop);
  void accepted(std::uint16_t site, Fd fd, const Address& peer);
  void refused(std::uint16_t site, const Address& peer, const Verdict& verdict,
               const record::Evidence& evidence);
  Expected<void> make_own_handler(const Options& options);
  void renew_date();
  /// `of`: only of those that count there; nullptr: of any.
  bool evict_one(const Admission* of);
  std::uint16_t add_site(std::uint32_t listener, std::shared_ptr<const ListenerTerms> terms);
  Port* port_of(std::uint32_t listener);
  void change_listener(std::uint32_t listener, std::shared_ptr<const ListenerTerms> terms);
  void retire_listener(std::uint32_t listener, std::shared_ptr<Countdown> progress);
  void drop_sites_soon();
  void drop_empty_sites();
  void begin_drain();
  void begin_leaving();
  void look_after_leaving();
  Nanos next_look() const;
  void retire_idle();
  void cut_all(record::Cause cause);
  /// Cuts those whose time is up since their listener began to leave.
  void cut_late();
  void count_cut(Connection& connection, record::Cause cause);
  void cut_own(record::Cause cause);
  Instant last_deadline() const;
  void port_drained(Port& port);
  void stop_when_empty();

  record::ConnectionIds ids_;
  record::Purpose purpose_;
  http::Handler* handler_;
  const std::function<void(const record::ConnectionId&, const Address&)>* on_open_;
  std::unique_ptr<net::Loop> loop_;
  record::Ledger ledger_;
  std::unique_ptr<record::Ledger> health_ledger_;
  Slab<Connection> connections_;
  Slab<Closing> closings_;
  std::vector<std::unique_ptr<Http1Exchange>> spare_;
  std::vector<Http1Exchange*> orphans_;
  std::size_t leased_ = 0;
  Instant orphans_until_{};
  std::unordered_map<const Connection*, Outbox> parked_;
  std::vector<std::unique_ptr<Port>> ports_;
  /// One a port, and those that live connections still go by; nullptr: free.
  std::vector<std::unique_ptr<Site>> sites_;
  Nanos wall_offset_{0};
  Instant date_until_{};
  char date_[32] = {};
  bool draining_ = false;
  bool forced_ = false;
  std::atomic<std::uint64_t> cut_{0};
  std::atomic<std::size_t> stuck_{0};
  std::atomic<bool> finished_{false};
  std::atomic<const http::RouteLabel*> running_route_{nullptr};
  std::unique_ptr<LeaveTimer> leave_timer_;
  Instant last_retired_{};  ///< When a listener last began to leave.
  Instant own_cut_{};       ///< When the worker's own handler was told to end everything.
  std::unique_ptr<WorkerHandler> own_handler_;  ///< Goes before what it stands on.
};

}  // namespace finack::server
