// The drills' load: clients that keep their connection, clients that do not, and WebSocket tunnels,
// in one thread. Each request has a number, and the log one line for it:
//   ID METHOD KIND BEGUN ENDED OUTCOME NTH
// BEGUN and ENDED are nanoseconds of CLOCK_MONOTONIC; NTH is the request's place on its connection,
// from 0. OUTCOME is the status, or `refused`, `eof` (FIN instead of an answer), `reset`, `cut`
// (FIN or RST within the answer), `timeout`. A tunnel's line is written at its end: `101` when it
// lived as long as it should, `broken`, or what its request met.
#include "drill/load.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <queue>
#include <vector>

#include "drill/head.h"
#include "drill/log.h"

namespace {

using finack::bench::field;
using finack::bench::LoadOptions;
using finack::bench::monotonic;
using finack::bench::number;

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kEcho = 200 * kMillisecond;  ///< From a tunnel's echo to its next message.
constexpr std::string_view kMessage = "drill-message-0123456789";

enum class Kind : std::uint8_t { keep, brief, tunnel };
constexpr std::array<std::string_view, 3> kKindNames = {"keep", "short", "tunnel"};

enum class State : std::uint8_t {
  resting,     ///< Its next request has a time. A connection may be open.
  connecting,  ///< And then its request is sent.
  waiting,     ///< For the answer.
  echoing,     ///< A tunnel with a message under way.
  silent       ///< A tunnel between messages.
};

struct Client {
  Kind kind = Kind::keep;
  State state = State::resting;
  int fd = -1;
  std::uint64_t turn = 0;  ///< Timers of earlier turns are stale.
  std::uint64_t id = 0;
  bool post = false;
  std::int64_t begun = 0;
  std::int64_t tunnel_end = 0;
  unsigned nth = 0;
  std::string in;
};

struct Timer {
  std::int64_t at;
  std::size_t client;
  std::uint64_t turn;
  friend bool operator>(const Timer& a, const Timer& b) { return a.at > b.at; }
};

class Load {
 public:
  explicit Load(const LoadOptions& options)
      : options_(options),
        log_(options.log),
        rhythm_(options, monotonic()),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        clients_(options.keep + options.brief + options.tunnels),
        next_id_(options.first_id) {
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      clients_[i].kind = i < options.keep                   ? Kind::keep
                         : i < options.keep + options.brief ? Kind::brief
                                                            : Kind::tunnel;
      arm(clients_[i], rhythm_.first(monotonic()));
    }
    body_.assign(options.body, 'x');
  }

