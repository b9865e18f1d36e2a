// The upstream of the drills: answers every request, says in its log which ones it read and
// processed, and closes idle connections when they have been idle for exactly so long.
//
// A log line: ID METHOD NANOSECONDS CONNECTION WHAT. WHAT is `processed` once the request was read
// to its end, or `unread` when the connection was closed while the kernel held bytes of it that had
// been acknowledged. The line of a processed request is written before its answer is sent.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <deque>
#include <vector>

#include "drill/head.h"
#include "drill/log.h"

namespace {

using finack::bench::field;
using finack::bench::kIdField;
using finack::bench::Log;
using finack::bench::monotonic;

constexpr std::int64_t kMillisecond = 1'000'000;

struct Options {
  std::string address = "127.0.0.1";
  std::uint16_t port = 9001;
  std::int64_t idle = 0;  ///< Nanoseconds after an answer; 0: connections are kept.
  std::int64_t work = 0;  ///< Each answer is sent so long after its request.
  std::int64_t slow = 0;  ///< The same while slow, which SIGUSR1 turns on and off.
  bool header = false;    ///< Say the idle time in Keep-Alive: timeout.
  std::string log;
};

/// What SIGUSR1 turns.
volatile std::sig_atomic_t slow_now =
    0;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

struct Connection {
  std::uint64_t number = 0;  ///< 0: not open. Never used twice.
  std::string in;
  unsigned owed = 0;            ///< Answers that wait for their time.
  bool last = false;            ///< Closed once the answers are out.
  bool tunnel = false;          ///< Echoes.
  std::int64_t idle_since = 0;  ///< 0: not idle.
};

/// Something that is due for a connection, unless the connection is another one by then.
struct Due {
  std::int64_t at;
  int fd;
  std::uint64_t number;
};

class Upstream {
 public:
  explicit Upstream(const Options& options)
      : options_(options), log_(options.log), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::setsockopt(listener_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options.port);
    ::inet_pton(AF_INET, options.address.c_str(), &address.sin_addr);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, 4096) != 0) {
      std::perror("cannot listen");
      std::exit(1);
    }
    watch(listener_);
  }

  void run() {
    std::array<epoll_event, 256> events;
    while (true) {
      const timespec wait = until_due();
      const int ready =
          ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &wait, nullptr);
      for (int i = 0; i < ready; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == listener_) {
          accept_all();
        } else {
          read(fd);
        }
      }
      log_.flush();
      answer_due();
      close_idle();
      log_.flush();
    }
  }

 private:
  void watch(int fd) const {
    epoll_event event{.events = EPOLLIN | EPOLLRDHUP, .data = {.fd = fd}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  Connection& of(int fd) { return connections_[static_cast<std::size_t>(fd)]; }

  void accept_all() {
    while (true) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      if (static_cast<std::size_t>(fd) >= connections_.size()) {
        connections_.resize(static_cast<std::size_t>(fd) * 2 + 64);
      }
      of(fd).number = ++last_number_;
      watch(fd);
    }
  }

  void close(int fd) {
    ::close(fd);
    of(fd) = {};
  }

  void read(int fd) {
    Connection& connection = of(fd);
    while (connection.number != 0) {
      const ssize_t n = ::recv(fd, buffer_.data(), buffer_.size(), 0);
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return close(fd);
      const std::string_view bytes(buffer_.data(), static_cast<std::size_t>(n));
      if (connection.tunnel) {
        if (::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) != n) return close(fd);
        continue;
      }
      connection.idle_since = 0;
      connection.in += bytes;
      while (connection.number != 0 && !connection.tunnel && take_request(fd, connection)) {
      }
    }
  }

  /// False when there is no complete request.
  bool take_request(int fd, Connection& connection) {
    const std::size_t size = finack::bench::head_size(connection.in);
    if (size == 0) return false;
    const std::string_view head(connection.in.data(), size);
    const std::size_t body = finack::bench::number(field(head, "Content-Length"));
    if (connection.in.size() < size + body) return false;
    const std::string_view id = field(head, kIdField);
    const std::string_view method = head.substr(0, head.find(' '));
    if (!id.empty()) {
      log_.line("{} {} {} {} processed", id, method, monotonic(), connection.number);
    }
    connection.last = finack::bench::same_letters(field(head, "Connection"), "close");
    if (finack::bench::same_letters(field(head, "Upgrade"), "websocket")) {
      connection.tunnel = true;
      connection.in.erase(0, size);
      return send(fd, fmt::format("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
                                  finack::bench::kSocketAccept));
    }
    connection.in.erase(0, size + body);
    ++connection.owed;
    const std::int64_t wait = slow_now != 0 ? options_.slow : options_.work;
    std::deque<Due>& queue = slow_now != 0 ? slow_answers_ : answers_;
    queue.push_back({monotonic() + wait, fd, connection.number});
    return true;
  }

  /// False when the connection is gone.
  bool send(int fd, const std::string& bytes) {
    if (::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
        static_cast<ssize_t>(bytes.size())) {
      return true;
    }
    close(fd);
    return false;
  }

  void answer_due() {
    const std::int64_t now = monotonic();
    for (std::deque<Due>* queue : {&answers_, &slow_answers_}) {
      for (; !queue->empty() && queue->front().at <= now; queue->pop_front()) {
        const Due due = queue->front();
        Connection& connection = of(due.fd);
        if (connection.number == due.number) answer(due.fd, connection);
      }
    }
  }

  void answer(int fd, Connection& connection) {
    std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Type: text/plain\r\n";
    if (options_.header) {
      head += fmt::format("Keep-Alive: timeout={}\r\n", options_.idle / (1000 * kMillisecond));
    }
    if (connection.last) head += "Connection: close\r\n";
    if (!send(fd, head + "\r\ndrill\n")) return;
    --connection.owed;
    if (connection.last) return close(fd);
    if (connection.owed > 0 || options_.idle == 0) return;
    connection.idle_since = monotonic();
    idle_.push_back({connection.idle_since + options_.idle, fd, connection.number});
  }

  /// What is read by then was read above; what comes after that is the race.
  void close_idle() {
    const std::int64_t now = monotonic();
    for (; !idle_.empty() && idle_.front().at <= now; idle_.pop_front()) {
      const Due due = idle_.front();
      const Connection& connection = of(due.fd);
      if (connection.number != due.number || connection.idle_since + options_.idle != due.at) {
        continue;
      }
      log_unread(due.fd, connection);
      close(due.fd);
    }
  }

  void log_unread(int fd, const Connection& connection) {
    std::string bytes = connection.in;
    const ssize_t n = ::recv(fd, buffer_.data(), buffer_.size(), MSG_PEEK);
    if (n > 0) bytes.append(buffer_.data(), static_cast<std::size_t>(n));
    const std::string_view id = field(bytes, kIdField);
    if (id.empty()) return;
    log_.line("{} {} {} {} unread", id, bytes.substr(0, bytes.find(' ')), monotonic(),
              connection.number);
  }

  timespec until_due() const {
    std::int64_t due = monotonic() + 1000 * kMillisecond;
    for (const std::deque<Due>* queue : {&answers_, &slow_answers_, &idle_}) {
      if (!queue->empty()) due = std::min(due, queue->front().at);
    }
    const std::int64_t wait = std::max<std::int64_t>(0, due - monotonic());
    return {.tv_sec = wait / 1'000'000'000, .tv_nsec = wait % 1'000'000'000};
  }

  Options options_;
  Log log_;
  int listener_ = -1;
  int epoll_;
  std::uint64_t last_number_ = 0;
  std::vector<Connection> connections_;
  std::deque<Due> answers_;
  std::deque<Due> slow_answers_;
  std::deque<Due> idle_;
  std::array<char, 64 * 1024> buffer_;
};

