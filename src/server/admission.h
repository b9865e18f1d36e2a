#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "finack/base/address.h"

namespace finack::server {

/// Connection limits that hold for the whole process, whichever worker accepts. One atomic a
/// connection; the per-address table is locked, and only used when that limit is set.
class Admission {
 public:
  enum class Answer : std::uint8_t { admitted, full, address_full, no_descriptor };

  Admission(std::uint32_t connections, std::uint32_t per_address)
      : connections_(connections), per_address_(per_address) {}

  /// Before anybody is admitted: how many sockets there may be, places and evicted ones; 0: no
  /// limit.
  void limit_sockets(std::uint32_t sockets) { sockets_ = sockets; }

  Answer admit(const Address& peer);
  void leave(const Address& peer);
  /// Evicted: the place is free, the socket is not before evicted_closed().
  void evict(const Address& peer);
  /// Whether an evicted one still holds its socket.
  bool evicted_closing() const { return evicted_.load(std::memory_order_relaxed) > 0; }
  void evicted_closed() { evicted_.fetch_sub(1, std::memory_order_relaxed); }
  std::uint32_t live() const { return live_.load(std::memory_order_relaxed); }

 private:
  bool counts_by_address(const Address& peer) const;

  struct HostHash {
    std::size_t operator()(const Address& host) const;
  };
  std::uint32_t connections_;
  std::uint32_t per_address_;
  std::uint32_t sockets_ = 0;
  std::atomic<std::uint32_t> live_{0};
  std::atomic<std::uint32_t> evicted_{0};
  std::mutex mutex_;
  std::unordered_map<Address, std::uint32_t, HostHash> by_host_;
};

}  // namespace finack::server
