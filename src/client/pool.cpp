#include "client/pool.h"

#include <algorithm>
#include <utility>

namespace finack::client {

using record::Cause;
using record::Phase;

namespace {

/// A witness that lived this many times the limit has shown enough.
constexpr int kEnoughWitnessed = 2;

}  // namespace

Pool::Pool(Options options) : options_(std::move(options)) {}

Pool::~Pool() { assert(empty() && "connections outlive their pool"); }

Nanos Pool::safe_age() const {
  const Nanos rtt(server().rtt.load(std::memory_order_relaxed));
  return server().keep_alive.safe_age(rtt);
}

bool Pool::worn(const Connection& connection) const {
  const PoolRules& rules = options_.rules;
  if (rules.requests_per_connection != 0 && connection.requests() >= rules.requests_per_connection)
    return true;
  return rules.age != Nanos(0) && options_.loop->now() - connection.opened() >= rules.age;
}

Connection* Pool::checkout() {
  const Instant oldest_use = options_.loop->now() - safe_age();
  while (!free_.empty()) {
    Connection& connection = free_.front();
    if (connection.free_since() < oldest_use) return nullptr;  // And all behind it are older.
    take_out(connection);
    if (!worn(connection)) return &connection;
    connection.retire(Cause::ok_pool_retired);
  }
  return nullptr;
}

bool Pool::full() const {
  const std::uint32_t most = options_.rules.connections;
  return most != 0 && server().connections_live.load(std::memory_order_relaxed) >= most;
}

void Pool::wait(Waiter& waiter) {
  waiters_.push_back(waiter);
  dial();
}

void Pool::wait_for_fresh(Waiter& waiter) {
  fresh_waiters_.push_back(waiter);
  dial();
}

void Pool::dial() {
  record::ConnectionId id = options_.ids->next();
  auto* connection = new Connection({.loop = options_.loop,
                                     .ledger = options_.ledger,
                                     .server = options_.server.get(),
                                     .owner = this,
                                     .timeouts = &options_.timeouts,
                                     .limits = &options_.limits,
                                     .id = id,
                                     .purpose = options_.purpose,
                                     .wall_offset = options_.wall_offset});
  ++live_;
  ++dialing_;
  connection->dial();
}

Waiter* Pool::next_waiter(bool fresh) {
  if (fresh && !fresh_waiters_.empty()) return &fresh_waiters_.pop_front();
  return waiters_.empty() ? nullptr : &waiters_.pop_front();
}

void Pool::on_connected(Connection& connection) {
  --dialing_;
  if (Waiter* waiter = next_waiter(true)) return waiter->on_connection(connection);
  connection.mark_spare();
  keep(connection);
}

void Pool::on_free(Connection& connection) {
  if (closed_for_ == Cause::unknown && !worn(connection)) {
    if (Waiter* waiter = next_waiter(false)) return waiter->on_connection(connection);
  }
  keep(connection);
}

void Pool::keep(Connection& connection) {
  if (closed_for_ != Cause::unknown) return connection.retire(closed_for_);
  if (worn(connection)) return connection.retire(Cause::ok_pool_retired);
  if (options_.rules.free_connections == 0) return connection.retire(Cause::ok_pool_retired);
  if (free_count_ >= options_.rules.free_connections) {
    Connection& oldest = free_.back();
    take_out(oldest);
    oldest.retire(Cause::ok_pool_retired);
  }
  free_.push_front(connection);
  if (++free_count_ == 1) arm();
}

void Pool::take_out(Connection& connection) {
  connection.unlink();
  --free_count_;
}

/// When the oldest free connection, or the witness, has to be looked at.
void Pool::arm() {
  Instant due = Instant::max();
  if (!free_.empty()) due = free_.back().free_since() + safe_age();
  if (witness_ != nullptr)
    due = std::min(due, witness_->free_since() + kEnoughWitnessed * server().keep_alive.limit());
  if (due != Instant::max()) options_.loop->timers().arm(*this, due);
}

void Pool::on_timer() {
  const Instant now = options_.loop->now();
  if (witness_ != nullptr) {
    const Nanos age = now - witness_->free_since();
    if (age >= kEnoughWitnessed * server().keep_alive.limit()) {
      server().keep_alive.outlived(age);
      std::exchange(witness_, nullptr)->retire(Cause::ok_pool_retired);
    }
  }
  const Nanos safe = safe_age();
  while (!free_.empty() && now - free_.back().free_since() >= safe) {
    Connection& oldest = free_.back();
    take_out(oldest);
    // Our own limit has nothing to be learned from.
    const bool learning = server().keep_alive.limit() < options_.rules.idle;
    if (witness_ == nullptr && learning && oldest.requests() > 0) {
      witness_ = &oldest;
    } else {
      oldest.retire(Cause::ok_pool_retired);
    }
  }
  arm();
}

void Pool::learn(const Connection& connection, const record::Ending& ending) {
  if (ending.cause != Cause::ok_pool_peer_closed || connection.requests() == 0) return;
  const Instant now = options_.loop->now();
  server().keep_alive.closed_idle(now - connection.free_since(), now);
}

void Pool::on_ended(Connection& connection, const record::Ending& ending, bool had_user) {
  if (witness_ == &connection) witness_ = nullptr;
  if (connection.linked()) take_out(connection);
  learn(connection, ending);
  if (had_user || ending.phase != Phase::connect) return;
  --dialing_;
  if (Waiter* waiter = next_waiter(true)) waiter->on_no_connection(ending);
}

void Pool::on_gone(Connection& connection) {
  --live_;
  delete &connection;
}

void Pool::close(Cause cause) {
  closed_for_ = cause;
  if (witness_ != nullptr) std::exchange(witness_, nullptr)->retire(cause);
  while (!free_.empty()) {
    Connection& connection = free_.back();
    take_out(connection);
    connection.retire(cause);
  }
}

}  // namespace finack::client
