#include "cli/plan_board.h"

namespace finack::cli {

std::pair<PlanBoard::Plan, std::uint64_t> PlanBoard::current() const {
  const std::scoped_lock lock(mutex_);
  return {plan_, number_.load(std::memory_order_relaxed)};
}

void PlanBoard::publish(Plan plan) {
  const std::scoped_lock lock(mutex_);
  std::swap(plan_, plan);
  number_.fetch_add(1, std::memory_order_release);
  for (const Reader* reader : readers_) reader->news_();
}

PlanBoard::Reader::Reader(PlanBoard& board, std::function<void()> news)
    : board_(board), news_(std::move(news)) {
  const std::scoped_lock lock(board_.mutex_);
  board_.readers_.push_back(this);
}

PlanBoard::Reader::~Reader() {
  const std::scoped_lock lock(board_.mutex_);
  std::erase(board_.readers_, this);
}

}  // namespace finack::cli
