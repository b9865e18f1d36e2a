#include "server/worker.h"

#include <algorithm>

#include "http/encoder.h"
#include "net/address.h"

namespace finack::server {

using record::Cause;
using record::EndedBy;
using record::How;
using record::Phase;

namespace {

constexpr Nanos kDrainTick = std::chrono::milliseconds(50);
constexpr Nanos kBacklogQuiet = std::chrono::milliseconds(10);
constexpr Nanos kFreshGrace = std::chrono::seconds(1);
constexpr std::size_t kSpareExchanges = 1024;
constexpr std::size_t kWarmExchanges = 64;    ///< Spare ones that keep their buffer.
constexpr std::size_t kEvictionLooks = 1024;  ///< Connections looked at for an idle one.
constexpr Nanos kOrphanGrace = std::chrono::seconds(1);

/// Names a limit that turned a client away, as the settings' source calls it.
record::Evidence limit_evidence(const Settings& settings, const char* flag, const char* key,
                                std::uint64_t value) {
  record::Evidence evidence;
  evidence.setting_of = settings.path;
  evidence.setting = settings.path == nullptr ? flag : key;
  evidence.setting_value = value;
  return evidence;
}

}  // namespace

/// One listener of a worker, and where its reports go.
class Worker::Port final : public net::AcceptObserver {
 public:
  Port(Worker& worker, std::uint8_t index) : worker_(worker), index_(index) {}
  void listen(net::ListenSockets& sockets, std::uint32_t share) {
    last_ = !sockets.inherited();
    listener_ = net::Listener::create(*worker_.loop_, sockets.take(share), sockets.shared(), *this);
  }
  void drain() {
    if (listener_) listener_->drain(kBacklogQuiet, last_);
  }

  void on_accept(Fd fd, const Address& peer) override {
    worker_.accepted(index_, std::move(fd), peer);
  }
  void on_accept_aborted(int error) override {
    worker_.ledger_.counters().accepts.aborted.add();
    worker_.refused(index_, {},
                    {EndedBy::peer, How::rst, Phase::accept, Cause::client_accept_aborted},
                    {.error = error});
  }
  void on_accept_shed(int error, const Address& peer) override {
    worker_.ledger_.counters().accepts.shed.add();
    worker_.evict_one(nullptr);  // room for the next one
    worker_.refused(index_, peer, judge_shed(error), {.error = error});
  }
  void on_drained() override {
    listener_.reset();
    worker_.port_drained();
  }

 private:
  Worker& worker_;
  std::uint8_t index_;
  bool last_ = true;
  std::unique_ptr<net::Listener> listener_;
};

/// Looks after a drain: late idle connections, the deadline, the end.
class Worker::DrainTimer final : public net::Timer {
 public:
  explicit DrainTimer(Worker& worker) : worker_(worker), since_(worker.loop_->now()) { again(); }

