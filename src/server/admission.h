#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "finack/base/address.h"

namespace finack::server {

/// How many sockets of clients a server may hold, over all its listeners and workers: those of
/// admitted connections and those of evicted ones that still close.
class SocketBudget {
 public:
  /// 0: no limit. Takes effect for whoever comes next.
  void limit(std::uint32_t sockets) { limit_.store(sockets, std::memory_order_relaxed); }

  /// False: there is none left, and none was taken.
  bool take() {
    const std::uint32_t before = held_.fetch_add(1, std::memory_order_relaxed);
    const std::uint32_t limit = limit_.load(std::memory_order_relaxed);
    if (limit == 0 || before < limit) return true;
    give_back();
    return false;
  }
  void give_back() { held_.fetch_sub(1, std::memory_order_relaxed); }
  /// Of those that are held, one belongs to an evicted connection.
  void evict() { evicted_.fetch_add(1, std::memory_order_relaxed); }
  void evicted_closed() {
    evicted_.fetch_sub(1, std::memory_order_relaxed);
    give_back();
  }
  /// Whether an evicted one still holds its socket.
  bool evicted_closing() const { return evicted_.load(std::memory_order_relaxed) > 0; }

 private:
  std::atomic<std::uint32_t> limit_{0};
  std::atomic<std::uint32_t> held_{0};
  std::atomic<std::uint32_t> evicted_{0};
};

/// Connection limits that hold whichever worker accepts: of one listener, or of several that share
/// them. Two atomics a connection; the per-address table is locked, and only used when that limit
/// is set: who came before it was set does not count there.
class Admission {
 public:
  enum class Answer : std::uint8_t { admitted, full, address_full, no_descriptor };

  /// 0: no limit. `sockets` outlives it.
  Admission(SocketBudget& sockets, std::uint32_t connections, std::uint32_t per_address)
      : sockets_(sockets), connections_(connections), per_address_(per_address) {}

  /// Other limits for whoever comes next; those who are here stay, and count.
  void set_limits(std::uint32_t connections, std::uint32_t per_address);

  /// `by_address`, where given: whether it was counted by its address, which leave() and evict()
  /// must know.
  Answer admit(const Address& peer, bool* by_address = nullptr);
  void leave(const Address& peer, bool by_address = true);
  /// Evicted: the place is free, the socket is not before evicted_closed().
  void evict(const Address& peer, bool by_address = true);
  /// Whether an evicted one still holds its socket.
  bool evicted_closing() const { return sockets_.evicted_closing(); }
  void evicted_closed() { sockets_.evicted_closed(); }
  std::uint32_t live() const { return live_.load(std::memory_order_relaxed); }

 private:
  void leave_place(const Address& peer, bool by_address);

  struct HostHash {
    std::size_t operator()(const Address& host) const;
  };
  SocketBudget& sockets_;
  std::atomic<std::uint32_t> connections_;
  std::atomic<std::uint32_t> per_address_;
  std::atomic<std::uint32_t> live_{0};
  std::mutex mutex_;
  std::unordered_map<Address, std::uint32_t, HostHash> by_host_;
};

}  // namespace finack::server
