#pragma once
#include <memory>

#include "net/io_uring_loop.h"
#include "net/listener_core.h"

namespace finack::net {

/// Several single-shot accepts stand in the kernel, each with an address buffer of its own: a
/// multishot accept would share one, and the peers' addresses would be wrong.
class IoUringListener : public ListenerCore {
 public:
  IoUringListener(IoUringLoop& loop, Fd socket, bool shared, AcceptObserver& observer);
  ~IoUringListener() override;

 protected:
  static constexpr std::size_t kAccepts = 16;
  static constexpr int kSheddingRound = 1024;

  class Accepts;
  struct Accept final : RingOp {
    void on_complete(int result) override;
    Accepts* all = nullptr;
    sockaddr_storage peer;
    socklen_t size = 0;
    bool armed = false;
    bool poll_first = false;  ///< As last submitted.
  };
  /// What the kernel writes to; outlives the listener when it must.
  class Accepts final : public RingOrphan {
   public:
    bool finished() const override { return armed == 0; }
    IoUringListener* owner = nullptr;
    std::size_t armed = 0;
    std::array<Accept, kAccepts> each;
  };

  void arm() final;
  void disarm() final;
  bool idle() const override { return accepts_->armed == 0; }
  std::array<Accept, kAccepts>& accepts() { return accepts_->each; }

 private:
  void close_socket() override { socket_.reset(); }
  void arm_one(Accept& accept);
  void on_accepted(Accept& accept, int result);
  void on_exhausted(int error);

  IoUringLoop& ring_;
  std::unique_ptr<Accepts> accepts_;
  bool poll_first_ = true;  ///< Until the kernel says that it knows no such flag.
  bool poll_first_known_ = false;
};

}  // namespace finack::net
