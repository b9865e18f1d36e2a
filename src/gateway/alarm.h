#pragma once
#include "net/loop.h"

namespace finack::gateway {

/// Calls a member function of its owner once, when its time has come. No allocation. Loop thread
/// only.
template <class Owner>
class Alarm final : public net::Timer {
 public:
  using Ring = void (Owner::*)();

  Alarm(Owner& owner, net::Loop& loop) : owner_(owner), loop_(loop) {}

  void set(Nanos in, Ring ring) {
    ring_ = ring;
    loop_.timers().arm(*this, loop_.now() + in);
  }
  void stop() { loop_.timers().disarm(*this); }

 private:
  void on_timer() override { (owner_.*ring_)(); }

  Owner& owner_;
  net::Loop& loop_;
  Ring ring_ = nullptr;
};

}  // namespace finack::gateway
