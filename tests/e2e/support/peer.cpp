#include "e2e/support/peer.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "e2e/support/spawn.h"

namespace finack::e2e {
namespace {

[[noreturn]] void fail_errno(std::string_view what) {
  throw Failure(fmt::format("{}: {}", what, std::strerror(errno)));
}

sockaddr_in ipv4(const std::string& host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
    throw Failure(fmt::format("not an IPv4 address: {}", host));
  }
  return address;
}

std::string text(const sockaddr_in& address) {
  std::array<char, INET_ADDRSTRLEN> host{};
  inet_ntop(AF_INET, &address.sin_addr, host.data(), host.size());
  return fmt::format("{}:{}", host.data(), ntohs(address.sin_port));
}

sockaddr* generic(sockaddr_in& address) { return reinterpret_cast<sockaddr*>(&address); }

bool wait_for(int fd, short events, const Deadline& deadline) {
  pollfd p{fd, events, 0};
  int n = 0;
  do {
    n = ::poll(&p, 1, deadline.poll_timeout());
  } while (n < 0 && errno == EINTR);
  return n > 0;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::size_t number(std::string_view digits, int base) {
  std::size_t value = 0;
  const auto end = digits.data() + digits.size();
  if (std::from_chars(digits.data(), end, value, base).ec != std::errc()) {
    throw Failure(fmt::format("a number was expected in the response: \"{}\"", digits));
  }
  return value;
}

}  // namespace

std::string_view Response::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return "";
}

Peer::Peer(std::uint16_t port, const Deadline& deadline, const PeerOptions& options)
    : deadline_(deadline), fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  if (!fd_) fail_errno("socket");
  if (options.receive_buffer > 0) {
    ::setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &options.receive_buffer,
                 sizeof options.receive_buffer);
  }
  const int on = 1;
  ::setsockopt(fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (!options.source.empty()) {
    sockaddr_in source = ipv4(options.source, 0);
    if (::bind(fd(), generic(source), sizeof source) != 0) fail_errno("bind");
  }
  sockaddr_in target = ipv4(options.host, port);
  if (::connect(fd(), generic(target), sizeof target) != 0) {
    if (errno != EINPROGRESS) fail_errno("connect");
    if (!wait_for(fd(), POLLOUT, deadline_)) throw Failure("connect: no answer in time");
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) throw Failure(fmt::format("connect: {}", std::strerror(error)));
  }
  sockaddr_in local{};
  socklen_t size = sizeof local;
  if (::getsockname(fd(), generic(local), &size) != 0) fail_errno("getsockname");
  local_port_ = ntohs(local.sin_port);
  address_ = text(local);
}

Peer::Peer(Fd accepted, const Deadline& deadline) : deadline_(deadline), fd_(std::move(accepted)) {
  const int on = 1;
  ::setsockopt(fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in name{};
  socklen_t size = sizeof name;
  if (::getsockname(fd(), generic(name), &size) != 0) fail_errno("getsockname");
  local_port_ = ntohs(name.sin_port);
  size = sizeof name;
  // Whoever dialed may have gone already.
  if (::getpeername(fd(), generic(name), &size) == 0) address_ = text(name);
}

void Peer::send(std::string_view bytes, Millis limit) {
  const Deadline deadline = deadline_.within(limit);
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) {
      sent_ += static_cast<std::uint64_t>(n);
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno != EAGAIN) {
      fail_errno("send");
    } else if (!wait_for(fd(), POLLOUT, deadline)) {
      throw Failure(fmt::format("send: {} bytes were not taken in time", bytes.size()));
    }
  }
}

bool Peer::try_send(std::string_view bytes, Millis limit) {
  try {
    send(bytes, limit);
    return true;
  } catch (const Failure&) {
    return false;
  }
}

Peer::Got Peer::fill(const Deadline& deadline) {
  if (end_ != Got::nothing) return end_;
  std::array<char, 65536> chunk;
  for (;;) {
    const ssize_t n = ::recv(fd(), chunk.data(), chunk.size(), 0);
    if (n > 0) {
      received_ += static_cast<std::uint64_t>(n);
      in_.append(chunk.data(), static_cast<std::size_t>(n));
      return Got::bytes;
    }
    if (n == 0 || errno == ECONNRESET || errno == EPIPE || errno == ECONNABORTED) {
      end_ = n == 0 ? Got::eof : Got::reset;
      return end_;
    }
    if (errno != EAGAIN && errno != EINTR) fail_errno("recv");
    if (!wait_for(fd(), POLLIN, deadline)) return Got::nothing;
  }
}

bool Peer::need(std::size_t bytes, const Deadline& deadline) {
  while (in_.size() < bytes) {
    const Got got = fill(deadline);
    if (got == Got::nothing) throw Failure("what was awaited did not come in time");
    if (got != Got::bytes) return false;
  }
  return true;
}

