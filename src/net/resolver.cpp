#include "net/resolver.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace finack::net {

namespace {

/// Once per process; c-ares counts on nothing else having threads yet, so under a static's lock.
int library_ready() {
  static const int status = ares_library_init(ARES_LIB_INIT_ALL);
  return status;
}

std::unexpected<Error> ares_failure(std::string act, int status) {
  return std::unexpected(Error{
      .what = fmt::format("{}: {}", act, ares_strerror(status)), .code = 0, .side = Side::user});
}

}  // namespace

std::string_view name(ResolveError error) {
  static constexpr std::string_view kNames[] = {"none",      "not_found", "no_data",
                                                "timed_out", "failed",    "malformed",
                                                "bad_name",  "memory",    "other"};
  return kNames[static_cast<std::size_t>(error)];
}

ResolveError resolve_error(int status) {
  switch (status) {
    case ARES_SUCCESS:
      return ResolveError::none;
    case ARES_ENOTFOUND:
    case ARES_ENONAME:
      return ResolveError::not_found;
    case ARES_ENODATA:
      return ResolveError::no_data;
    case ARES_ETIMEOUT:
      return ResolveError::timed_out;
    case ARES_ESERVFAIL:
    case ARES_EREFUSED:
    case ARES_ENOTIMP:
    case ARES_ECONNREFUSED:
      return ResolveError::failed;
    case ARES_EBADRESP:
    case ARES_EFORMERR:
      return ResolveError::malformed;
    case ARES_EBADNAME:
    case ARES_EBADSTR:
    case ARES_EBADQUERY:
      return ResolveError::bad_name;
    case ARES_ENOMEM:
    case ARES_EFILE:
      return ResolveError::memory;
    default:
      return ResolveError::other;
  }
}

/// A question c-ares is at, for all who ask it meanwhile. It cannot take one back, so lookups that
/// go leave it behind.
struct Resolver::Ticket {
  Resolver* resolver;
  std::string name;
  std::vector<Lookup*> owners{};
};

class Resolver::Socket final : private ReadinessObserver {
 public:
  Socket(Resolver& resolver, ares_socket_t fd)
      : resolver_(resolver), fd_(fd), readiness_(Readiness::create(resolver.loop_, fd, *this)) {}
  void want(Ready wanted) {
    wanted_ = wanted;
    wait();
  }
  /// Waits again, unless c-ares has asked for that itself.
  void go_on() {
    if (!waiting_) wait();
  }

 private:
  void wait() {
    waiting_ = true;
    readiness_->wait(wanted_);
  }
  void on_ready(Ready ready) override {
    waiting_ = false;
    resolver_.process(fd_, ready);  // may end this object
  }

  Resolver& resolver_;
  ares_socket_t fd_;
  Ready wanted_;
  bool waiting_ = false;
  std::unique_ptr<Readiness> readiness_;
};

Resolver::Resolver(Loop& loop, const ResolverOptions& options) : loop_(loop), options_(options) {}

Expected<std::unique_ptr<Resolver>> Resolver::create(Loop& loop, const ResolverOptions& options) {
  std::unique_ptr<Resolver> made(new Resolver(loop, options));
  if (Expected<void> ok = made->set_up(); !ok) return std::unexpected(ok.error());
  return made;
}

Expected<void> Resolver::set_up() {
  if (const int status = library_ready(); status != ARES_SUCCESS) {
    return ares_failure("cannot set up the resolver", status);
  }
  ares_options settings{};
  settings.flags = options_.search ? 0 : ARES_FLAG_NOSEARCH;
  settings.timeout = static_cast<int>(options_.try_timeout / std::chrono::milliseconds(1));
  settings.tries = options_.tries;
  settings.sock_state_cb = on_socket;
  settings.sock_state_cb_data = this;
  const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  if (const int status = ares_init_options(&channel_, &settings, mask); status != ARES_SUCCESS) {
    return ares_failure("cannot set up the resolver", status);
  }
  if (options_.servers.empty()) return {};
  const int status = ares_set_servers_ports_csv(channel_, options_.servers.c_str());
  if (status == ARES_SUCCESS) return {};
  return ares_failure(fmt::format("\"{}\" are no DNS servers", options_.servers), status);
}

Resolver::~Resolver() {
  going_ = true;
  if (channel_ != nullptr) ares_destroy(channel_);
}

// ---- The cache
// -------------------------------------------------------------------------------------------

const Resolver::Cached* Resolver::find(const std::string& name, const TtlBounds& bounds) {
  const auto found = cache_.find(name);
  if (found == cache_.end()) return nullptr;
  if (found->second.since + bounds.clamp(found->second.ttl) > loop_.now()) return &found->second;
  cache_.erase(found);
  return nullptr;
}

void Resolver::keep(const std::string& name, Cached answer) {
  if (options_.max_ttl == Nanos::zero() || options_.max_cached == 0) return;
  if (!cache_.contains(name) && cache_.size() >= options_.max_cached) {
    const auto until = [](const auto& one) { return one.second.since + one.second.ttl; };
    cache_.erase(std::ranges::min_element(cache_, {}, until));
  }
  cache_.insert_or_assign(name, std::move(answer));
}

// ---- c-ares
// ----------------------------------------------------------------------------------------------

void Resolver::ask(const std::string& name, Lookup& lookup) {
  Ticket*& asked = asked_[name];
  if (asked != nullptr) {
    asked->owners.push_back(&lookup);
    lookup.ticket_ = asked;
    return;
  }
  auto* const ticket = new Ticket{.resolver = this, .name = name, .owners = {&lookup}};
  asked = ticket;
  lookup.ticket_ = ticket;
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = ARES_AI_NOSORT;  // whoever dials orders, by what it finds out
  ares_getaddrinfo(channel_, ticket->name.c_str(), nullptr, &hints, on_answer, ticket);
  arm();
}

