#include "e2e/gateway/name_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "e2e/support/scene.h"

namespace finack::gateway_matrix {
namespace {

using e2e::Skipped;

constexpr std::size_t kHeader = 12;   ///< Of a DNS message (RFC 1035 4.1.1).
constexpr char kResponse = '\x81';    ///< QR and RD.
constexpr char kNoSuchName = '\x83';  ///< RA and NXDOMAIN.
constexpr char kFound = '\x80';       ///< RA, no error.
constexpr std::uint8_t kA = 1;
constexpr std::size_t kRecord = 16;  ///< An A record, its name by reference.
constexpr std::uint16_t kDnsPort = 53;

void replace_file(const std::string& file, const std::string& by) {
  if (::mount(by.c_str(), file.c_str(), nullptr, MS_BIND, nullptr) != 0)
    throw Skipped(fmt::format("{} cannot be replaced here: {}", file, std::strerror(errno)));
}

/// For this thread and the processes that it starts.
void use_name_server(const std::string& directory) {
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    throw Skipped(fmt::format("a mount namespace is refused here: {}", std::strerror(errno)));
  }
  const std::string file = directory + "/resolv.conf";
  std::ofstream(file) << "nameserver 127.0.0.1\noptions attempts:1 timeout:5\n";
  replace_file("/etc/resolv.conf", file);
}

}  // namespace

NameServer::NameServer(Manner manner, const std::string& directory)
    : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), manner_(manner) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kDnsPort);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!socket_ ||
      ::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw Skipped(fmt::format("port 53 is refused here: {}", std::strerror(errno)));
  }
  use_name_server(directory);
  if (manner != Manner::silent)
    thread_ = std::jthread([this](std::stop_token stop) { answer(std::move(stop)); });
}

NameServer::~NameServer() = default;

void NameServer::hold(std::vector<std::uint8_t> hosts) {
  const std::scoped_lock lock(mutex_);
  hosts_ = std::move(hosts);
}

/// One A record for each host (RFC 1035 4.1.3), each of one second; of other types there are none.
std::string NameServer::records(bool of_v4) {
  constexpr std::string_view kHead("\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f\0\0", 15);
  std::string out;
  const std::scoped_lock lock(mutex_);
  if (!of_v4) return out;
  for (const std::uint8_t host : hosts_) {
    out += kHead;
    out += static_cast<char>(host);
  }
  return out;
}

void NameServer::answer(std::stop_token stop) {
  while (!stop.stop_requested()) {
    pollfd p{socket_.get(), POLLIN, 0};
    if (::poll(&p, 1, 20) <= 0) continue;
    std::array<char, 512> message;
    sockaddr_in from{};
    socklen_t size = sizeof from;
    auto* const whom = reinterpret_cast<sockaddr*>(&from);
    const ssize_t n = ::recvfrom(socket_.get(), message.data(), message.size(), 0, whom, &size);
    if (n < static_cast<ssize_t>(kHeader)) continue;
    message[2] = kResponse;
    message[3] = manner_ == Manner::no_such_name ? kNoSuchName : kFound;
    message[11] = 0;  // No additional records: an EDNS option would not be parsed back.
    message[10] = 0;
    std::size_t end = kHeader;
    while (end < static_cast<std::size_t>(n) && message[end] != 0)
      end += static_cast<unsigned char>(message[end]) + 1U;
    const std::string found = records(message[end + 2] == kA);
    message[7] = static_cast<char>(found.size() / kRecord);
    const std::string answer = std::string(message.data(), end + 5) + found;
    ::sendto(socket_.get(), answer.data(), answer.size(), 0, whom, size);
  }
}

}  // namespace finack::gateway_matrix
