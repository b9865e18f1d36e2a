#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "admin/worker.h"
#include "finack/http/exchange.h"

namespace finack::admin {

/// How long an answer waits for workers whose loops are busy.
inline constexpr Nanos kPatience = std::chrono::milliseconds(500);

/// What all workers say to one question, for one exchange, which lives until `done` was called.
template <class T>
class Gathering : public std::enable_shared_from_this<Gathering<T>> {
 public:
  /// `done`: what each worker said, in no order, and how many said nothing in time.
  using Done = std::function<void(http::Exchange&, std::vector<T>, std::size_t missing)>;

  Gathering(http::Exchange& exchange, std::size_t workers, Done done)
      : exchange_(exchange), missing_(workers), done_(std::move(done)) {}

  /// Once, on the exchange's loop, when the workers were asked.
  void start() {
    exchange_.sleep(kPatience, [self = this->shared_from_this()] { self->out_of_time(); });
  }
  /// On a worker's thread.
  void say(T said) {
    const std::scoped_lock lock(mutex_);
    if (over_) return;
    said_.push_back(std::move(said));
    if (--missing_ > 0) return;
    // From here on the exchange waits for this call.
    over_ = true;
    exchange_.post([self = this->shared_from_this()] { self->finish(); });
  }

 private:
  void out_of_time() {
    {
      const std::scoped_lock lock(mutex_);
      if (std::exchange(over_, true)) return;
    }
    finish();
  }
  void finish() { done_(exchange_, std::move(said_), missing_); }

  http::Exchange& exchange_;
  std::mutex mutex_;
  std::vector<T> said_;
  std::size_t missing_;
  bool over_ = false;  ///< Nobody is waited for any more.
  Done done_;
};

/// Asks each of the workers on its own thread, and calls `done` on the exchange's, at once when all
/// have answered, else after kPatience. No worker waits for another, nor for the exchange.
template <class T>
void gather(http::Exchange& exchange, const std::vector<Worker*>& workers,
            const std::function<T(Worker&)>& look, typename Gathering<T>::Done done) {
  if (workers.empty()) return done(exchange, {}, 0);
  auto gathering = std::make_shared<Gathering<T>>(exchange, workers.size(), std::move(done));
  gathering->start();
  for (Worker* worker : workers)
    worker->post([gathering, worker, look] { gathering->say(look(*worker)); });
}

}  // namespace finack::admin
