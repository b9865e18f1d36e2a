// A worker's listeners come, change and go; and the end of serving.
#include <algorithm>

#include "server/worker_port.h"

namespace finack::server {

using record::Cause;
using record::EndedBy;
using record::How;
using record::Phase;

namespace {

constexpr Nanos kLeaveTick = std::chrono::milliseconds(50);
constexpr Nanos kBacklogQuiet = std::chrono::milliseconds(10);
constexpr Nanos kFreshGrace = std::chrono::seconds(1);
/// By then idle connections of a listener that left are closing; those that are left wait for
/// nothing but their answers, or the deadline.
constexpr Nanos kSettled = 2 * kFreshGrace;
constexpr Nanos kRareTick = std::chrono::seconds(1);
constexpr Nanos kOrphanGrace = std::chrono::seconds(1);

}  // namespace

Worker::~Worker() = default;

// ---- Listeners ----

void Worker::Port::drain(std::shared_ptr<Countdown> progress) {
  if (progress) progress_ = std::move(progress);
  listener_->drain(kBacklogQuiet, !inherited_);
}

void Worker::Port::on_accept_aborted(int error) {
  worker_.ledger_.counters().accepts.aborted.add();
  worker_.refused(site_, {}, {EndedBy::peer, How::rst, Phase::accept, Cause::client_accept_aborted},
                  {.error = error});
}

void Worker::Port::on_accept_shed(int error, const Address& peer) {
  worker_.ledger_.counters().accepts.shed.add();
  worker_.evict_one(nullptr);  // room for the next one
  worker_.refused(site_, peer, judge_shed(error), {.error = error});
}

void Worker::Port::on_drained() {
  listener_.reset();
  if (progress_) progress_->done();
  worker_.port_drained(*this);
}

void Worker::add_listener(std::uint32_t listener, ListenerShare share,
                          std::shared_ptr<const ListenerTerms> terms) {
  ports_.push_back(std::make_unique<Port>(*this, listener, add_site(listener, std::move(terms))));
  ports_.back()->listen(std::move(share));
}

/// In the first free place: connections name theirs by its number.
std::uint16_t Worker::add_site(std::uint32_t listener, std::shared_ptr<const ListenerTerms> terms) {
  auto place = std::ranges::find_if(sites_, [](const auto& site) { return !site; });
  if (place == sites_.end()) place = sites_.emplace(sites_.end());
  *place = std::make_unique<Site>(listener, std::move(terms));
  date_until_ = {};  // it has none yet
  return static_cast<std::uint16_t>(place - sites_.begin());
}

Worker::Port* Worker::port_of(std::uint32_t listener) {
  const auto at = std::ranges::find(ports_, listener, &Port::listener);
  return at == ports_.end() ? nullptr : at->get();
}

void Worker::reload(ListenerOrders orders, std::shared_ptr<Countdown> progress) {
  loop_->post([this, all = std::move(orders), progress = std::move(progress)]() mutable {
    for (ListenerOrders::Added& one : all.added)
      add_listener(one.listener, std::move(one.share), std::move(one.terms));
    for (ListenerOrders::Changed& one : all.changed)
      change_listener(one.listener, std::move(one.terms));
    for (const std::uint32_t listener : all.gone) retire_listener(listener, progress);
    progress->done();
  });
}

void Worker::change_listener(std::uint32_t listener, std::shared_ptr<const ListenerTerms> terms) {
  Port* port = port_of(listener);
  if (port == nullptr) return;
  sites_[port->site()]->replace();
  port->use(add_site(listener, std::move(terms)));
  drop_empty_sites();
}

/// Also those that go by earlier terms of the listener.
void Worker::retire_listener(std::uint32_t listener, std::shared_ptr<Countdown> progress) {
  for (const auto& site : sites_) {
    if (site && site->listener() == listener)
      site->retire(Cause::operator_reload_retired, loop_->now());
  }
  last_retired_ = loop_->now();
  if (Port* port = port_of(listener); port != nullptr) {
    port->drain(std::move(progress));
  } else {
    progress->done();
  }
  begin_leaving();
}

void Worker::port_drained(Port& port) {
  std::erase_if(ports_, [&](const auto& one) { return one.get() == &port; });
  stop_when_empty();
}

Site& Worker::move_on(Connection& connection) {
  Site& before = connection.site();
  const Port* port = port_of(before.listener());
  if (port == nullptr || before.retiring()) return before;
  before.leave();
  connection.move_to(port->site());
  Site& now = connection.site();
  now.join();
  if (before.over()) drop_sites_soon();
  return now;
}

void Worker::forget_orphan(Http1Exchange* exchange) {
  std::erase(orphans_, exchange);
  if (exchange->site().over()) drop_sites_soon();
}

std::size_t Worker::sites() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(sites_, [](const auto& site) { return site != nullptr; }));
}

/// Whoever asks may still look at one.
void Worker::drop_sites_soon() {
  if (!draining_) loop_->post([this] { drop_empty_sites(); });
}

