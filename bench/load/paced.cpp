// Requests at a fixed rate, whatever the answers take. An answer's time counts from the moment its
// request was due, so that waiting for a free connection is part of it.
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>

#include "load/client.h"

namespace finack::bench {

namespace {

struct Lane {
  int fd = -1;
  bool waiting = false;
  std::string rest;  ///< The beginning of an answer that was cut.
  Clock::time_point due;
};

class Paced {
 public:
  explicit Paced(const Options& options)
      : options_(options),
        window_(options),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        step_(std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 / options.rate))),
        request_(request(options, false)),
        lanes_(options.connections) {
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      lanes_[i].fd = dial(options.port, true);
      epoll_event event{.events = EPOLLIN | EPOLLRDHUP, .data = {.u64 = i}};
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, lanes_[i].fd, &event);
      free_.push_back(i);
    }
  }

  int run() {
    std::array<epoll_event, 256> events;
    now_ = next_ = Clock::now();
    while (alive_ &&
           (window_.tick(now_) || (free_.size() < lanes_.size() && !window_.too_late(now_)))) {
      const auto wait =
          std::max<std::int64_t>(0, std::chrono::nanoseconds(next_ - Clock::now()).count());
      const timespec until{.tv_sec = 0, .tv_nsec = std::min<std::int64_t>(wait, 100'000'000)};
      const int ready =
          ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &until, nullptr);
      now_ = Clock::now();
      for (int i = 0; i < ready; ++i) read(events[static_cast<std::size_t>(i)].data.u64);
      for (; next_ <= now_ && window_.allow(1) > 0; next_ += step_) late_.push_back(next_);
      // The window is over: nothing is due any more.
      if (next_ <= now_) next_ = now_ + step_;
      while (!late_.empty() && !free_.empty() && alive_) ask();
    }
    fmt::print("{}\n", window_.json(options_));
    return alive_ && answers_.bad() == 0 ? 0 : 1;
  }

 private:
  void ask() {
    Lane& lane = lanes_[free_.front()];
    free_.pop_front();
    lane.due = late_.front();
    late_.pop_front();
    lane.waiting = true;
    if (::send(lane.fd, request_.data(), request_.size(), MSG_NOSIGNAL) <= 0) fail("a send failed");
  }

  void read(std::size_t index) {
    Lane& lane = lanes_[index];
    const ssize_t n = ::recv(lane.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return fail("the server ended a connection");
    lane.rest.append(buffer_.data(), static_cast<std::size_t>(n));
    std::size_t used = 0;
    if (answers_.count(lane.rest, used) == 0) return;
    if (!lane.waiting || used < lane.rest.size()) return fail("more answers than requests");
    lane.rest.clear();
    lane.waiting = false;
    window_.answered(now_ - lane.due);
    free_.push_back(index);
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
  Clock::duration step_;
  std::string request_;
  std::vector<Lane> lanes_;
  std::deque<std::size_t> free_;
  std::deque<Clock::time_point> late_;  ///< Requests that are due and wait for a connection.
  Clock::time_point now_;
  Clock::time_point next_;
  Answers answers_;
  std::array<char, 16 * 1024> buffer_;
};

}  // namespace

int run_paced(const Options& options) { return Paced(options).run(); }

}  // namespace finack::bench
