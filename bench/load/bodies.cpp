// Keep-alive connections with one request at a time and long answers, which are counted and thrown
// away in the kernel, so that the generator costs little beside what it measures.
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "drill/head.h"
#include "load/client.h"

namespace finack::bench {

namespace {

struct Fetch {
  int fd = -1;
  bool asked = false;
  std::string head;           ///< As far as it is there; empty while the body comes.
  std::uint64_t missing = 0;  ///< Bytes of the body.
  Clock::time_point asked_at;
};

class Bodies {
 public:
  explicit Bodies(const Options& options)
      : options_(options),
        window_(options),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        request_(request(options, false)),
        fetches_(options.connections) {
    for (std::size_t i = 0; i < fetches_.size(); ++i) {
      fetches_[i].fd = dial(options.port, false);
      epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.u64 = i}};
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fetches_[i].fd, &event);
    }
  }

  int run() {
    std::array<epoll_event, 64> events;
    now_ = Clock::now();
    while (alive_ && (window_.tick(now_) || (outstanding_ > 0 && !window_.too_late(now_)))) {
      const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 100);
      now_ = Clock::now();
      for (int i = 0; i < ready; ++i) serve(fetches_[events[static_cast<std::size_t>(i)].data.u64]);
    }
    fmt::print("{}\n", window_.json(options_));
    return alive_ ? 0 : 1;
  }

 private:
  void serve(Fetch& fetch) {
    if (!fetch.asked) ask(fetch);
    while (fetch.asked && alive_) {
      const bool in_body = fetch.missing > 0;
      // Without a copy: what MSG_TRUNC takes of a TCP stream is thrown away.
      const ssize_t n = in_body ? ::recv(fetch.fd, nullptr,
                                         std::min<std::uint64_t>(fetch.missing, kAtOnce), MSG_TRUNC)
                                : ::recv(fetch.fd, buffer_.data(), buffer_.size(), 0);
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return fail();
      if (in_body) {
        fetch.missing -= static_cast<std::uint64_t>(n);
      } else if (!take_head(fetch, static_cast<std::size_t>(n))) {
        continue;
      }
      if (fetch.missing > 0) continue;
      window_.answered(now_ - fetch.asked_at);
      --outstanding_;
      ask(fetch);
    }
  }

  /// False when more of the head is needed.
  bool take_head(Fetch& fetch, std::size_t size) {
    fetch.head.append(buffer_.data(), size);
    const std::size_t head = head_size(fetch.head);
    if (head == 0) return false;
    const std::uint64_t length = number(field(fetch.head, "Content-Length"));
    const std::uint64_t had = fetch.head.size() - head;
    if (!fetch.head.starts_with("HTTP/1.1 200") || length == 0 || had > length) {
      fail();
      return false;
    }
    fetch.missing = length - had;
    fetch.head.clear();
    return true;
  }

  void ask(Fetch& fetch) {
    fetch.asked = window_.allow(1) > 0;
    if (!fetch.asked) return;
    fetch.asked_at = now_;
    ++outstanding_;
    if (::send(fetch.fd, request_.data(), request_.size(), MSG_NOSIGNAL) <= 0) {
      if (errno != EAGAIN && errno != ENOTCONN) return fail();
      fetch.asked = false;
      --outstanding_;
    }
  }

  void fail() {
    if (alive_) std::fprintf(stderr, "an answer failed (port %d)\n", int{options_.port});
    window_.failed();
    alive_ = false;
  }

  static constexpr std::uint64_t kAtOnce = 256 * 1024;
  Options options_;
  Window window_;
  int epoll_;
  bool alive_ = true;
  unsigned outstanding_ = 0;
  std::string request_;
  std::vector<Fetch> fetches_;
  Clock::time_point now_;
  std::array<char, 4096> buffer_;
};

}  // namespace

int run_bodies(const Options& options) { return Bodies(options).run(); }

}  // namespace finack::bench
