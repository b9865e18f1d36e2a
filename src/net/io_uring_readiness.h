#pragma once
#include <memory>

#include "net/io_uring_loop.h"
#include "net/readiness.h"

namespace finack::net {

/// A poll in the kernel per wait.
class IoUringReadiness final : public Readiness {
 public:
  IoUringReadiness(IoUringLoop& loop, int fd, ReadinessObserver& observer)
      : loop_(loop), observer_(observer), fd_(fd) {}
  ~IoUringReadiness() override { drop(); }
  void wait(Ready wanted) override;

 private:
  /// What the kernel answers to; outlives its owner when it must.
  struct Poll final : RingOp, RingOrphan {
    void on_complete(int result) override;
    bool finished() const override { return !armed; }
    IoUringReadiness* owner = nullptr;
    bool armed = false;
  };

  void drop();
  void completed(int result);

  IoUringLoop& loop_;
  ReadinessObserver& observer_;
  int fd_;
  std::unique_ptr<Poll> poll_;
};

}  // namespace finack::net
