#include "app/service.h"

#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <random>
#include <thread>

#include "app/version.h"
#include "base/stderr_line.h"
#include "sinks/process_facts.h"

namespace finack::app {
namespace {

constexpr Nanos kLook = std::chrono::milliseconds(20);
constexpr Nanos kSinkGrace = std::chrono::seconds(5);
constexpr std::uint64_t kFilesOfAPort = 2;  ///< A worker's socket, and a reserve to shed with.
constexpr Nanos kEndless = std::chrono::hours(24);

/// Each connection needs a descriptor: the soft limit is made as large as the hard one allows.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::string count_or_none(std::uint32_t limit) {
  return limit == 0 ? "no limit" : fmt::format("{}", limit);
}

/// Cores this process may run on.
std::uint32_t usable_cores() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<std::uint32_t>(std::max(CPU_COUNT(&set), 1));
}

net::Backend backend_of(Backend backend) {
  switch (backend) {
    case Backend::io_uring:
      return net::Backend::io_uring;
    case Backend::epoll:
      return net::Backend::epoll;
    case Backend::automatic:
      break;
  }
  return net::Backend::automatic;
}

sigset_t our_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGHUP}) ::sigaddset(&set, signal);
  return set;
}

/// The next of our signals within `wait`; 0: none.
int next_signal(Nanos wait) {
  const sigset_t set = our_signals();
  const timespec time{.tv_sec = 0, .tv_nsec = wait.count()};
  const int signal = ::sigtimedwait(&set, nullptr, &time);
  return signal > 0 ? signal : 0;
}

/// Our signals come by next_signal() alone while this lives. One that nobody took by then was meant
/// for what has ended, and is used up.
class SignalsTaken {
 public:
  SignalsTaken() {
    const sigset_t set = our_signals();
    ::pthread_sigmask(SIG_BLOCK, &set, &before_);
  }
  ~SignalsTaken() {
    while (next_signal(Nanos{0}) != 0) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  SignalsTaken(const SignalsTaken&) = delete;
  SignalsTaken& operator=(const SignalsTaken&) = delete;

 private:
  sigset_t before_{};
};

/// How loud each severity is: docs/endings.md, severity.
record::Severity least_severity(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return record::Severity::normal;
    case LogLevel::info:
      break;
    case LogLevel::warning:
      return record::Severity::fault;
    case LogLevel::error:
      return record::Severity::bug;
  }
  return record::Severity::notice;
}

Fd standard_error() { return Fd(::dup(STDERR_FILENO)); }

}  // namespace

record::RecordRequests recorded_requests(std::uint32_t record_every,
                                         const route::ConnectionMonitor* monitor) {
  if (record_every == 1 || (monitor != nullptr && monitor->wants_every_request()))
    return record::RecordRequests::all;
  return record_every == 0 ? record::RecordRequests::abnormal : record::RecordRequests::sampled;
}

Service::Service(const server::Settings& settings, const ProcessOptions& options, Parts parts)
    : settings_(settings),
      options_(options),
      parts_(std::move(parts)),
      boot_(std::random_device{}()),
      log_(standard_error()) {
  if (options_.workers == 0) options_.workers = usable_cores();
  listeners_ = parts_.listeners;
  if (!listeners_.empty()) return;
  for (const std::string& address : options_.listen)
    listeners_.push_back({.spec = address, .name = {}, .settings = settings_});
}

Service::~Service() {
  if (drainer_) drainer_->stop();
}

Expected<std::unique_ptr<Service>> Service::create(const server::Settings& settings,
                                                   const ProcessOptions& options, Parts parts) {
  raise_descriptor_limit();
  auto service = std::unique_ptr<Service>(new Service(settings, options, std::move(parts)));
  if (auto sinks = service->open_sinks(); !sinks) return std::unexpected(std::move(sinks.error()));
  if (auto servers = service->open_servers(); !servers)
    return std::unexpected(std::move(servers.error()));
  service->share_out_descriptors();
  return service;
}

