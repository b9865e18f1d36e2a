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

/// Peers of a Unix socket have no address to tell them apart by.
bool Admission::counts_by_address(const Address& peer) const {
  return per_address_ != 0 && peer.family != Address::Family::unix_socket;
}

Admission::Answer Admission::admit(const Address& peer) {
  // The address first: one that is over its own limit shall not cost others their place.
  if (counts_by_address(peer)) {
    const std::lock_guard lock(mutex_);
    std::uint32_t& count = by_host_[host_of(peer)];
    if (count >= per_address_) return Answer::address_full;
    ++count;
  }
  const std::uint32_t before = live_.fetch_add(1, std::memory_order_relaxed);
  if (!sockets_.take()) {
    leave_place(peer);
    return Answer::no_descriptor;
  }
  if (connections_ != 0 && before >= connections_) {
    leave(peer);
    return Answer::full;
  }
  return Answer::admitted;
}

void Admission::evict(const Address& peer) {
  sockets_.evict();
  leave_place(peer);
}

void Admission::leave(const Address& peer) {
  sockets_.give_back();
  leave_place(peer);
}

void Admission::leave_place(const Address& peer) {
  live_.fetch_sub(1, std::memory_order_relaxed);
  if (!counts_by_address(peer)) return;
  const std::lock_guard lock(mutex_);
  const auto at = by_host_.find(host_of(peer));
  if (at != by_host_.end() && --at->second == 0) by_host_.erase(at);
}

}  // namespace finack::server
