// The least an epoll server can do: one thread, edge-triggered, three system calls a wake-up.
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "limit/limit.h"

namespace {

using finack::bench::HeadCounter;

constexpr int kAccepts = 64;  ///< At most, for one wake-up.

struct Connection {
  HeadCounter heads;
  std::size_t owed = 0;  ///< Bytes of answers not yet taken by the kernel.
  bool fin_sent = false;
};

class Server {
 public:
  explicit Server(finack::bench::LimitOptions options)
      : close_(options.close),
        agreed_(options.agreed),
        answers_(finack::bench::answers(options)),
        answer_size_(answers_.size() / finack::bench::kBurst),
        listener_(finack::bench::listen_on(options.port, SOCK_NONBLOCK)),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    watch(listener_, EPOLLIN);
  }

  void run() {
    std::array<epoll_event, 512> events;
    while (true) {
      const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < ready; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        if (event.data.fd == listener_) {
          accept_some();
        } else {
          serve(event.data.fd, (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
        }
      }
    }
  }

 private:
  void watch(int fd, std::uint32_t events) {
    epoll_event event{.events = events, .data = {.fd = fd}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  /// A bounded number, so that the others have their turn; the listener is level-triggered.
  void accept_some() {
    for (int i = 0; i < kAccepts; ++i) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (fd < 0) return;
      const auto slot = static_cast<std::size_t>(fd);
      if (slot >= connections_.size()) connections_.resize(slot * 2 + 64);
      connections_[slot] = {};
      // Most requests are there already: reading before registering saves a wake-up.
      if (serve(fd, false)) watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    }
  }

  /// False when the connection is gone.
  bool serve(int fd, bool to_end) {
    Connection& connection = connections_[static_cast<std::size_t>(fd)];
    if (connection.fin_sent) return to_end ? last_look(fd) : true;
    if (connection.owed > 0 && !flush(fd, connection)) return gone(fd);
    while (connection.owed == 0) {
      const ssize_t n = ::recv(fd, buffer_.data(), buffer_.size(), 0);
      if (n < 0 && errno == EAGAIN) return true;
      if (n <= 0) return gone(fd);
      const auto size = static_cast<std::size_t>(n);
      const std::uint32_t heads = connection.heads.count(buffer_.data(), size);
      connection.owed = heads * answer_size_;
      if (heads > 0 && !flush(fd, connection)) return gone(fd);
      if (heads > 0 && agreed_) return send_fin(fd, connection);
      if (heads > 0 && close_) return gone(fd);
      if (size < buffer_.size() && !to_end) return true;
    }
    return true;
  }

  bool flush(int fd, Connection& connection) {
    while (connection.owed > 0) {
      // The answers repeat: what is owed begins where the last call stopped within one of them.
      const std::size_t begun = (answer_size_ - connection.owed % answer_size_) % answer_size_;
      const std::size_t size = std::min(connection.owed, answers_.size() - begun);
      const int flags = MSG_NOSIGNAL | (agreed_ ? MSG_MORE : 0);
      const ssize_t n = ::send(fd, answers_.data() + begun, size, flags);
      if (n < 0) return errno == EAGAIN;
      connection.owed -= static_cast<std::size_t>(n);
    }
    return true;
  }

  /// The FIN takes the answer with it, in one segment.
  static bool send_fin(int fd, Connection& connection) {
    ::shutdown(fd, SHUT_WR);
    connection.fin_sent = true;
    return true;
  }

  bool last_look(int fd) {
    int unacknowledged = 0;
    ::ioctl(fd, SIOCOUTQ, &unacknowledged);
    undelivered_ += static_cast<std::uint64_t>(unacknowledged);
    return gone(fd);
  }

  static bool gone(int fd) {
    ::close(fd);
    return false;
  }

  bool close_;
  bool agreed_;
  std::string answers_;
  std::size_t answer_size_;
  int listener_;
  int epoll_;
  std::vector<Connection> connections_;
  std::uint64_t undelivered_ = 0;
  std::array<char, 16 * 1024> buffer_;
};

}  // namespace

int main(int argc, char** argv) {
  Server server(finack::bench::limit_options(argc, argv));
  server.run();
}