Expected<void> Service::open_sinks() {
  if (!options_.records.empty()) {
    auto lines =
        sinks::RecordLines::open({.path = options_.records,
                                  .redact_query = options_.redact_query,
                                  .lang = options_.lang,
                                  .trouble =
                                      [name = parts_.name](std::string_view what) {
                                        write_stderr_line(fmt::format("{}: {}", name, what));
                                      },
                                  .overflow = options_.records_overflow});
    if (!lines) return std::unexpected(std::move(lines.error()));
    lines_ = std::move(*lines);
  }
  if (options_.console != Console::off) {
    sinks::Console::Options console = sinks::Console::options_for(STDERR_FILENO, options_.lang);
    if (options_.console == Console::color) console.colour = console.explain = true;
    if (options_.console == Console::plain) console.colour = console.explain = false;
    console.least = least_severity(options_.log_level);
    console.redact_query = options_.redact_query;
    console_ = std::make_unique<sinks::Console>(standard_error(), console);
  }
  return {};
}

Expected<void> Service::open_servers() {
  server::Server::Options main;
  main.settings = settings_;
  main.listeners = parts_.listeners;
  if (main.listeners.empty()) main.listen = options_.listen;
  main.workers = options_.workers;
  main.boot = boot_;
  main.backend = backend_of(options_.backend);
  main.record_requests = recorded_requests(options_.record_every, parts_.monitor);
  main.record_sample = std::max(options_.record_every, 1U);
  main.recording = options_.recording;
  main.ring_bytes = options_.record_ring_bytes;
  main.overflow = options_.records_overflow;
  if (parts_.monitor != nullptr) {
    main.on_open = [monitor = parts_.monitor](const record::ConnectionId& id, const Address& peer) {
      monitor->connection_opened(id, peer);
    };
  }
  auto server = parts_.make_handler ? server::Server::create(std::move(main), parts_.make_handler)
                                    : server::Server::create(std::move(main), *parts_.handler);
  if (!server) return std::unexpected(std::move(server.error()));
  server_ = std::move(*server);

  const std::string backend(net::name(server_->backend()));
  metrics_ = std::make_unique<sinks::Metrics>(
      sinks::Metrics::Options{.counters = [this] { return counter_sources(); },
                              .dropped_lines = [this] { return dropped_lines(); },
                              .more = parts_.more_metrics,
                              .version = version(),
                              .revision = "",
                              .loop_backend = backend});
  admin_handler_ = std::make_unique<admin::AdminHandler>(
      admin::AdminHandler::Options{.health = &health_,
                                   .metrics = [this] { return metrics_->text(); },
                                   .more = parts_.admin,
                                   .more_index = parts_.admin_index,
                                   .version = version(),
                                   .revision = "",
                                   .loop_backend = backend});
  probe_handler_ = std::make_unique<admin::ProbeHandler>(health_);
  if (!options_.admin.empty()) {
    auto made = side_server(options_.admin, *admin_handler_, options_.workers);
    if (!made) return std::unexpected(std::move(made.error()));
    admin_ = std::move(*made);
  }
  if (!options_.probe_listen.empty()) {
    auto made = side_server(options_.probe_listen, *probe_handler_, options_.workers + 1);
    if (!made) return std::unexpected(std::move(made.error()));
    probe_ = std::move(*made);
  }

  record::Drainer::Options drainer;
  for (server::Server* s : {server_.get(), admin_.get(), probe_.get()}) {
    if (s == nullptr) continue;
    for (record::Ring* ring : s->rings()) drainer.rings.push_back(ring);
  }
  add_sinks(drainer.sinks);
  drainer_ = std::make_unique<record::Drainer>(std::move(drainer));
  return {};
}

/// A monitor that listens to every request must not fill everybody else's records with them.
void Service::add_sinks(std::vector<record::Sink*>& sinks) {
  if (lines_) sinks.push_back(lines_.get());
  if (console_) sinks.push_back(console_.get());
  sinks.insert(sinks.end(), parts_.sinks.begin(), parts_.sinks.end());
  if (parts_.monitor == nullptr) return;
  if (parts_.monitor->wants_every_request() && options_.record_every != 1) {
    for (record::Sink*& sink : sinks) {
      filters_.push_back(std::make_unique<RequestFilter>(*sink, options_.record_every));
      sink = filters_.back().get();
    }
  }
  sinks.push_back(parts_.monitor);
}

