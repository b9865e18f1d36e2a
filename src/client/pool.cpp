#include "client/pool.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace finack::client {

using record::Cause;
using record::Phase;

namespace {

/// A witness that lived this many times the limit has shown enough.
constexpr int kEnoughWitnessed = 2;
/// How often a full pool looks whether another worker has given up a place, or waits for one.
constexpr Nanos kPlaceLook = std::chrono::milliseconds(10);
/// While there are places, nobody waits for one.
constexpr Nanos kSeldomLook = std::chrono::milliseconds(100);

/// The ending of a wait that brings no connection.
record::Ending refusal(Cause cause, const record::Evidence& evidence = {}) {
  using record::How;
  const How how = cause == Cause::timeout_queue ? How::timeout : How::fin;
  return ending_of({record::EndedBy::local, how, Phase::connect, cause},
                   record::Delivered::nothing_owed, evidence);
}

/// Counts the members of a list, but no further than `most`.
std::size_t count(IntrusiveList<Waiter>& list, std::size_t most) {
  std::size_t n = 0;
  for (Waiter* one = list.first(); one != nullptr && n < most; one = list.after(*one)) ++n;
  return n;
}

}  // namespace

Pool::Pool(Options options) : options_(std::move(options)) {
  options_.rules.idle = idle_limit(options_.rules.idle);
}

Pool::~Pool() {
  assert(empty() && "connections outlive their pool");
  if (wants_place_) server().places_wanted.fetch_sub(1, std::memory_order_relaxed);
}

Nanos Pool::safe_age() const {
  const Nanos rtt(server().rtt.load(std::memory_order_relaxed));
  return std::min(server().keep_alive.safe_age(rtt), options_.rules.idle);
}

bool Pool::worn(const Connection& connection) const {
  const PoolRules& rules = options_.rules;
  if (rules.requests_per_connection != 0 && connection.requests() >= rules.requests_per_connection)
    return true;
  return rules.age != Nanos(0) && options_.loop->now() - connection.opened() >= rules.age;
}

// ---- Who waits

void Pool::wait(Waiter& waiter) {
  waiter.since_ = options_.loop->now();
  waiters_.push_back(waiter);
  options_.loop->defer(*this);
}

void Pool::wait_for_fresh(Waiter& waiter) {
  waiter.since_ = options_.loop->now();
  fresh_waiters_.push_back(waiter);
  options_.loop->defer(*this);
}

/// All events of the turn are delivered: what is free now, its server has not closed.
void Pool::hand_out() {
  if (closed_for_ != Cause::unknown) {
    while (Waiter* waiter = next_waiter(true))
      waiter->on_no_connection(refusal(closed_for_), nullptr);
    return note_shortage();
  }
  while (!waiters_.empty()) {
    Connection* connection = checkout();
    if (connection == nullptr) break;
    give(waiters_.pop_front(), *connection);
  }
  if (!waiters_.empty() || !fresh_waiters_.empty() || wants_place_) return dial_for_waiters();
  arm();
}

void Pool::dial_for_waiters() {
  while (short_of_dials()) {
    if (dial()) continue;
    // What is free is of no use to who still waits, but its place is.
    Connection* const kept = kept_longest();
    if (kept == nullptr) break;
    retire(*kept, Cause::ok_pool_retired);
  }
  note_shortage();
  arm();
}

/// Tells the other workers whether somebody waits here for a place.
void Pool::note_shortage() {
  const bool wants = short_of_dials();
  if (wants == std::exchange(wants_place_, wants)) return;
  std::atomic<std::uint32_t>& wanted = server().places_wanted;
  if (wants) {
    wanted.fetch_add(1, std::memory_order_relaxed);
  } else {
    wanted.fetch_sub(1, std::memory_order_relaxed);
  }
}

/// A place that is kept here without use goes to the worker that waits for one.
void Pool::yield_place() {
  const std::uint32_t own = wants_place_ ? 1 : 0;
  if (!full() || server().places_wanted.load(std::memory_order_relaxed) <= own) return;
  if (Connection* const kept = kept_longest()) retire(*kept, Cause::ok_pool_retired);
}

/// Ends the waits that have lasted too long: while a dial is under way, its own timers do.
void Pool::end_waits(Instant now) {
  const std::size_t all = count(waiters_, SIZE_MAX) + count(fresh_waiters_, SIZE_MAX);
  std::size_t without_dial = all - std::min(all, dialing_count_);
  // Who is told may wait anew, or take others out.
  IntrusiveList<Waiter> late;
  for (auto* list : {&waiters_, &fresh_waiters_}) {
    for (Waiter* one = list->first(); one != nullptr && without_dial > 0;) {
      Waiter* const behind = list->after(*one);
      if (waited_too_long(*one, now)) {
        one->unlink();
        late.push_back(*one);
        --without_dial;
      }
      one = behind;
    }
  }
  while (!late.empty()) refuse_for_time(late.pop_front());
}