void Worker::drop_empty_sites() {
  if (draining_) return;  // how long they may drain counts
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    const Site* site = sites_[i].get();
    if (site == nullptr || !site->over()) continue;
    const bool needed =
        std::ranges::any_of(ports_, [i](const auto& port) { return port->site() == i; }) ||
        std::ranges::any_of(orphans_, [site](const auto* one) { return &one->site() == site; });
    if (!needed) sites_[i].reset();
  }
}

// ---- The end of serving ----

void Worker::drain() {
  loop_->post([this] { begin_drain(); });
}

void Worker::force() {
  loop_->post([this] {
    begin_drain();
    forced_ = true;
    cut_all(Cause::operator_shutdown_forced);
    stop_when_empty();
  });
}

void Worker::begin_drain() {
  if (draining_) return;
  drop_empty_sites();
  draining_ = true;
  for (const auto& site : sites_)
    if (site) site->retire(Cause::operator_shutdown, loop_->now());
  for (const auto& port : ports_) port->drain({});
  begin_leaving();
  if (own_handler_) own_handler_->close(Cause::operator_shutdown);
}

// ---- What leaves ----

void Worker::begin_leaving() {
  if (!leave_timer_) leave_timer_ = std::make_unique<LeaveTimer>(*this);
  leave_timer_->look_in(kLeaveTick);
  retire_idle();
}

void Worker::look_after_leaving() {
  if (forced_) {
    cut_all(Cause::operator_shutdown_forced);
  } else {
    cut_late();
    retire_idle();
  }
  drop_empty_sites();
  stop_when_empty();
  const bool more = std::ranges::any_of(
      sites_, [](const auto& site) { return site != nullptr && site->retiring(); });
  if (draining_ || more) leave_timer_->look_in(next_look());
}

Nanos Worker::next_look() const {
  const Instant now = loop_->now();
  if (draining_ || now < last_retired_ + kSettled) return kLeaveTick;
  Instant next = now + kRareTick;
  for (const auto& site : sites_)
    if (site && site->retiring()) next = std::min(next, site->deadline());
  return std::max<Nanos>(next - now, kLeaveTick);
}

/// Idle connections close at once; a fresh one gets a moment, because its request may be on the
/// way.
void Worker::retire_idle() {
  const Instant now = loop_->now();
  connections_.for_each([&](Connection& connection) {
    const Site& site = connection.site();
    if (!site.retiring()) return;
    if (connection.phase() == Phase::fresh && now < connection.phase_since() + kFreshGrace) return;
    connection.retire(site.cause());
  });
}

void Worker::cut_all(Cause cause) {
  connections_.for_each([&](Connection& connection) { count_cut(connection, cause); });
  cut_own(cause);
}

/// Behind the clients, so that what ends for them ends for their cause.
void Worker::cut_own(Cause cause) {
  if (!own_handler_) return;
  if (own_cut_ == Instant{}) own_cut_ = loop_->now();
  own_handler_->cut(cause);
}

/// The exit status tells of those that the end of the process cut.
void Worker::count_cut(Connection& connection, Cause cause) {
  if (connection.cut(cause) && draining_) cut_.fetch_add(1, std::memory_order_relaxed);
}

void Worker::cut_late() {
  const Instant now = loop_->now();
  bool any = false;
  connections_.for_each([&](Connection& connection) {
    const Site& site = connection.site();
    if (!site.retiring() || now < site.deadline()) return;
    any = true;
    count_cut(connection, Cause::timeout_drain);
  });
  if (any) ledger_.counters().timer_fired(record::TimerKind::drain);
  if (draining_ && now >= last_deadline()) cut_own(Cause::timeout_drain);
}

/// Of all listeners; max(): one has none.
Instant Worker::last_deadline() const {
  Instant last{};
  for (const auto& site : sites_) {
    const bool left = !site || (site->over() && site->cause() != Cause::operator_shutdown);
    if (!left) last = std::max(last, site->deadline());
  }
  return last;
}

void Worker::stop_when_empty() {
  if (!draining_ || connections_.live() > 0) return;
  if (!ports_.empty() && !forced_) return;
  const bool own_open = own_handler_ && !own_handler_->empty();
  const bool own_late = own_cut_ != Instant{} && loop_->now() >= own_cut_ + kOrphanGrace;
  if (own_open && !own_late) return;
  if (leased_ > 0 && orphans_until_ == Instant{}) {
    orphans_until_ = loop_->now() + kOrphanGrace;
    if (forced_)
      for (Http1Exchange* orphan : orphans_) orphan->settle_orphan();
  }
  if (leased_ > 0 && loop_->now() < orphans_until_) return;  // handlers that work for nobody
  for (Http1Exchange* orphan : orphans_) orphan->settle_orphan();
  stuck_.store(leased_ + (own_open ? 1 : 0), std::memory_order_relaxed);
  loop_->stop();
}

}  // namespace finack::server
