#pragma once
#include <ares.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "finack/base/address.h"
#include "net/readiness.h"

namespace finack::net {

struct ResolverOptions {
  /// "IP[:PORT]", separated by commas; empty: those of /etc/resolv.conf, read once, at create().
  std::string servers{};
  Nanos try_timeout = std::chrono::seconds(2);  ///< Of the first try; doubles with each round.
  int tries = 2;                                ///< Rounds over all servers.
  bool search = true;  ///< Short names are completed with resolv.conf's domains.
  /// An answer is kept for its TTL, but not shorter or longer than this; max_ttl 0: never. A lookup
  /// may have bounds of its own.
  Nanos min_ttl = std::chrono::seconds(1);
  Nanos max_ttl = std::chrono::hours(1);
  std::size_t max_cached = 1024;  ///< Names; what expires first goes first.
};

/// Why a name brought no address.
enum class ResolveError : std::uint8_t {
  none,
  not_found,  ///< NXDOMAIN: no such name.
  no_data,    ///< The name has neither A nor AAAA.
  timed_out,  ///< No server answered in all tries, or LookupOptions::timeout passed.
  /// The servers failed or refused (SERVFAIL, REFUSED, NOTIMP), or none could be reached: c-ares
  /// 1.18 goes on to the next server and does not say which.
  failed,
  malformed,  ///< An answer that cannot be read (also FORMERR).
  bad_name,   ///< Not a name DNS can carry.
  memory,     ///< Ours: memory or descriptors.
  other
};
/// "not_found", "timed_out", …
std::string_view name(ResolveError error);
/// What a status of c-ares means.
ResolveError resolve_error(int status);

struct Resolved {
  ResolveError error = ResolveError::none;
  /// In the order of the answer, each with the port asked for; never empty without an error.
  std::vector<Address> addresses{};
  /// How long the answer holds: its smallest TTL, clamped; what is left of it when it was cached.
  Nanos ttl{};
  Nanos took{};         ///< From start() until the answer.
  bool cached = false;  ///< From this resolver's cache.

  explicit operator bool() const { return error == ResolveError::none; }
};

/// How long an answer holds: its TTL, but not shorter or longer than this.
struct TtlBounds {
  Nanos least;
  Nanos most;

  Nanos clamp(Nanos ttl) const { return std::clamp(ttl, least, std::max(least, most)); }
};

struct LookupOptions {
  Nanos timeout{};  ///< Of the whole lookup; 0: none but the resolver's tries.
  /// Asks the servers though the cache has an answer, and renews it: for a refresh.
  bool fresh = false;
  std::optional<TtlBounds> ttl{};  ///< In place of the resolver's.
  /// Which addresses are wanted; none: all. An answer without them is no_data.
  Address::Family family = Address::Family::none;
};

/// Told by a Lookup, on its loop thread, never from inside start(). The lookup may be destroyed, or
/// started again, from in here.
class LookupObserver {
 public:
  virtual void on_resolved(const Resolved& resolved) = 0;

 protected:
  ~LookupObserver() = default;
};

class Lookup;

/// Names to addresses on one loop: /etc/hosts, then DNS (A and AAAA at once, c-ares). Idle it holds
/// no socket. Outlives its lookups; belongs to the loop's thread.
class Resolver final : private Timer {
 public:
  static Expected<std::unique_ptr<Resolver>> create(Loop& loop, const ResolverOptions& options);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  Loop& loop() const { return loop_; }
  std::size_t cached() const { return cache_.size(); }
  std::size_t sockets() const { return sockets_.size(); }

 private:
  friend class Lookup;
  struct Ticket;
  class Socket;
  /// Of an answer: more would be dialed by nobody.
  static constexpr std::size_t kMostAddresses = 64;
  struct Cached {
    std::vector<Address> addresses;
    Nanos ttl;  ///< As the servers say.
    Instant since;
  };

  Resolver(Loop& loop, const ResolverOptions& options);
  Expected<void> set_up();
  TtlBounds bounds() const { return {.least = options_.min_ttl, .most = options_.max_ttl}; }
  /// The answer that is still good; nullptr when there is none.
  const Cached* find(const std::string& name, const TtlBounds& bounds);
  void keep(const std::string& name, Cached answer);
  void ask(const std::string& name, Lookup& lookup);
  Resolved read(int status, const ares_addrinfo* answer);
  void process(ares_socket_t fd, Ready ready);
  void arm();
  void on_timer() override;
  static void on_answer(void* ticket, int status, int timeouts, ares_addrinfo* answer);
  static void on_socket(void* self, ares_socket_t fd, int readable, int writable);

  Loop& loop_;
  ResolverOptions options_;
  ares_channel channel_ = nullptr;
  bool going_ = false;  ///< Being destroyed: answers are nobody's.
  std::map<ares_socket_t, std::unique_ptr<Socket>> sockets_;
  std::unordered_map<std::string, Cached> cache_;
  std::unordered_map<std::string, Ticket*> asked_;  ///< The questions under way, one per name.
};

/// One question at a time. Destroying or cancelling it forgets the question; on_resolved does not
/// come.
class Lookup final : private Deferred, private Timer {
 public:
  Lookup(Resolver& resolver, LookupObserver& observer) : resolver_(resolver), observer_(observer) {}
  ~Lookup() { cancel(); }
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;

  /// `name` is a host name or an IP address (without brackets). Not while one is under way.
  void start(const std::string& name, std::uint16_t port, const LookupOptions& options);
  void cancel();
  bool active() const { return active_; }

 private:
  friend class Resolver;
  void answered(Resolved resolved);
  void run_deferred() override;
  void on_timer() override;

  Resolver& resolver_;
  LookupObserver& observer_;
  Resolver::Ticket* ticket_ = nullptr;  ///< The question c-ares is at.
  Resolved resolved_;
  Instant started_;
  TtlBounds bounds_{};
  Address::Family family_ = Address::Family::none;
  std::uint16_t port_ = 0;
  bool active_ = false;
};

}  // namespace finack::net