 private:
  void again() { worker_.loop_->timers().arm(*this, worker_.loop_->now() + kDrainTick); }
  void on_timer() override {
    if (worker_.forced_) {
      worker_.cut_all(Cause::operator_shutdown_forced);
    } else {
      worker_.cut_late(since_);
      worker_.retire_idle();
    }
    worker_.stop_when_empty();
    again();
  }
  Worker& worker_;
  Instant since_;
};

Expected<std::unique_ptr<Worker>> Worker::create(const Options& options) {
  auto loop = net::Loop::create(options.loop);
  if (!loop) return std::unexpected(std::move(loop.error()));
  auto worker = std::unique_ptr<Worker>(new Worker(options, std::move(*loop)));
  if (options.make_handler == nullptr) return worker;
  if (auto made = worker->make_own_handler(options); !made)
    return std::unexpected(std::move(made.error()));
  return worker;
}

Worker::Worker(const Options& options, std::unique_ptr<net::Loop> loop)
    : ids_{.boot = options.boot, .worker = options.index},
      purpose_(options.purpose),
      handler_(options.handler),
      on_open_(options.on_open),
      loop_(std::move(loop)),
      ledger_(options.ledger) {
  loop_->set_owner(this);
  wall_offset_ = loop_->clock().wall().time_since_epoch() - loop_->clock().now().time_since_epoch();
  loop_->on_turn_end([this](Nanos busy) {
    ledger_.counters().loop_delay.add(busy);
    ledger_.publish();
    if (draining_) stop_when_empty();
  });
}

Worker::~Worker() = default;

Expected<void> Worker::make_own_handler(const Options& options) {
  record::Ledger::Options health = options.ledger;
  health.purpose = record::Purpose::health;
  health_ledger_ = std::make_unique<record::Ledger>(health);
  auto made = (*options.make_handler)(
      {.loop = loop_.get(),
       .ledger = &ledger_,
       .health_ledger = health_ledger_.get(),
       .ids = &ids_,
       .worker = index(),
       .workers = options.workers,
       .wall_offset = wall_offset_,
       // A turn's end looks for itself; posted, so that there is one.
       .emptied = [this] { loop_->post([this] { stop_when_empty(); }); },
       .list_clients = [this](record::LivePage& page) { list(page); },
       .kill_client = [this](const record::ConnectionId& id) { return kill(id); }});
  if (!made) return std::unexpected(std::move(made.error()));
  own_handler_ = std::move(*made);
  handler_ = own_handler_.get();
  return {};
}

void Worker::add_listener(net::ListenSockets& sockets, std::uint32_t share, const Terms& terms) {
  const auto index = static_cast<std::uint8_t>(ports_.size());
  sites_.push_back(std::make_unique<Site>(sockets, terms.name, terms.settings, terms.admission));
  ports_.push_back(std::make_unique<Port>(*this, index));
  ports_.back()->listen(sockets, share);
  ++ports_open_;
}

void Worker::run() {
  loop_->run();
  ledger_.publish();
  finished_.store(true, std::memory_order_release);
}

// ---- Connections come and go ----

void Worker::accepted(std::uint8_t listener, Fd fd, const Address& peer) {
  const auto turn_away = [&](Cause cause, const record::Evidence& evidence) {
    ledger_.counters().accepts.shed.add();
    net::discard_received(fd.get());  // unread bytes would turn our FIN into a RST
    refused(listener, peer, {EndedBy::local, How::fin, Phase::accept, cause}, evidence);
  };
  Admission& admission = sites_[listener]->admission();
  const Limits& limits = sites_[listener]->settings().limits;
  Admission::Answer answer = admission.admit(peer);
  // The evicted connection gives up its place now, though its close takes a while.
  if (answer == Admission::Answer::full && evict_one(&admission)) answer = admission.admit(peer);
  switch (answer) {
    case Admission::Answer::admitted:
      break;
    case Admission::Answer::address_full:
      return turn_away(
          Cause::policy_connection_limited,
          limit_evidence(sites_[listener]->settings(), "max-connections-per-address",
                         "limits.connections_per_address", limits.connections_per_address));
    case Admission::Answer::no_descriptor:
      // Room for the next one, unless some is on its way: a flood evicts no more than it can use.
      if (!admission.evicted_closing()) evict_one(nullptr);
      return turn_away(Cause::resource_descriptors, {});
    case Admission::Answer::full:
      return turn_away(Cause::policy_connection_limited,
                       limit_evidence(sites_[listener]->settings(), "max-connections",
                                      "limits.connections", limits.connections));
  }
  ledger_.counters().accepts.accepted.add();
  Connection* connection =
      connections_.make(*this, std::move(fd), peer, listener, ids_.next().sequence);
  if (on_open_ != nullptr) (*on_open_)(connection->id(), peer);
  connection->open();
}

/// A connection that is over before it began still opens and closes the books.
void Worker::refused(std::uint8_t listener, const Address& peer, const Verdict& verdict,
                     const record::Evidence& evidence) {
  record::ConnectionEntry entry = ledger_.open_connection();
  record::ConnectionRecord record;
  record.id = ids_.next();
  record.purpose = purpose_;
  record.listener = sites_[listener]->name();
  record.local = sites_[listener]->local();
  record.peer = peer;
  record.opened = record.ended = wall(loop_->now());
  apply(verdict, record.ending);
  record.ending.evidence = evidence;
  record.ending.evidence.resource = resource_of(verdict.cause);
  ledger_.finish(std::move(entry), record);
}

/// A slot is needed: of the connections looked at, the one that has been idle longest goes.
bool Worker::evict_one(const Admission* of) {
  Connection* oldest = nullptr;
  connections_.scan(kEvictionLooks, [&](Connection& connection) {
    if (connection.phase() != Phase::idle || connection.closing()) return;
    if (of != nullptr && of != &connection.site().admission()) return;
    if (oldest == nullptr || connection.phase_since() < oldest->phase_since()) oldest = &connection;
  });
  if (oldest == nullptr) return false;
  if (!oldest->retire(Cause::policy_idle_evicted)) return false;
  oldest->site().admission().evict(oldest->peer());
  oldest->give_up_place();
  return true;
}

void Worker::park(const Connection* connection, Outbox&& outbox) {
  parked_.emplace(connection, std::move(outbox));
}

void Worker::gone(Connection* connection) {
  if (!parked_.empty()) parked_.erase(connection);
  Admission& admission = connection->site().admission();
  if (connection->has_place()) {
    admission.leave(connection->peer());
  } else {
    admission.evicted_closed();
  }
  connections_.destroy(connection);
}

Http1Exchange* Worker::lease() {
  ++leased_;
  if (spare_.empty()) return new Http1Exchange(*this);
  Http1Exchange* exchange = spare_.back().release();
  spare_.pop_back();
  return exchange;
}

void Worker::give_back(Http1Exchange* exchange) {
  --leased_;
  exchange->clear();
  if (spare_.size() >= kWarmExchanges) exchange->shed();
  if (spare_.size() < kSpareExchanges) {
    spare_.emplace_back(exchange);
  } else {
    delete exchange;
  }
}

// ---- What an operator sees and does ----

void Worker::list(record::LivePage& page) {
  connections_.for_each([&](const Connection& connection) {
    if (connection.over()) return;
    if (page.wants(connection.id(), record::Role::server, connection.phase()))
      page.add(connection.describe());
  });
}

bool Worker::kill(const record::ConnectionId& id) {
  if (id.boot != ids_.boot || id.worker != ids_.worker) return false;
  Connection* found = nullptr;
  connections_.for_each([&](Connection& connection) {
    if (connection.id().sequence == id.sequence && !connection.over()) found = &connection;
  });
  if (found == nullptr) return false;
  found->cut(Cause::operator_killed);
  return true;
}

// ---- Cached texts ----

void Worker::renew_date() {
  const Instant now = loop_->now();
  const Clock& clock = loop_->clock();
  wall_offset_ = clock.wall().time_since_epoch() - clock.now().time_since_epoch();
  const auto since_epoch = wall(now).time_since_epoch();
  const auto second = std::chrono::floor<std::chrono::seconds>(since_epoch);
  http::format_date(second.count(), date_);
  date_until_ = now + (second + std::chrono::seconds(1) - since_epoch);
  for (const auto& site : sites_) site->set_date({date_, 29});
}

void Worker::note_blocked(const http::RouteLabel& route, Instant since) {
  record::FindingRecord finding;
  finding.finding = record::Finding::loop_blocked;
  finding.worker = index();
  finding.route = route.pattern;
  finding.at = wall(loop_->now());
  finding.duration = loop_->precise_now() - since;
  ledger_.find(finding);
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
  draining_ = true;
  for (const auto& port : ports_) port->drain();
  drain_timer_ = std::make_unique<DrainTimer>(*this);
  retire_idle();
  if (own_handler_) own_handler_->close(Cause::operator_shutdown);
}

/// Idle connections close at once; a fresh one gets a moment, because its request may be on the
/// way.
void Worker::retire_idle() {
  const Instant now = loop_->now();
  connections_.for_each([&](Connection& connection) {
    if (connection.phase() == Phase::fresh && now < connection.phase_since() + kFreshGrace) return;
    connection.retire(Cause::operator_shutdown);
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

void Worker::count_cut(Connection& connection, Cause cause) {
  if (connection.cut(cause)) cut_.fetch_add(1, std::memory_order_relaxed);
}

void Worker::cut_late(Instant since) {
  const Instant now = loop_->now();
  const auto late = [&](Nanos limit) { return limit != Nanos{0} && now >= since + limit; };
  bool any = false;
  connections_.for_each([&](Connection& connection) {
    if (!late(connection.site().settings().timeouts.drain)) return;
    any = true;
    count_cut(connection, Cause::timeout_drain);
  });
  if (any) ledger_.counters().timer_fired(record::TimerKind::drain);
  if (late(longest_drain())) cut_own(Cause::timeout_drain);
}

/// 0: there is none.
Nanos Worker::longest_drain() const {
  Nanos longest{0};
  for (const auto& site : sites_) {
    const Nanos drain = site->settings().timeouts.drain;
    if (drain == Nanos{0}) return drain;
    longest = std::max(longest, drain);
  }
  return longest;
}

void Worker::port_drained() {
  --ports_open_;
  stop_when_empty();
}

void Worker::stop_when_empty() {
  if (!draining_ || connections_.live() > 0) return;
  if (ports_open_ > 0 && !forced_) return;
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
