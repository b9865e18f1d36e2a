#include "sinks/line_thread.h"

#include <signal.h>

#include <limits>
#include <utility>

namespace finack::sinks {
namespace {

constexpr std::size_t kTakeAtOnce = 256 * 1024;
constexpr std::size_t kLongLine = 64 * 1024;
constexpr std::size_t kWakeAt = 64 * 1024;
constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
/// How soon a write that failed is tried again.
constexpr Nanos kRetry = std::chrono::milliseconds(50);

}  // namespace

LineThread::LineThread(Fd fd, const std::string& path, Options options)
    : options_(std::move(options)),
      writer_(std::move(fd), path, options_.trouble, options_.report),
      reopen_at_(kNever) {}

LineThread::~LineThread() {
  stopping_.store(true, std::memory_order_release);
  bell_.ring_surely();
  if (thread_.joinable()) thread_.join();
  turn();  // What came since, or all where no thread was needed.
}

LineLane& LineThread::add_lane() {
  const std::lock_guard lock(mutex_);
  return *lanes_.emplace_back(std::make_unique<LineLane>(options_.lane_bytes));
}

void LineThread::wake() {
  std::call_once(started_, [this] { start(); });
  bell_.ring_surely();
}

/// Signals are for the main thread.
void LineThread::start() {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

bool LineThread::has_room(const LineLane& lane) {
  const std::size_t line = std::min(kLongLine, lane.capacity() / 4);
  if (lane.has_room(line)) return true;
  starved_.store(true);
  return lane.has_room(line);  // The thread may have taken some before it could see that.
}

void LineThread::attach(record::Doorbell* bell) {
  const std::lock_guard lock(mutex_);
  room_bell_ = bell;
}

void LineThread::reopen_behind(const LineLane& lane) {
  reopen_at_.store(lane.pushed(), std::memory_order_release);
  wake();
}

bool LineThread::settle(Nanos most) {
  const std::uint64_t mine = asked_.fetch_add(1) + 1;
  wake();
  std::unique_lock lock(mutex_);
  return settled_.wait_for(lock, most, [&] { return answered_ >= mine; });
}

std::uint64_t LineThread::dropped() const {
  std::uint64_t total = writer_.dropped();
  const std::lock_guard lock(mutex_);
  for (const auto& lane : lanes_) total += lane->dropped();
  return total;
}

void LineThread::run() {
  while (!stopping_.load(std::memory_order_acquire)) {
    bell_.wait(writer_.owes() ? kRetry : options_.bound);
    turn();
  }
}

void LineThread::turn() {
  const std::uint64_t asked = asked_.load();
  for (bool more = true; more;) {
    more = take();
    writer_.flush();
    more |= reopen_if_due();
  }
  const std::lock_guard lock(mutex_);
  answered_ = asked;
  settled_.notify_all();
}

bool LineThread::take() {
  const std::uint64_t until = reopen_at_.load(std::memory_order_acquire);
  std::uint64_t lost = lost_elsewhere_.exchange(0);
  bool any = false;
  const std::lock_guard lock(mutex_);
  for (const auto& lane : lanes_) {
    any |= lane->take(writer_.buffer(), kTakeAtOnce, until) != 0;
    lost += lane->take_lost();
  }
  if (lost != 0) writer_.report_lost(lost);
  if (any && starved_.exchange(false) && room_bell_ != nullptr) room_bell_->ring();
  return any;
}

bool LineThread::reopen_if_due() {
  std::uint64_t at = reopen_at_.load(std::memory_order_acquire);
  if (at == kNever) return false;
  {
    const std::lock_guard lock(mutex_);
    if (lanes_.front()->taken() < at) return false;
  }
  const auto reopened = writer_.reopen();
  if (!reopened && options_.trouble) options_.trouble(reopened.error().what);
  // A second request that came meanwhile stays.
  return reopen_at_.compare_exchange_strong(at, kNever);
}

void QueuedLines::line_done() {
  lane_.try_push(line_);
  line_.clear();
  news_ = true;
  if (lane_.pushed() - woken_at_ >= kWakeAt) flush();
}

void QueuedLines::flush() {
  if (!std::exchange(news_, false)) return;
  woken_at_ = lane_.pushed();
  thread_.wake();
}

void QueuedLines::report_lost(std::uint64_t count) {
  thread_.report_lost(count);
  news_ = true;
}

}  // namespace finack::sinks