/// A small server of one worker with its own limits: admin traffic must work when the main one is
/// full.
Expected<std::unique_ptr<server::Server>> Service::side_server(const std::string& address,
                                                               http::Handler& handler,
                                                               std::uint32_t first_index) {
  server::Server::Options side;
  side.settings.limits.connections = 1000;
  side.settings.limits.body_bytes = 64 * 1024;
  side.settings.timeouts.drain = std::chrono::seconds(1);
  side.listen = {address};
  side.workers = 1;
  side.first_index = first_index;
  side.boot = boot_;
  side.backend = net::Backend::epoll;
  side.purpose = record::Purpose::admin;
  side.ring_bytes = 256 * 1024;
  return server::Server::create(std::move(side), handler);
}

/// Everything of our own is open now: what is left is for clients.
void Service::share_out_descriptors() {
  const sinks::ProcessFacts facts = sinks::read_process_facts();
  descriptor_limit_ = facts.max_fds;
  const std::uint64_t of_listeners = kFilesOfAPort * options_.workers * listeners_.size();
  other_files_ = facts.open_fds > of_listeners ? facts.open_fds - of_listeners : 0;
  const DescriptorShare share = limit_traffic(listeners_.size());
  most_connections_ = share.traffic;
  for (server::Server* side : {admin_.get(), probe_.get()})
    if (side != nullptr) side->limit_sockets(share.side);
}

DescriptorShare Service::limit_traffic(std::size_t listeners) {
  const std::uint64_t ports = std::uint64_t{options_.workers} * listeners;
  const DescriptorShare share = share_descriptors(
      descriptor_limit_, other_files_ + kFilesOfAPort * ports, ports, parts_.dials);
  server_->limit_sockets(share.traffic);
  return share;
}

void Service::change_listeners(server::ListenerChange change) {
  const std::vector<std::string> added = change.added();
  const std::vector<std::string> gone = change.gone();
  {
    const std::scoped_lock lock(listeners_mutex_);
    listeners_ = change.listeners();
    limit_traffic(listeners_.size());
  }
  server_->change_listeners(std::move(change));
  for (const std::string& address : added) say("listening on " + address);
  for (const std::string& address : gone) say("no longer listening on " + address);
}

std::vector<sinks::CounterSource> Service::counter_sources() const {
  std::vector<sinks::CounterSource> sources;
  const auto add = [&](const std::vector<const record::Counters*>& all, std::uint32_t first,
                       record::Purpose purpose) {
    std::uint32_t worker = first;
    for (const record::Counters* counters : all) sources.push_back({counters, worker++, purpose});
  };
  add(server_->counters(), 0, record::Purpose::traffic);
  add(server_->health_counters(), 0, record::Purpose::health);
  if (admin_) add(admin_->counters(), options_.workers, record::Purpose::admin);
  if (probe_) add(probe_->counters(), options_.workers + 1, record::Purpose::admin);
  return sources;
}

sinks::DroppedLines Service::dropped_lines() const {
  return {.records = lines_ ? lines_->dropped() : 0,
          .console = console_ ? console_->dropped() : 0,
          .log = log_.dropped()};
}

/// To standard error: standard output may belong to record lines.
void Service::say(const std::string& text) const { write_stderr_line(parts_.name + ": " + text); }

void Service::announce() const {
  for (const std::string& address : server_->addresses()) say("listening on " + address);
  if (admin_) say("admin on " + admin_->addresses().front());
  if (probe_) say("probes on " + probe_->addresses().front());
  say(fmt::format("{} worker{}, backend {}{}", options_.workers, options_.workers == 1 ? "" : "s",
                  net::name(server_->backend()),
                  server_->backend_reason().empty() ? "" : " (" + server_->backend_reason() + ")"));
  announce_limit();
}

/// Of several listeners with limits of their own it takes one that goes beyond what there is.
void Service::announce_limit() const {
  if (most_connections_ == 0) return;
  std::vector<std::uint32_t> limits;
  for (const server::ListenerOptions& listener : listeners())
    limits.push_back(listener.settings.limits.connections);
  const auto beyond = std::ranges::find_if(
      limits, [this](std::uint32_t limit) { return limit == 0 || limit > most_connections_; });
  if (beyond == limits.end()) return;
  write_stderr_line(fmt::format(
      "{}: {} connections at most: the process may open {} files{}, max-connections is {}; raise "
      "LimitNOFILE or ulimit -n",
      parts_.name, most_connections_, descriptor_limit_,
      parts_.dials ? ", half of them kept for servers" : "", count_or_none(*beyond)));
}

std::vector<server::ListenerOptions> Service::listeners() const {
  const std::scoped_lock lock(listeners_mutex_);
  return listeners_;
}