void Resolver::on_answer(void* ticket, int status, int /*timeouts*/, ares_addrinfo* answer) {
  const std::unique_ptr<Ticket> mine(static_cast<Ticket*>(ticket));
  Resolver& self = *mine->resolver;
  if (!self.going_) {
    Resolved resolved = self.read(status, answer);
    if (resolved) self.keep(mine->name, {resolved.addresses, resolved.ttl, self.loop_.now()});
    self.asked_.erase(mine->name);
    for (Lookup* owner : mine->owners) {
      owner->ticket_ = nullptr;
      owner->answered(resolved);
    }
  }
  ares_freeaddrinfo(answer);
}

/// Its TTL is what the servers say.
Resolved Resolver::read(int status, const ares_addrinfo* answer) {
  Resolved resolved{.error = resolve_error(status)};
  if (!resolved || answer == nullptr) return resolved;
  std::int64_t ttl = INT32_MAX;
  for (const ares_addrinfo_node* node = answer->nodes; node != nullptr; node = node->ai_next) {
    sockaddr_storage storage{};
    std::memcpy(&storage, node->ai_addr, std::min<std::size_t>(node->ai_addrlen, sizeof storage));
    const Address address = from_sockaddr(storage);
    const bool known = std::ranges::find(resolved.addresses, address) != resolved.addresses.end();
    const bool room = resolved.addresses.size() < kMostAddresses;
    if (!known && room) resolved.addresses.push_back(address);
    ttl = std::min<std::int64_t>(ttl, node->ai_ttl);
  }
  for (const ares_addrinfo_cname* name = answer->cnames; name != nullptr; name = name->next) {
    ttl = std::min<std::int64_t>(ttl, name->ttl);
  }
  if (resolved.addresses.empty()) resolved.error = ResolveError::no_data;
  resolved.ttl = std::chrono::seconds(ttl);
  return resolved;
}

void Resolver::on_socket(void* self, ares_socket_t fd, int readable, int writable) {
  auto& resolver = *static_cast<Resolver*>(self);
  if (readable == 0 && writable == 0) {
    resolver.sockets_.erase(fd);
    return;
  }
  std::unique_ptr<Socket>& socket = resolver.sockets_[fd];
  if (socket == nullptr) socket = std::make_unique<Socket>(resolver, fd);
  socket->want({.read = readable != 0, .write = writable != 0});
}

void Resolver::process(ares_socket_t fd, Ready ready) {
  ares_process_fd(channel_, ready.read || ready.error ? fd : ARES_SOCKET_BAD,
                  ready.write || ready.error ? fd : ARES_SOCKET_BAD);
  const auto found = sockets_.find(fd);
  // With an error alone it cannot be watched, or c-ares let it lie: its own timer comes then.
  if (found != sockets_.end() && (ready.read || ready.write)) found->second->go_on();
  arm();
}

void Resolver::arm() {
  timeval wait{};
  if (ares_timeout(channel_, nullptr, &wait) == nullptr) return loop_.timers().disarm(*this);
  const Nanos left = std::chrono::seconds(wait.tv_sec) + std::chrono::microseconds(wait.tv_usec);
  loop_.timers().arm(*this, loop_.precise_now() + left);
}

void Resolver::on_timer() {
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  arm();
}

// ---- One lookup
// ------------------------------------------------------------------------------------------

void Lookup::start(const std::string& name, std::uint16_t port, const LookupOptions& options) {
  assert(!active_);
  active_ = true;
  port_ = port;
  family_ = options.family;
  bounds_ = options.ttl.value_or(resolver_.bounds());
  started_ = resolver_.loop_.precise_now();
  if (options.timeout > Nanos::zero()) {
    resolver_.loop_.timers().arm(*this, started_ + options.timeout);
  }
  const Resolver::Cached* cached = options.fresh ? nullptr : resolver_.find(name, bounds_);
  if (cached == nullptr) return resolver_.ask(name, *this);
  answered({.addresses = cached->addresses, .ttl = cached->ttl, .cached = true});
  resolved_.ttl = cached->since + bounds_.clamp(cached->ttl) - resolver_.loop_.now();
}

/// Told from the loop: c-ares may answer inside the question.
void Lookup::answered(Resolved resolved) {
  resolved_ = std::move(resolved);
  resolved_.ttl = bounds_.clamp(resolved_.ttl);
  if (family_ != Address::Family::none) {
    std::erase_if(resolved_.addresses,
                  [this](const Address& address) { return address.family != family_; });
    if (resolved_ && resolved_.addresses.empty()) resolved_.error = ResolveError::no_data;
  }
  resolver_.loop_.defer(*this);
}

void Lookup::run_deferred() {
  Resolved resolved = std::exchange(resolved_, {});
  for (Address& address : resolved.addresses) address.port = port_;
  resolved.took = resolver_.loop_.precise_now() - started_;
  cancel();
  observer_.on_resolved(resolved);
}

void Lookup::on_timer() {
  resolved_ = {.error = ResolveError::timed_out};
  run_deferred();
}

void Lookup::cancel() {
  active_ = false;
  Deferred::unlink();
  resolver_.loop_.timers().disarm(*this);
  if (ticket_ != nullptr) std::erase(std::exchange(ticket_, nullptr)->owners, this);
}

}  // namespace finack::net