  void run() {
    over_ = monotonic() + static_cast<std::int64_t>(options_.seconds * 1e9);
    std::array<epoll_event, 256> events;
    while (monotonic() < over_ || under_way_ > 0) {
      const timespec wait = until_due();
      const int ready =
          ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &wait, nullptr);
      for (int i = 0; i < ready; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        serve(clients_[event.data.u64]);
      }
      const std::int64_t now = monotonic();
      while (!timers_.empty() && timers_.top().at <= now) {
        const Timer timer = timers_.top();
        timers_.pop();
        if (clients_[timer.client].turn == timer.turn) due(clients_[timer.client]);
      }
      log_.flush();
    }
  }

 private:
  void arm(Client& client, std::int64_t at) {
    timers_.push({at, static_cast<std::size_t>(&client - clients_.data()), ++client.turn});
  }

  void due(Client& client) {
    switch (client.state) {
      case State::resting:
        if (monotonic() < over_) begin(client);
        return;
      case State::connecting:
      case State::waiting:
        return end(client, "timeout", false);
      case State::echoing:
        return end(client, "broken", false);
      case State::silent:
        if (monotonic() >= std::min(client.tunnel_end, over_)) return end(client, "101", false);
        return say(client);
    }
  }

  void begin(Client& client) {
    ++under_way_;
    client.id = next_id_++;
    client.post = client.kind != Kind::tunnel && rhythm_.post();
    client.begun = monotonic();
    client.in.clear();
    arm(client, client.begun + options_.timeout);
    if (client.fd >= 0) return ask(client);
    client.nth = 0;
    client.state = State::connecting;
    client.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    ::setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int result = ::connect(client.fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    if (result != 0 && errno != EINPROGRESS) return end(client, "refused", false);
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                      .data = {.u64 = static_cast<std::uint64_t>(&client - clients_.data())}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd, &event);
  }

  void ask(Client& client) {
    client.state = State::waiting;
    std::string text = fmt::format("{} /drill HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{}: {}\r\n",
                                   client.post ? "POST" : "GET", options_.port,
                                   finack::bench::kIdField, client.id);
    if (client.kind == Kind::brief) text += "Connection: close\r\n";
    if (client.kind == Kind::tunnel) {
      text += fmt::format(
          "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
          "Sec-WebSocket-Key: {}\r\n",
          finack::bench::kSocketKey);
    }
    if (client.post) text += fmt::format("Content-Length: {}\r\n", body_.size());
    text += "\r\n";
    if (client.post) text += body_;
    // Small enough for any socket buffer: either all of it is taken, or the connection is gone.
    const ssize_t n = ::send(client.fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (n != static_cast<ssize_t>(text.size())) gone(client, errno);
  }

  void serve(Client& client) {
    if (client.state == State::connecting) {
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(client.fd, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return end(client, error == ECONNRESET ? "reset" : "refused", false);
      ask(client);
    }
    while (client.fd >= 0) {
      const ssize_t n = ::recv(client.fd, buffer_.data(), buffer_.size(), 0);
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return gone(client, n == 0 ? 0 : errno);
      client.in.append(buffer_.data(), static_cast<std::size_t>(n));
      if (client.state == State::waiting) {
        take_answer(client);
      } else if (client.state == State::echoing && client.in.size() >= kMessage.size()) {
        if (client.in != kMessage) return end(client, "broken", false);
        client.state = State::silent;
        arm(client, monotonic() + kEcho);
      }
    }
  }

  void take_answer(Client& client) {
    const std::size_t size = finack::bench::head_size(client.in);
    if (size == 0) return;
    const std::string_view head(client.in.data(), size);
    const std::string status(head.substr(head.find(' ') + 1, 3));
    if (client.kind == Kind::tunnel && status == "101") {
      client.tunnel_end = monotonic() + options_.tunnel_life;
      return say(client);
    }
    // An interim answer is passed over.
    if (status.starts_with('1')) {
      client.in.erase(0, size);
      return take_answer(client);
    }
    if (client.in.size() < size + number(field(head, "Content-Length"))) return;
    const bool last = finack::bench::same_letters(field(head, "Connection"), "close");
    end(client, status, !last && client.kind == Kind::keep);
  }

  void say(Client& client) {
    client.in.clear();
    client.state = State::echoing;
    arm(client, monotonic() + options_.timeout);
    const ssize_t n = ::send(client.fd, kMessage.data(), kMessage.size(), MSG_NOSIGNAL);
    if (n != static_cast<ssize_t>(kMessage.size())) end(client, "broken", false);
  }

  /// The connection has ended, by FIN if `error` is 0.
  void gone(Client& client, int error) {
    switch (client.state) {
      case State::resting:
        return hang_up(client);
      case State::connecting:
        return end(client, "refused", false);
      case State::waiting:
        if (!client.in.empty()) return end(client, "cut", false);
        return end(client, error == 0 ? "eof" : "reset", false);
      case State::echoing:
      case State::silent:
        return end(client, "broken", false);
    }
  }

  void end(Client& client, std::string_view outcome, bool keep) {
    const std::int64_t now = monotonic();
    log_.line("{} {} {} {} {} {} {}", client.id, client.post ? "POST" : "GET",
              kKindNames[static_cast<std::size_t>(client.kind)], client.begun, now, outcome,
              client.nth);
    --under_way_;
    ++client.nth;
    client.state = State::resting;
    client.in.clear();
    if (!keep) hang_up(client);
    arm(client, rhythm_.next(now));
  }

  static void hang_up(Client& client) {
    if (client.fd >= 0) ::close(client.fd);
    client.fd = -1;
  }

  timespec until_due() const {
    std::int64_t due = monotonic() + 100 * kMillisecond;
    if (!timers_.empty()) due = std::min(due, timers_.top().at);
    const std::int64_t wait = std::max<std::int64_t>(0, due - monotonic());
    return {.tv_sec = wait / 1'000'000'000, .tv_nsec = wait % 1'000'000'000};
  }

  LoadOptions options_;
  finack::bench::Log log_;
  finack::bench::Rhythm rhythm_;
  int epoll_;
  std::vector<Client> clients_;
  std::uint64_t next_id_;
  std::int64_t over_ = 0;
  unsigned under_way_ = 0;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  std::string body_;
  std::array<char, 64 * 1024> buffer_;
};

bool take(LoadOptions& options, std::string_view name, const char* value) {
  const std::uint64_t count = number(value);
  const auto milliseconds = static_cast<std::int64_t>(count) * kMillisecond;
  if (name == "--port") {
    options.port = static_cast<std::uint16_t>(count);
  } else if (name == "--seconds") {
    options.seconds = std::strtod(value, nullptr);
  } else if (name == "--keep") {
    options.keep = static_cast<unsigned>(count);
  } else if (name == "--short") {
    options.brief = static_cast<unsigned>(count);
  } else if (name == "--tunnels") {
    options.tunnels = static_cast<unsigned>(count);
  } else if (name == "--pace") {
    options.pace = milliseconds;
  } else if (name == "--around") {
    options.around = milliseconds;
  } else if (name == "--timeout") {
    options.timeout = milliseconds;
  } else if (name == "--tunnel-life") {
    options.tunnel_life = milliseconds;
  } else if (name == "--post") {
    options.post = static_cast<unsigned>(count);
  } else if (name == "--body") {
    options.body = static_cast<unsigned>(count);
  } else if (name == "--first-id") {
    options.first_id = count;
  } else if (name == "--log") {
    options.log = value;
  } else {
    return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  LoadOptions options;
  bool understood = argc % 2 == 1;
  for (int i = 1; i + 1 < argc && understood; i += 2) {
    understood = take(options, argv[i], argv[i + 1]);
  }
  if (!understood || options.log.empty()) {
    fmt::print(stderr,
               "usage: {} --port NUMBER --log FILE [--seconds S] [--keep N] [--short N]\n"
               "  [--tunnels N] [--pace MS] [--around MS] [--timeout MS] [--tunnel-life MS]\n"
               "  [--post PERCENT] [--body BYTES] [--first-id NUMBER]\n",
               argv[0]);
    return 2;
  }
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  Load(options).run();
}
