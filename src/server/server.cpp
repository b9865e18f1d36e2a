#include "server/server.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>

#include "server/countdown.h"

namespace finack::server {
namespace {

/// What may hold up who changes listeners: a worker that a handler blocks.
constexpr Nanos kChangePatience = std::chrono::milliseconds(500);

Server::Options with_workers(Server::Options options) {
  options.workers = std::max(options.workers, 1U);
  return options;
}

}  // namespace

Server::Server(Options options)
    : options_(with_workers(std::move(options))), listeners_(budget_, options_.workers) {}

Server::~Server() {
  if (threads_.empty()) return;
  force();
  join();
}

Expected<std::unique_ptr<Server>> Server::create(Options options, http::Handler& handler) {
  return make(std::move(options), &handler, nullptr);
}

Expected<std::unique_ptr<Server>> Server::create(Options options, const MakeHandler& make_handler) {
  return make(std::move(options), nullptr, &make_handler);
}

Expected<std::unique_ptr<Server>> Server::make(Options options, http::Handler* handler,
                                               const MakeHandler* make_handler) {
  auto server = std::unique_ptr<Server>(new Server(std::move(options)));
  if (auto bound = server->bind_all(); !bound) return std::unexpected(std::move(bound.error()));
  for (std::uint32_t w = 0; w < server->options_.workers; ++w) {
    if (auto added = server->add_worker(w, handler, make_handler); !added)
      return std::unexpected(std::move(added.error()));
  }
  server->backend_ = server->workers_.front()->loop().backend();
  server->backend_reason_ = server->workers_.front()->loop().backend_reason();
  return server;
}

Expected<void> Server::bind_all() {
  const auto together = listeners_.make_admission(options_.settings.limits);
  for (const std::string& spec : options_.listen) {
    auto bound =
        listeners_.bind({.spec = spec, .name = {}, .settings = options_.settings}, together);
    if (!bound) return bound;
  }
  for (const ListenerOptions& listener : options_.listeners) {
    auto bound = listeners_.bind(listener, listeners_.make_admission(listener.settings.limits));
    if (!bound) return bound;
  }
  return {};
}

Expected<void> Server::add_worker(std::uint32_t number, http::Handler* handler,
                                  const MakeHandler* make_handler) {
  const Options& o = options_;
  rings_.push_back(std::make_unique<record::Ring>(
      record::Ring::Options{.bytes = o.ring_bytes, .overflow = o.overflow}));
  Worker::Options worker;
  worker.index = o.first_index + number;
  worker.workers = o.workers;
  worker.boot = o.boot;
  worker.purpose = o.purpose;
  worker.handler = handler;
  worker.make_handler = make_handler;
  worker.on_open = o.on_open ? &o.on_open : nullptr;
  worker.ledger.worker = worker.index;
  worker.ledger.purpose = o.purpose;
  worker.ledger.recording = o.recording;
  worker.ledger.requests = o.record_requests;
  worker.ledger.sample = o.record_sample;
  worker.ledger.ring = rings_.back().get();
  worker.ledger.clock = &system_clock();
  worker.loop.backend = o.backend;
  auto made = Worker::create(worker);
  if (!made) return std::unexpected(std::move(made.error()));
  for (ListenerOrders::Added& one : listeners_.first_orders(number).added)
    (*made)->add_listener(one.listener, std::move(one.share), std::move(one.terms));
  workers_.push_back(std::move(*made));
  return {};
}

void Server::start() {
  std::vector<Worker*> workers;
  workers.reserve(workers_.size());
  for (const auto& worker : workers_) workers.push_back(worker.get());
  watchdog_ = std::make_unique<Watchdog>(workers, options_.settings.loop_blocked);
  watchdog_->start();
  // Signals are the main thread's business.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  for (Worker* worker : workers) threads_.emplace_back([worker] { worker->run(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

std::expected<ListenerChange, ListenerTrouble> Server::check_listeners(
    std::vector<ListenerOptions> next) {
  const std::scoped_lock lock(listeners_mutex_);
  auto change = listeners_.check(std::move(next));
  if (ending_ && change &&
      change->counts().kept < change->listeners().size() + change->gone().size())
    return std::unexpected(
        ListenerTrouble{0, {.what = "the process is ending: its listeners stay as they are"}});
  return change;
}

void Server::change_listeners(ListenerChange change) {
  const std::size_t sockets_gone = change.gone().size();
  const auto progress = std::make_shared<Countdown>(workers_.size() * (1 + sockets_gone));
  {
    const std::scoped_lock lock(listeners_mutex_);
    if (ending_) return;
    std::vector<ListenerOrders> orders = listeners_.commit(std::move(change));
    for (std::size_t i = 0; i < workers_.size(); ++i)
      workers_[i]->reload(std::move(orders[i]), progress);
  }
  progress->wait(kChangePatience);
}

void Server::drain() {
  const std::scoped_lock lock(listeners_mutex_);
  ending_ = true;
  for (const auto& worker : workers_) worker->drain();
}

void Server::force() {
  const std::scoped_lock lock(listeners_mutex_);
  ending_ = true;
  for (const auto& worker : workers_) worker->force();
}

bool Server::finished() const {
  return std::all_of(workers_.begin(), workers_.end(),
                     [](const auto& worker) { return worker->finished(); });
}

std::uint64_t Server::join() {
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
  threads_.clear();
  if (watchdog_) watchdog_->stop();
  {
    const std::scoped_lock lock(listeners_mutex_);
    listeners_.unlink_paths();
  }
  std::uint64_t cut = 0;
  for (const auto& worker : workers_) cut += worker->cut_connections();
  return cut;
}

std::size_t Server::stuck_handlers() const {
  std::size_t stuck = 0;
  for (const auto& worker : workers_) stuck += worker->stuck_handlers();
  return stuck;
}

std::vector<record::Ring*> Server::rings() {
  std::vector<record::Ring*> rings;
  rings.reserve(rings_.size());
  for (const auto& ring : rings_) rings.push_back(ring.get());
  return rings;
}

std::vector<const record::Counters*> Server::counters() const {
  std::vector<const record::Counters*> counters;
  counters.reserve(workers_.size());
  for (const auto& worker : workers_) counters.push_back(&std::as_const(*worker).counters());
  return counters;
}

std::vector<const record::Counters*> Server::health_counters() const {
  std::vector<const record::Counters*> counters;
  for (const auto& worker : workers_)
    if (worker->health_counters() != nullptr) counters.push_back(worker->health_counters());
  return counters;
}

std::vector<std::string> Server::addresses() const {
  const std::scoped_lock lock(listeners_mutex_);
  return listeners_.names();
}

}  // namespace finack::server
