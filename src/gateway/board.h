#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace finack::gateway {

/// What is in force at this moment, for all workers of the process, each of which sees a new one
/// when it next looks; nothing is stopped for it. Any thread.
template <class T>
class Board {
 public:
  using Shown = std::shared_ptr<const T>;

  explicit Board(Shown first) : shown_(std::move(first)) {}

  /// Grows with each publish(); one atomic read.
  std::uint64_t number() const { return number_.load(std::memory_order_acquire); }
  /// What is shown, and its number.
  std::pair<Shown, std::uint64_t> current() const {
    const std::scoped_lock lock(mutex_);
    return {shown_, number_.load(std::memory_order_relaxed)};
  }
  /// Puts it in force, and tells all readers that look only now and then.
  void publish(Shown next) {
    const std::scoped_lock lock(mutex_);
    std::swap(shown_, next);
    number_.fetch_add(1, std::memory_order_release);
    for (const Reader* reader : readers_) reader->news_();
  }

  /// Is told of what is new for as long as it lives; `news` is called on the publisher's thread,
  /// and must not look at the board.
  class Reader {
   public:
    Reader(Board& board, std::function<void()> news) : board_(board), news_(std::move(news)) {
      const std::scoped_lock lock(board_.mutex_);
      board_.readers_.push_back(this);
    }
    ~Reader() {
      const std::scoped_lock lock(board_.mutex_);
      std::erase(board_.readers_, this);
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

   private:
    friend class Board;
    Board& board_;
    std::function<void()> news_;
  };

 private:
  mutable std::mutex mutex_;
  Shown shown_;
  std::atomic<std::uint64_t> number_{1};
  std::vector<Reader*> readers_;
};

}  // namespace finack::gateway