std::string Peer::take(std::size_t bytes) {
  std::string out = in_.substr(0, bytes);
  in_.erase(0, bytes);
  return out;
}

bool Peer::take_line(std::string& line, const Deadline& deadline) {
  std::size_t end = 0;
  while ((end = in_.find("\r\n")) == std::string::npos) {
    if (!need(in_.size() + 1, deadline)) return false;
  }
  line = take(end);
  in_.erase(0, 2);
  return true;
}

bool Peer::parse_head(Response& out, const Deadline& deadline) {
  std::string line;
  if (!take_line(line, deadline)) return false;
  if (!line.starts_with("HTTP/1.") || line.size() < 12) {
    throw Failure(fmt::format("not a status line: \"{}\"", line));
  }
  out.status = static_cast<int>(number(std::string_view(line).substr(9, 3), 10));
  out.headers.clear();
  while (take_line(line, deadline)) {
    if (line.empty()) return true;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) throw Failure(fmt::format("not a header: \"{}\"", line));
    out.headers.emplace_back(lower(line.substr(0, colon)),
                             trimmed(std::string_view(line).substr(colon + 1)));
  }
  return false;
}

void Peer::read_chunks(Response& out, const Deadline& deadline) {
  std::string line;
  for (;;) {
    if (!take_line(line, deadline)) return;
    const std::size_t size = number(line.substr(0, line.find(';')), 16);
    if (size == 0) break;
    if (!need(size + 2, deadline)) {
      out.body += take(in_.size());
      return;
    }
    out.body += take(size);
    in_.erase(0, 2);
  }
  while (take_line(line, deadline)) {
    if (line.empty()) {
      out.complete = true;
      return;
    }
  }
}

void Peer::read_body(Response& out, const Deadline& deadline) {
  if (lower(out.header("transfer-encoding")) == "chunked") {
    read_chunks(out, deadline);
    return;
  }
  if (const std::string_view length = out.header("content-length"); !length.empty()) {
    const std::size_t bytes = number(length, 10);
    out.complete = need(bytes, deadline);
    out.body = take(std::min(bytes, in_.size()));
    return;
  }
  Got got = Got::bytes;
  while ((got = fill(deadline)) == Got::bytes) {
  }
  if (got == Got::nothing) throw Failure("a response that only the end can end did not end");
  out.complete = got == Got::eof;
  out.body = take(in_.size());
}

Response Peer::read_response(Millis limit, bool head_only) {
  const Deadline deadline = deadline_.within(limit);
  Response out;
  for (;;) {
    if (!parse_head(out, deadline)) return out;
    if (out.status >= 200 || out.status == 101) break;
    ++out.interims;
  }
  if (head_only || out.status == 204 || out.status == 304) {
    out.complete = true;
  } else {
    read_body(out, deadline);
  }
  return out;
}

std::string Peer::read_head(Millis limit) {
  const Deadline deadline = deadline_.within(limit);
  std::size_t end = 0;
  while ((end = in_.find("\r\n\r\n")) == std::string::npos) {
    if (!need(in_.size() + 1, deadline)) throw Failure("the stream ended before a request's head");
  }
  return take(end + 4);
}

std::string Peer::read_text(std::size_t count, Millis limit) {
  if (!need(count, deadline_.within(limit))) throw Failure("the stream ended in the body");
  return take(count);
}

void Peer::read_bytes(std::size_t count, Millis limit) {
  const Deadline deadline = deadline_.within(limit);
  if (!need(count, deadline)) throw Failure("the stream ended before the expected bytes came");
  in_.clear();
}

StreamSight Peer::read_to_end(Millis limit) {
  const Deadline deadline = deadline_.within(limit);
  for (;;) {
    switch (fill(deadline)) {
      case Got::bytes:
        in_.clear();
        break;
      case Got::eof:
        return StreamSight::eof;
      case Got::reset:
        return StreamSight::reset;
      case Got::nothing:
        return StreamSight::nothing;
    }
  }
}

void Peer::finish_sending() {
  if (::shutdown(fd(), SHUT_WR) != 0) fail_errno("shutdown");
}

void Peer::close() {
  const std::lock_guard lock(socket_copies());
  fd_.reset();
}

void Peer::reset() {
  const linger now{1, 0};
  ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  const std::lock_guard lock(socket_copies());
  fd_.reset();
}

void Peer::vanish() {
  sock_filter drop_all[] = {{BPF_RET | BPF_K, 0, 0, 0}};
  const sock_fprog program{1, drop_all};
  if (::setsockopt(fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
    fail_errno("SO_ATTACH_FILTER");
  }
  const int on = 1;
  ::setsockopt(fd(), SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof on);
}

}  // namespace finack::e2e
