#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "gateway/plan.h"

namespace finack::cli {

/// The plan in force, for all workers of the process. From publish() on every request that a worker
/// begins goes by the new plan; nothing is stopped for it. Any thread.
class PlanBoard {
 public:
  using Plan = std::shared_ptr<const gateway::Plan>;

  explicit PlanBoard(Plan first) : plan_(std::move(first)) {}

  /// Grows with each plan; one atomic read.
  std::uint64_t number() const { return number_.load(std::memory_order_acquire); }
  /// The plan and its number.
  std::pair<Plan, std::uint64_t> current() const;
  /// Puts it in force, and tells all readers that look only now and then.
  void publish(Plan plan);

  /// Is told of plans for as long as it lives; `news` is called on the publisher's thread.
  class Reader {
   public:
    Reader(PlanBoard& board, std::function<void()> news);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

   private:
    friend class PlanBoard;
    PlanBoard& board_;
    std::function<void()> news_;
  };

 private:
  mutable std::mutex mutex_;
  Plan plan_;
  std::atomic<std::uint64_t> number_{1};
  std::vector<Reader*> readers_;
};

}  // namespace finack::cli
