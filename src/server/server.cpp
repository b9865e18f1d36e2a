#include "server/server.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <span>

#include "http/encoder.h"

namespace finack::server {

Server::Server(Options options)
    : options_(std::move(options)),
      admission_(options_.settings.limits.connections,
                 options_.settings.limits.connections_per_address) {}

Server::~Server() {
  if (threads_.empty()) return;
  force();
  join();
}

Expected<std::unique_ptr<Server>> Server::create(Options options, http::Handler& handler) {
  auto server = std::unique_ptr<Server>(new Server(std::move(options)));
  Options& o = server->options_;
  o.workers = std::max(o.workers, 1U);
  const http::Header name{"Server", o.settings.server_header};
  if (!http::valid(std::span(&name, 1))) {
    return std::unexpected(Error{
        .what = "server-header: the value has characters that no header may have; use visible "
                "ASCII and spaces",
        .side = Side::user});
  }
  net::ListenerOptions listener;
  listener.backlog = o.settings.backlog;
  listener.tcp_keepalive_s = static_cast<std::uint32_t>(
      std::chrono::ceil<std::chrono::seconds>(o.settings.tcp_keepalive).count());
  listener.tcp_user_timeout_ms =
      static_cast<std::uint32_t>(std::chrono::ceil<Millis>(o.settings.tcp_user_timeout).count());
  constexpr std::size_t kMostListeners = 255;
  if (o.listen.size() > kMostListeners) {
    return std::unexpected(Error{.what = "listen: at most 255 addresses", .side = Side::user});
  }
  server->sockets_.reserve(o.listen.size());
  for (const std::string& spec : o.listen) {
    auto bound = net::ListenSockets::bind(spec, o.workers, listener);
    if (!bound) return std::unexpected(std::move(bound.error()));
    server->sockets_.push_back(std::move(*bound));
  }
  for (std::uint32_t w = 0; w < o.workers; ++w) {
    server->rings_.push_back(std::make_unique<record::Ring>(
        record::Ring::Options{.bytes = o.ring_bytes, .overflow = o.overflow}));
    Worker::Options worker;
    worker.index = o.first_index + w;
    worker.boot = o.boot;
    worker.purpose = o.purpose;
    worker.settings = &o.settings;
    worker.handler = &handler;
    worker.on_open = o.on_open ? &o.on_open : nullptr;
    worker.admission = &server->admission_;
    worker.ledger.worker = worker.index;
    worker.ledger.purpose = o.purpose;
    worker.ledger.recording = o.recording;
    worker.ledger.requests = o.record_requests;
    worker.ledger.sample = o.record_sample;
    worker.ledger.ring = server->rings_.back().get();
    worker.ledger.clock = &system_clock();
    worker.loop.backend = o.backend;
    auto made = Worker::create(worker);
    if (!made) return std::unexpected(std::move(made.error()));
    for (net::ListenSockets& sockets : server->sockets_) (*made)->add_listener(sockets, w);
    server->workers_.push_back(std::move(*made));
  }
  server->backend_ = server->workers_.front()->loop().backend();
  server->backend_reason_ = server->workers_.front()->loop().backend_reason();
  return server;
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
  for (net::ListenSockets& sockets : sockets_) sockets.unlink_path();
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

std::vector<std::string> Server::addresses() const {
  std::vector<std::string> names;
  names.reserve(sockets_.size());
  for (const net::ListenSockets& sockets : sockets_) names.push_back(sockets.name());
  return names;
}

}  // namespace finack::server