bool Pool::waited_too_long(const Waiter& waiter, Instant now) const {
  const Nanos most = waiter.wait_.value_or(options_.rules.wait);
  return most != Nanos(0) && now - waiter.since_ >= most;
}

void Pool::refuse_for_time(Waiter& waiter) {
  options_.ledger->counters().timer_fired(record::TimerKind::queue);
  record::Evidence evidence;
  evidence.setting = "timeouts.queue";
  const Timeouts* const own = waiter.timeouts_;
  evidence.setting_of =
      (own != nullptr ? own : &options_.timeouts)->owner(record::TimerKind::queue);
  evidence.setting_value =
      static_cast<std::uint64_t>(waiter.wait_.value_or(options_.rules.wait).count());
  waiter.on_no_connection(refusal(Cause::timeout_queue, evidence), nullptr);
}

/// More wait than are being dialed.
bool Pool::short_of_dials() {
  const std::size_t most = dialing_count_ + 1;
  return count(waiters_, most) + count(fresh_waiters_, most) > dialing_count_;
}

void Pool::give(Waiter& waiter, Connection& connection) {
  put(connection, Place::busy);
  waiter.on_connection(connection);
}

Waiter* Pool::next_waiter(bool fresh) {
  if (fresh && !fresh_waiters_.empty()) return &fresh_waiters_.pop_front();
  return waiters_.empty() ? nullptr : &waiters_.pop_front();
}

// ---- Connections

Connection* Pool::checkout() {
  const Instant oldest_use = options_.loop->now() - safe_age();
  while (!free_.empty()) {
    Connection& connection = free_.front();
    // Behind it all are older.
    if (connection.phase_since() <= oldest_use) return nullptr;
    take_out(connection);
    if (!connection.usable()) {
      put(connection, Place::busy);  // Its end is about to be recorded.
      continue;
    }
    if (!worn(connection)) return &connection;
    connection.cut(Cause::ok_pool_retired);
  }
  return nullptr;
}

bool Pool::has_free() const {
  if (free_count_ == 0) return false;
  const Connection& newest = const_cast<IntrusiveList<Connection>&>(free_).front();
  return newest.usable() && newest.phase_since() > options_.loop->now() - safe_age();
}

bool Pool::full() const {
  const std::uint32_t most = options_.rules.connections;
  return most != 0 && server().connections_live.load(std::memory_order_relaxed) >= most;
}

/// Of who waits longest without a dial of its own.
const Timeouts& Pool::timeouts_of_dial() {
  std::size_t skip = dialing_count_;
  for (auto* list : {&fresh_waiters_, &waiters_}) {
    for (Waiter* one = list->first(); one != nullptr; one = list->after(*one), --skip) {
      if (skip == 0) return one->timeouts_ != nullptr ? *one->timeouts_ : options_.timeouts;
    }
  }
  return options_.timeouts;
}

bool Pool::dial() {
  if (!server().take_connection(options_.rules.connections)) return false;
  auto* connection = new Connection({.loop = options_.loop,
                                     .ledger = options_.ledger,
                                     .server = options_.server.get(),
                                     .owner = this,
                                     .timeouts = &timeouts_of_dial(),
                                     .limits = &options_.limits,
                                     .resolver = options_.resolver,
                                     .id = options_.ids->next(),
                                     .purpose = options_.purpose,
                                     .wall_offset = options_.wall_offset});
  ++live_;
  put(*connection, Place::dialing);
  connection->dial();
  return true;
}

void Pool::on_connected(Connection& connection) {
  take_out(connection);
  if (closed_for_ == Cause::unknown) {
    if (Waiter* waiter = next_waiter(true)) return give(*waiter, connection);
  }
  connection.mark_spare();
  keep(connection);
}

void Pool::on_free(Connection& connection) {
  take_out(connection);
  keep(connection);
  if (!waiters_.empty()) options_.loop->defer(*this);
}

void Pool::keep(Connection& connection) {
  if (closed_for_ != Cause::unknown) return connection.cut(closed_for_);
  if (drained_for_ != Cause::unknown) return connection.cut(drained_for_);
  if (worn(connection) || options_.rules.free_connections == 0)
    return connection.cut(Cause::ok_pool_retired);
  if (free_count_ >= options_.rules.free_connections) retire(free_.back(), Cause::ok_pool_retired);
  put(connection, Place::free);
  if (waiters_.empty()) yield_place();
  if (free_count_ == 1) arm();
}

void Pool::put(Connection& connection, Place place) {
  connection.place = place;
  switch (place) {
    case Place::dialing:
      ++dialing_count_;
      return dialing_.push_back(connection);
    case Place::free:
      ++free_count_;
      server().connections_free.fetch_add(1, std::memory_order_relaxed);
      return free_.push_front(connection);
    case Place::witness:
      witness_ = &connection;
      return;
    case Place::busy:
      return busy_.push_back(connection);
    case Place::none:
      return;
  }
}

