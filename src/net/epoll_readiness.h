#pragma once
#include "net/epoll_loop.h"
#include "net/readiness.h"

namespace finack::net {

/// One-shot in the epoll set, so that a wait that was answered says nothing more.
class EpollReadiness final : public Readiness, private EpollSource, private Deferred {
 public:
  EpollReadiness(EpollLoop& loop, int fd, ReadinessObserver& observer)
      : loop_(loop), observer_(observer), fd_(fd) {}
  ~EpollReadiness() override;
  void wait(Ready wanted) override;

 private:
  void on_ready(std::uint32_t events) override;
  void run_deferred() override { observer_.on_ready({.error = true}); }

  EpollLoop& loop_;
  ReadinessObserver& observer_;
  int fd_;
  bool added_ = false;
};

}  // namespace finack::net
