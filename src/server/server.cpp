#include "server/server.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <span>

#include "http/encoder.h"

namespace finack::server {
namespace {

constexpr std::size_t kMostListeners = 255;

net::ListenerOptions socket_options(const Settings& settings) {
  net::ListenerOptions options;
  options.backlog = settings.backlog;
  options.tcp_keepalive_s = static_cast<std::uint32_t>(
      std::chrono::ceil<std::chrono::seconds>(settings.tcp_keepalive).count());
  options.tcp_user_timeout_ms =
      static_cast<std::uint32_t>(std::chrono::ceil<Millis>(settings.tcp_user_timeout).count());
  return options;
}

}  // namespace

Server::Server(Options options) : options_(std::move(options)) {
  options_.workers = std::max(options_.workers, 1U);
}

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
  const std::size_t count = options_.listen.size() + options_.listeners.size();
  if (count > kMostListeners)
    return std::unexpected(Error{.what = "listen: at most 255 addresses", .side = Side::user});
  places_.reserve(count);
  const auto limits_of = [this](const Settings& settings) -> Admission& {
    return admissions_.emplace_back(budget_, settings.limits.connections,
                                    settings.limits.connections_per_address);
  };
  if (!options_.listen.empty()) {
    Admission& together = limits_of(options_.settings);
    for (const std::string& spec : options_.listen)
      if (auto bound = bind(spec, {}, options_.settings, together); !bound) return bound;
  }
  for (const ListenerOptions& listener : options_.listeners) {
    auto bound =
        bind(listener.spec, listener.name, listener.settings, limits_of(listener.settings));
    if (!bound) return bound;
  }
  return {};
}

Expected<void> Server::bind(const std::string& spec, std::string_view name,
                            const Settings& settings, Admission& admission) {
  const http::Header header{"Server", settings.server_header};
  if (!http::valid(std::span(&header, 1))) {
    return std::unexpected(Error{
        .what = "server-header: the value has characters that no header may have; use visible "
                "ASCII and spaces",
        .side = Side::user});
  }
  auto bound = net::ListenSockets::bind(spec, options_.workers, socket_options(settings));
  if (!bound) return std::unexpected(std::move(bound.error()));
  places_.push_back({std::move(*bound), &settings, &admission, name});
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
  for (Place& place : places_) {
    (*made)->add_listener(
        place.sockets, number,
        {.settings = *place.settings, .admission = *place.admission, .name = place.name});
  }
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

void Server::drain() {
  for (const auto& worker : workers_) worker->drain();
}

void Server::force() {
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
  for (Place& place : places_) place.sockets.unlink_path();
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
  std::vector<std::string> names;
  names.reserve(places_.size());
  for (const Place& place : places_) names.push_back(place.sockets.name());
  return names;
}

}  // namespace finack::server