/// Returns where it was.
Place Pool::take_out(Connection& connection) {
  connection.ListNode::unlink();
  const Place place = std::exchange(connection.place, Place::none);
  if (place == Place::dialing) --dialing_count_;
  if (place == Place::free) {
    --free_count_;
    server().connections_free.fetch_sub(1, std::memory_order_relaxed);
  }
  if (place == Place::witness) witness_ = nullptr;
  return place;
}

// ---- Age

/// When the oldest free connection, or the witness, or a full pool has to be looked at.
void Pool::arm() {
  Instant due = Instant::max();
  if (!free_.empty()) due = free_.back().phase_since() + safe_age();
  if (witness_ != nullptr) {
    due = std::min(due, witness_->phase_since() + kEnoughWitnessed * server().keep_alive.limit());
  }
  const bool wants = short_of_dials();
  if (options_.rules.connections == 0 || (!wants && kept_longest() == nullptr)) {
    place_look_ = Instant::max();
  } else {
    // Who comes later does not put off the look for those before.
    const Nanos look = wants || full() ? kPlaceLook : kSeldomLook;
    place_look_ = std::min(place_look_, options_.loop->now() + look);
  }
  due = std::min(due, place_look_);
  if (due != Instant::max()) options_.loop->timers().arm(*this, due);
}

void Pool::look_at_witness(Instant now) {
  if (witness_ == nullptr) return;
  const Nanos age = now - witness_->phase_since();
  if (age < kEnoughWitnessed * server().keep_alive.limit()) return;
  server().keep_alive.outlived(age);
  retire(*witness_, Cause::ok_pool_retired);
}

void Pool::retire(Connection& connection, Cause cause) {
  take_out(connection);
  connection.cut(cause);
}

void Pool::on_timer() {
  const Instant now = options_.loop->now();
  look_at_witness(now);
  const Nanos safe = safe_age();
  while (!free_.empty() && now - free_.back().phase_since() >= safe) {
    Connection& oldest = free_.back();
    take_out(oldest);
    // Our own limit has nothing to be learned from.
    const bool learning = server().keep_alive.limit() < options_.rules.idle;
    if (witness_ == nullptr && learning && oldest.requests() > 0 && oldest.usable()) {
      put(oldest, Place::witness);
    } else {
      oldest.cut(Cause::ok_pool_retired);
    }
  }
  if (now >= place_look_) {
    place_look_ = Instant::max();
    yield_place();
  }
  end_waits(now);
  if (!waiters_.empty() || !fresh_waiters_.empty()) options_.loop->defer(*this);
  note_shortage();
  arm();
}

// ---- Ends

void Pool::on_ended(Connection& connection, const record::Ending& ending) {
  const Place place = take_out(connection);
  const bool was_free = place == Place::free || place == Place::witness;
  if (was_free && ending.cause == Cause::ok_pool_peer_closed && connection.requests() > 0) {
    const Instant now = options_.loop->now();
    server().keep_alive.closed_idle(now - connection.phase_since(), now);
    arm();
  }
  // Once closed, hand_out() tells them all, and not from inside close().
  if (place == Place::dialing && closed_for_ == Cause::unknown) {
    if (Waiter* waiter = next_waiter(true)) waiter->on_no_connection(ending, &connection);
  }
  if (!waiters_.empty() || !fresh_waiters_.empty()) options_.loop->defer(*this);
}

void Pool::on_gone(Connection& connection) {
  delete &connection;
  if (--live_ == 0 && options_.emptied) options_.emptied();
}

PoolState Pool::state() {
  constexpr std::size_t kAll = ~std::size_t{0};
  PoolState out{.free = free_count_,
                .busy = 0,
                .dialing = dialing_count_,
                .witnesses = witness_ != nullptr ? 1U : 0U,
                .waiting = count(waiters_, kAll) + count(fresh_waiters_, kAll)};
  busy_.for_each([&](const Connection&) { ++out.busy; });
  return out;
}

Phase Pool::dial_phase() { return dialing_.empty() ? Phase::connect : dialing_.front().phase(); }

void Pool::drain(Cause cause) {
  keep_none(cause);
  // Nobody is left for whom it would be kept.
  if (waiters_.empty() && fresh_waiters_.empty())
    dialing_.for_each([&](Connection& connection) { connection.cut(cause); });
}

void Pool::wind_up() { keep_none(Cause::ok_pool_retired); }

void Pool::keep_none(Cause cause) {
  drained_for_ = cause;
  if (witness_ != nullptr) retire(*witness_, cause);
  while (!free_.empty()) retire(free_.back(), cause);
}

void Pool::close(Cause cause) {
  closed_for_ = cause;
  drain(cause);
  while (!dialing_.empty()) retire(dialing_.front(), cause);
  options_.loop->defer(*this);
}

void Pool::cut(Cause cause) {
  close(cause);
  // Whose request ends may end others in turn.
  while (!busy_.empty()) retire(busy_.front(), cause);
}

}  // namespace finack::client
