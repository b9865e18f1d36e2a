#pragma once
#include "net/epoll_loop.h"
#include "net/listener_core.h"

namespace finack::net {

/// Level-triggered: what one turn does not take, the next one finds.
class EpollListener final : public ListenerCore, private EpollSource {
 public:
  EpollListener(EpollLoop& loop, Fd socket, bool shared, AcceptObserver& observer);
  ~EpollListener() override;

 private:
  void arm() override;
  void disarm() override;
  void close_socket() override;
  bool idle() const override { return !armed_; }
  void on_ready(std::uint32_t /*events*/) override;

  EpollLoop& epoll_;
  std::uint32_t events_;
  int burst_ = 1;                ///< How many to accept without asking whether one more waits.
  std::uint64_t full_turn_ = 0;  ///< The turn of the last burst that got all it asked for.
  bool armed_ = false;
};

}  // namespace finack::net
