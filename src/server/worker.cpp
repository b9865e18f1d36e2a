#include "server/worker.h"

#include "http/encoder.h"
#include "net/address.h"
#include "server/worker_port.h"

namespace finack::server {

using record::Cause;
using record::EndedBy;
using record::How;
using record::Phase;

namespace {

constexpr std::size_t kSpareExchanges = 1024;
constexpr std::size_t kWarmExchanges = 64;    ///< Spare ones that keep their buffer.
constexpr std::size_t kEvictionLooks = 1024;  ///< Connections looked at for an idle one.

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

void Worker::run() {
  loop_->run();
  ledger_.publish();
  finished_.store(true, std::memory_order_release);
}

// ---- Connections come and go ----

void Worker::accepted(std::uint16_t index, Fd fd, const Address& peer) {
  const auto turn_away = [&](Cause cause, const record::Evidence& evidence) {
    ledger_.counters().accepts.shed.add();
    net::discard_received(fd.get());  // unread bytes would turn our FIN into a RST
    refused(index, peer, {EndedBy::local, How::fin, Phase::accept, cause}, evidence);
  };
  Site& site = *sites_[index];
  Admission& admission = site.admission();
  const Limits& limits = site.settings().limits;
  bool by_address = false;
  Admission::Answer answer = admission.admit(peer, &by_address);
  // The evicted connection gives up its place now, though its close takes a while.
  if (answer == Admission::Answer::full && evict_one(&admission))
    answer = admission.admit(peer, &by_address);
  switch (answer) {
    case Admission::Answer::admitted:
      break;
    case Admission::Answer::address_full:
      return turn_away(
          Cause::policy_connection_limited,
          limit_evidence(site.settings(), "max-connections-per-address",
                         "limits.connections_per_address", limits.connections_per_address));
    case Admission::Answer::no_descriptor:
      // Room for the next one, unless some is on its way: a flood evicts no more than it can use.
      if (!admission.evicted_closing()) evict_one(nullptr);
      return turn_away(Cause::resource_descriptors, {});
    case Admission::Answer::full:
      return turn_away(Cause::policy_connection_limited,
                       limit_evidence(site.settings(), "max-connections", "limits.connections",
                                      limits.connections));
  }
  ledger_.counters().accepts.accepted.add();
  site.join();
  Connection* connection =
      connections_.make(*this, std::move(fd), peer, index, by_address, ids_.next().sequence);
  if (on_open_ != nullptr) (*on_open_)(connection->id(), peer);
  connection->open();
}

/// A connection that is over before it began still opens and closes the books.
void Worker::refused(std::uint16_t index, const Address& peer, const Verdict& verdict,
                     const record::Evidence& evidence) {
  record::ConnectionEntry entry = ledger_.open_connection();
  record::ConnectionRecord record;
  record.id = ids_.next();
  record.purpose = purpose_;
  record.listener = sites_[index]->name();
  record.local = sites_[index]->local();
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
  oldest->site().admission().evict(oldest->peer(), oldest->counted_by_address());
  oldest->give_up_place();
  return true;
}

void Worker::park(const Connection* connection, Outbox&& outbox) {
  parked_.emplace(connection, std::move(outbox));
}

void Worker::gone(Connection* connection) {
  if (!parked_.empty()) parked_.erase(connection);
  Site& site = connection->site();
  if (connection->has_place()) {
    site.admission().leave(connection->peer(), connection->counted_by_address());
  } else {
    site.admission().evicted_closed();
  }
  site.leave();
  if (site.over()) drop_sites_soon();
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
  for (const auto& site : sites_)
    if (site) site->set_date({date_, 29});
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

}  // namespace finack::server
