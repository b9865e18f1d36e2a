#pragma once
// Of the worker alone: what worker.cpp and worker_leave.cpp share.
#include <memory>
#include <utility>

#include "net/listener.h"
#include "server/listener_set.h"
#include "server/worker.h"

namespace finack::server {

/// One listener of a worker, and where its reports go.
class Worker::Port final : public net::AcceptObserver {
 public:
  Port(Worker& worker, std::uint32_t listener, std::uint16_t site)
      : worker_(worker), number_(listener), site_(site) {}
  void listen(ListenerShare share) {
    inherited_ = share.inherited;
    listener_ = net::Listener::create(*worker_.loop_, std::move(share.socket), share.shared, *this);
  }
  std::uint32_t listener() const { return number_; }
  /// Where its next connections belong.
  std::uint16_t site() const { return site_; }
  void use(std::uint16_t site) {
    site_ = site;
    net::ListenerOptions options = socket_options(worker_.site(site).settings());
    if (inherited_) options.backlog = 0;  // its owner's business
    listener_->set_options(options);
  }
  /// `progress`: one is done when the socket is closed; may be empty.
  void drain(std::shared_ptr<Countdown> progress);

  void on_accept(Fd fd, const Address& peer) override {
    worker_.accepted(site_, std::move(fd), peer);
  }
  void on_accept_aborted(int error) override;
  void on_accept_shed(int error, const Address& peer) override;
  void on_drained() override;

 private:
  Worker& worker_;
  std::uint32_t number_;
  std::uint16_t site_;
  bool inherited_ = false;
  std::unique_ptr<net::Listener> listener_;
  std::shared_ptr<Countdown> progress_;
};

/// Looks after connections whose listener leaves: late idle ones, deadlines, the end.
class Worker::LeaveTimer final : public net::Timer {
 public:
  explicit LeaveTimer(Worker& worker) : worker_(worker) {}
  ~LeaveTimer() {
    if (armed()) worker_.loop_->timers().disarm(*this);
  }
  void look_in(Nanos wait) { worker_.loop_->timers().arm(*this, worker_.loop_->now() + wait); }

 private:
  void on_timer() override { worker_.look_after_leaving(); }
  Worker& worker_;
};

}  // namespace finack::server