/// Of all listeners the process waits for the slowest.
Nanos Service::drain_delay() const {
  Nanos most{0};
  for (const server::ListenerOptions& listener : listeners())
    most = std::max(most, listener.settings.timeouts.drain_delay);
  return most;
}

/// Likewise; 0: without a limit, as soon as one of them has none.
Nanos Service::drain_limit() const {
  Nanos most{0};
  for (const server::ListenerOptions& listener : listeners()) {
    if (listener.settings.timeouts.drain == Nanos{0}) return Nanos{0};
    most = std::max(most, listener.settings.timeouts.drain);
  }
  return most;
}

int Service::run() {
  ::signal(SIGPIPE, SIG_IGN);
  const SignalsTaken signals;
  drainer_->start();
  if (admin_) admin_->start();
  if (probe_) probe_->start();
  server_->start();
  health_.set_ready(true);
  announce();
  wait_for_end();
  const std::uint64_t cut = shut_down();
  if (cut > 0) {
    write_stderr_line(
        fmt::format("{}: {} connection{} had to be cut", parts_.name, cut, cut == 1 ? "" : "s"));
  }
  if (const std::size_t stuck = server_->stuck_handlers(); stuck > 0) {
    // They hold memory of this server, and no thread can be stopped from outside.
    write_stderr_line(fmt::format("{}: {} handler{} ignored the stop and end with the process",
                                  parts_.name, stuck, stuck == 1 ? "" : "s"));
    std::_Exit(1);
  }
  return cut > 0 ? 1 : 0;
}

/// Readiness goes first, listeners after the delay, connections after that; again: force. Workers
/// that wait for a reader of records (--records-overflow block) drain no connection: past all
/// limits they wait no longer.
void Service::wait_for_end() {
  Instant drain_at = Instant::max();
  Instant release_at = Instant::max();
  bool draining = false;
  while (!server_->finished()) {
    switch (next_signal(kLook)) {
      case SIGTERM:
      case SIGINT:
        if (drain_at == Instant::max()) {
          health_.start_draining();
          drain_at = system_clock().now() + drain_delay();
          write_stderr_line(parts_.name + ": draining; once more to cut what is left");
        } else {
          draining = true;
          release_at = std::min(release_at, system_clock().now() + kSinkGrace);
          server_->force();
        }
        break;
      case SIGUSR1:
        drainer_->request_reopen();
        break;
      case SIGHUP:
        if (parts_.on_reload && drain_at == Instant::max()) parts_.on_reload();
        break;
      default:
        break;
    }
    if (!draining && system_clock().now() >= drain_at) {
      draining = true;
      // A drain of 0 has no limit, and so neither has their wait.
      if (const Nanos limit = drain_limit(); limit > Nanos{0})
        release_at = system_clock().now() + limit + kSinkGrace;
      server_->drain();
    }
    if (system_clock().now() >= release_at) drainer_->release_writers();
  }
}

std::uint64_t Service::shut_down() {
  const std::uint64_t cut = server_->join();
  for (server::Server* side : {admin_.get(), probe_.get()}) {
    if (side == nullptr) continue;
    side->drain();
    side->join();
  }
  stop_sinks();
  return cut;
}

/// Writes out what is recorded. A pipe that nobody reads is given a while, or until the next
/// signal: then the process ends without it, because nothing else can free the thread that writes.
void Service::stop_sinks() {
  std::atomic<const char*> waits_for{"records"};
  std::promise<void> done;
  std::future<void> written = done.get_future();
  std::thread stopper([&] {
    drainer_->stop();
    // Each sink's thread writes on its own meanwhile, whichever is waited for first.
    if (lines_) lines_->settle(kEndless);
    waits_for = "console lines";
    if (console_) console_->settle(kEndless);
    waits_for = "log lines";
    log_.settle(kEndless);
    done.set_value();
  });
  const Instant until = system_clock().now() + kSinkGrace;
  while (written.wait_for(kLook) != std::future_status::ready) {
    const int signal = next_signal(Nanos{0});
    if (system_clock().now() < until && signal != SIGTERM && signal != SIGINT) continue;
    write_stderr_line(fmt::format("{}: {} could not be written out: nobody reads them", parts_.name,
                                  waits_for.load()));
    std::_Exit(1);
  }
  stopper.join();
}

}  // namespace finack::app
