// A connection for each request: dialed, one answer, read to the server's FIN, closed.
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "load/client.h"

namespace finack::bench {

namespace {

struct Slot {
  int fd = -1;
  bool asked = false;
  bool answered = false;
  Clock::time_point dialed_at;
};

class Short {
 public:
  explicit Short(const Options& options)
      : options_(options),
        window_(options),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        request_(request(options, true)),
        slots_(options.connections) {}

  int run() {
    std::array<epoll_event, 256> events;
    now_ = Clock::now();
    for (Slot& slot : slots_) open(slot);
    while (window_.tick(now_)) {
      const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 100);
      now_ = Clock::now();
      for (int i = 0; i < ready; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        serve(slots_[event.data.u64], event.events);
      }
    }
    fmt::print("{}\n", window_.json(options_));
    return bad_ == 0 ? 0 : 1;
  }

 private:
  void open(Slot& slot) {
    if (window_.allow(1) == 0) return;
    slot = {.fd = dial(options_.port, false), .dialed_at = now_};
    // On loopback the handshake is mostly over when connect returns.
    slot.asked = ask(slot);
    epoll_event event{.events = EPOLLIN | EPOLLRDHUP | EPOLLET,
                      .data = {.u64 = static_cast<std::uint64_t>(&slot - slots_.data())}};
    if (!slot.asked) event.events |= EPOLLOUT;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, slot.fd, &event);
  }

  bool ask(const Slot& slot) const {
    return ::send(slot.fd, request_.data(), request_.size(), MSG_NOSIGNAL) > 0;
  }

  void serve(Slot& slot, std::uint32_t events) {
    if (!slot.asked && (events & EPOLLOUT) != 0) slot.asked = ask(slot);
    while (true) {
      const ssize_t n = ::recv(slot.fd, buffer_.data(), buffer_.size(), 0);
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return finish(slot, n == 0);
      const std::string_view bytes(buffer_.data(), static_cast<std::size_t>(n));
      slot.answered |= bytes.starts_with("HTTP/1.1 200");
      // The FIN is there already, behind the bytes just read: nothing more can come.
      if ((events & EPOLLRDHUP) != 0 && bytes.size() < buffer_.size()) return finish(slot, true);
    }
  }

  void finish(Slot& slot, bool well) {
    ::close(slot.fd);
    if (well && slot.answered) {
      window_.answered(now_ - slot.dialed_at);
    } else {
      window_.failed();
      if (++bad_ == 1) std::fprintf(stderr, "a connection failed (port %d)\n", int{options_.port});
    }
    open(slot);
  }

  Options options_;
  Window window_;
  int epoll_;
  std::string request_;
  std::vector<Slot> slots_;
  std::uint64_t bad_ = 0;
  Clock::time_point now_;
  std::array<char, 64 * 1024> buffer_;
};

}  // namespace

int run_short(const Options& options) { return Short(options).run(); }

}  // namespace finack::bench
