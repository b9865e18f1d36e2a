// Keep-alive connections in a closed loop: `depth` requests at once, then all their answers.
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "load/client.h"

namespace finack::bench {

namespace {

struct Connection {
  int fd = -1;
  unsigned waiting = 0;  ///< Answers still to come.
  std::string rest;      ///< The beginning of an answer that was cut.
  Clock::time_point sent_at;
};

class KeepAlive {
 public:
  explicit KeepAlive(const Options& options)
      : options_(options), window_(options), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (unsigned i = 0; i < options.depth; ++i) requests_ += request(options, false);
    request_size_ = requests_.size() / options.depth;
    connections_.resize(options.connections);
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      connections_[i].fd = dial(options.port, false);
      epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.u64 = i}};
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connections_[i].fd, &event);
    }
  }

  int run() {
    std::array<epoll_event, 256> events;
    now_ = Clock::now();
    // What was asked is waited for, so that the servers see whole exchanges and a plain close.
    while (alive_ && (window_.tick(now_) || (outstanding_ > 0 && !window_.too_late(now_)))) {
      const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 100);
      now_ = Clock::now();
      for (int i = 0; i < ready; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        Connection& connection = connections_[event.data.u64];
        if (connection.waiting == 0) {
          ask(connection);
        } else {
          read(connection);
        }
        if ((event.events & EPOLLRDHUP) != 0 && outstanding_ > 0) {
          fail("the server ended a connection");
        }
      }
    }
    fmt::print("{}\n", window_.json(options_));
    return alive_ && answers_.bad() == 0 ? 0 : 1;
  }

 private:
  void ask(Connection& connection) {
    connection.waiting = window_.allow(options_.depth);
    connection.sent_at = now_;
    if (connection.waiting == 0) return;
    ++outstanding_;
    const std::size_t size = connection.waiting * request_size_;
    if (::send(connection.fd, requests_.data(), size, MSG_NOSIGNAL) == static_cast<ssize_t>(size))
      return;
    fail("a send was cut short or failed");
  }

  void read(Connection& connection) {
    const ssize_t n = ::recv(connection.fd, buffer_.data(), buffer_.size(), 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return fail("the server ended a connection");
    std::string_view bytes(buffer_.data(), static_cast<std::size_t>(n));
    if (!connection.rest.empty()) bytes = connection.rest += bytes;
    std::size_t used = 0;
    const unsigned answers = answers_.count(bytes, used);
    if (used < bytes.size()) {
      connection.rest = std::string(bytes.substr(used));
    } else {
      connection.rest.clear();
    }
    if (answers > connection.waiting) return fail("more answers than requests");
    window_.answered(now_ - connection.sent_at, answers);
    connection.waiting -= answers;
    if (connection.waiting == 0) {
      --outstanding_;
      return ask(connection);
    }
    if (static_cast<std::size_t>(n) == buffer_.size()) read(connection);
  }

  void fail(const char* what) {
    if (alive_)
      std::fprintf(stderr, "%s (port %d): %s\n", what, int{options_.port}, std::strerror(errno));
    window_.failed();
    alive_ = false;
  }

  Options options_;
  Window window_;
  int epoll_;
  bool alive_ = true;
  unsigned outstanding_ = 0;  ///< Connections that wait for answers.
  std::string requests_;
  std::size_t request_size_ = 0;
  std::vector<Connection> connections_;
  Answers answers_;
  Clock::time_point now_;
  std::array<char, 64 * 1024> buffer_;
};

}  // namespace

int run_keep_alive(const Options& options) { return KeepAlive(options).run(); }

}  // namespace finack::bench