bool take(Options& options, std::string_view name, const char* value) {
  const auto count = static_cast<std::int64_t>(finack::bench::number(value));
  if (name == "--address") {
    options.address = value;
  } else if (name == "--port") {
    options.port = static_cast<std::uint16_t>(count);
  } else if (name == "--idle") {
    options.idle = count * kMillisecond;
  } else if (name == "--work") {
    options.work = count * kMillisecond;
  } else if (name == "--slow") {
    options.slow = count * kMillisecond;
  } else if (name == "--header") {
    options.header = count != 0;
  } else if (name == "--log") {
    options.log = value;
  } else {
    return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  bool understood = argc % 2 == 1;
  for (int i = 1; i + 1 < argc && understood; i += 2) {
    understood = take(options, argv[i], argv[i + 1]);
  }
  if (!understood) {
    fmt::print(stderr,
               "usage: {} [--address ADDRESS] [--port NUMBER] [--idle MS] [--work MS] [--slow MS]\n"
               "  [--header 0|1] [--log FILE]\n",
               argv[0]);
    return 2;
  }
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  struct sigaction turn{};
  turn.sa_handler = [](int) { slow_now = slow_now == 0 ? 1 : 0; };
  ::sigaction(SIGUSR1, &turn, nullptr);
  Upstream(options).run();
}
