#include "server/admission.h"

#include <string_view>

namespace finack::server {
namespace {

Address host_of(const Address& peer) {
  Address host = peer;
  host.port = 0;
  return host;
}

}  // namespace

std::size_t Admission::HostHash::operator()(const Address& host) const {
  return std::hash<std::string_view>()(
      std::string_view(reinterpret_cast<const char*>(host.bytes), sizeof host.bytes));
}

void Admission::set_limits(std::uint32_t connections, std::uint32_t per_address) {
  connections_.store(connections, std::memory_order_relaxed);
  per_address_.store(per_address, std::memory_order_relaxed);
}

Admission::Answer Admission::admit(const Address& peer, bool* by_address) {
  const std::uint32_t per_address = per_address_.load(std::memory_order_relaxed);
  // Peers of a Unix socket have no address to tell them apart by.
  const bool counted = per_address != 0 && peer.family != Address::Family::unix_socket;
  if (by_address != nullptr) *by_address = counted;
  // The address first: one that is over its own limit shall not cost others their place.
  if (counted) {
    const std::lock_guard lock(mutex_);
    std::uint32_t& count = by_host_[host_of(peer)];
    if (count >= per_address) return Answer::address_full;
    ++count;
  }
  const std::uint32_t before = live_.fetch_add(1, std::memory_order_relaxed);
  if (!sockets_.take()) {
    leave_place(peer, counted);
    return Answer::no_descriptor;
  }
  const std::uint32_t connections = connections_.load(std::memory_order_relaxed);
  if (connections != 0 && before >= connections) {
    leave(peer, counted);
    return Answer::full;
  }
  return Answer::admitted;
}

void Admission::evict(const Address& peer, bool by_address) {
  sockets_.evict();
  leave_place(peer, by_address);
}

void Admission::leave(const Address& peer, bool by_address) {
  sockets_.give_back();
  leave_place(peer, by_address);
}

void Admission::leave_place(const Address& peer, bool by_address) {
  live_.fetch_sub(1, std::memory_order_relaxed);
  if (!by_address) return;
  const std::lock_guard lock(mutex_);
  const auto at = by_host_.find(host_of(peer));
  if (at != by_host_.end() && --at->second == 0) by_host_.erase(at);
}

}  // namespace finack::server
