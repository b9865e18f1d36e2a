#pragma once
#include <poll.h>
#include <sys/eventfd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "net/sockets.h"

/// A DNS server for tests, on a port of its own.
namespace finack::net::testing {

inline constexpr int kA = 1;
inline constexpr int kAaaa = 28;

inline std::string u16(int value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

/// A question as it came, and the answers made to it.
struct Query {
  std::string bytes{};
  std::string name{};
  int type = 0;
  bool over_tcp = false;

  static Query read(std::string bytes, bool over_tcp) {
    Query query{.bytes = std::move(bytes), .over_tcp = over_tcp};
    std::size_t at = 12;
    while (at < query.bytes.size() && query.bytes[at] != 0) {
      const auto size = static_cast<std::size_t>(query.bytes[at]);
      query.name += (query.name.empty() ? "" : ".") + query.bytes.substr(at + 1, size);
      at += size + 1;
    }
    query.type = static_cast<unsigned char>(query.bytes[at + 2]);
    query.bytes.resize(at + 5);  // without EDNS
    return query;
  }
  /// flags: the response code, and 0x200 for truncated.
  std::string answer(int flags, const std::vector<std::string>& records) const {
    return bytes.substr(0, 2) + u16(0x8180 | flags) + u16(1) +
           u16(static_cast<int>(records.size())) + u16(0) + u16(0) + bytes.substr(12) + [&] {
             std::string all;
             for (const std::string& record : records) all += record;
             return all;
           }();
  }
  std::string record(int of_type, int ttl, const std::string& data) const {
    return u16(0xc00c) + u16(of_type) + u16(1) + u16(0) + u16(ttl) +
           u16(static_cast<int>(data.size())) + data;
  }
  /// 192.0.2.`last` with this TTL to A, nothing to AAAA.
  std::string v4(int last, int ttl) const {
    if (type != kA) return answer(0, {});
    return answer(0, {record(kA, ttl, std::string("\xc0\x00\x02", 3) + static_cast<char>(last))});
  }
};

/// An authoritative server on 127.0.0.1, UDP and TCP on one port, in a thread.
class DnsServer {
 public:
  using Behaviour = std::function<std::string(const Query&)>;  ///< Empty: no answer.

  explicit DnsServer(Behaviour behaviour) : behaviour_(std::move(behaviour)) {
    sockaddr_in address;
    tcp_ = listen_on_loopback(address);
    udp_ = Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(udp_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~DnsServer() {
    const std::uint64_t one = 1;
    EXPECT_EQ(::write(stop_.get(), &one, sizeof one), 8);
    thread_.join();
  }
  std::string name() const { return "127.0.0.1:" + std::to_string(port_); }
  int asked() const { return asked_; }
  int asked_over_tcp() const { return asked_over_tcp_; }

 private:
  void run() {
    pollfd fds[] = {{udp_.get(), POLLIN, 0}, {tcp_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    while (::poll(fds, 3, 10'000) > 0 && fds[2].revents == 0) {
      if (fds[0].revents != 0) serve_udp();
      if (fds[1].revents != 0) serve_tcp();
    }
  }
  void serve_udp() {
    char bytes[1500];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t n =
        ::recvfrom(udp_.get(), bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (n < 17) return;
    ++asked_;
    const std::string answer = behaviour_(Query::read({bytes, static_cast<std::size_t>(n)}, false));
    if (answer.empty()) return;
    ::sendto(udp_.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
  }
  void serve_tcp() {
    const Fd peer(::accept(tcp_.get(), nullptr, nullptr));
    for (;;) {
      char head[2];
      if (::recv(peer.get(), head, 2, MSG_WAITALL) != 2) return;
      std::string bytes(
          static_cast<unsigned char>(head[0]) * 256u + static_cast<unsigned char>(head[1]), '\0');
      if (::recv(peer.get(), bytes.data(), bytes.size(), MSG_WAITALL) < 17) return;
      ++asked_over_tcp_;
      const std::string answer = behaviour_(Query::read(bytes, true));
      if (answer.empty()) return;
      write_all(peer.get(), u16(static_cast<int>(answer.size())) + answer);
    }
  }

  Behaviour behaviour_;
  Fd stop_{::eventfd(0, EFD_CLOEXEC)};
  Fd udp_;
  Fd tcp_;
  std::uint16_t port_ = 0;
  std::atomic<int> asked_ = 0;
  std::atomic<int> asked_over_tcp_ = 0;
  std::thread thread_;
};

}  // namespace finack::net::testing
