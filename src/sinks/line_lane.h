#pragma once
#include <algorithm>
#include <atomic>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace finack::sinks {

/// A bounded ring of whole lines from one thread to another that may stand still. The writer never
/// waits: a line that does not fit is dropped and counted. Lock-free; whenever it is empty it
/// begins again at its front, so that memory is touched only as far as lines wait.
class LineLane {
 public:
  /// `bytes`: a power of two.
  explicit LineLane(std::size_t bytes) : bytes_(new char[bytes]), mask_(bytes - 1) {
    assert(std::has_single_bit(bytes));
  }

  // The writer's side.

  /// Appends `line` and its end; false: it was dropped.
  bool try_push(std::string_view line, std::string_view end = {}) {
    const std::size_t size = line.size() + end.size();
    if (!has_room(size)) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    std::uint64_t at = pushed();
    if (waiting() == 0 && (at & mask_) >= kRestartAt) {
      // The reader is done with the last skip, and sees this one with the line behind it.
      skip_from_ = at;
      skip_to_ = at = (at | mask_) + 1;
    }
    put(at, line);
    put(at + line.size(), end);
    pushed_.store(at + size, std::memory_order_release);
    return true;
  }
  bool has_room(std::size_t bytes) const { return waiting() + bytes <= capacity(); }
  bool quarter_full() const { return waiting() >= capacity() / 4; }
  /// Bytes pushed so far: a position that only grows.
  std::uint64_t pushed() const { return pushed_.load(std::memory_order_relaxed); }

  // The reader's side.

  /// Appends about `most` bytes of waiting lines to `out`, none behind position `until`. Whole
  /// lines only, one at least. Returns how many bytes.
  std::size_t take(std::string& out, std::size_t most, std::uint64_t until) {
    std::uint64_t from = taken();
    const std::uint64_t end = std::min(pushed_.load(std::memory_order_acquire), until);
    if (from >= end) return 0;
    if (from == skip_from_) from = skip_to_;
    const std::size_t before = out.size();
    std::uint64_t at = from;
    while (at < end) {
      const std::size_t index = at & mask_;
      const std::size_t got = out.size() - before;
      const std::size_t wanted = got < most ? most - got : capacity();
      const std::size_t run = std::min<std::size_t>({end - at, capacity() - index, wanted});
      out.append(bytes_.get() + index, run);
      at += run;
      if (at == end || out.size() - before < most) continue;
      const std::size_t cut = out.rfind('\n');
      if (cut == std::string::npos || cut < before) continue;  // A line longer than that.
      out.resize(cut + 1);
      break;
    }
    const std::size_t size = out.size() - before;
    taken_.store(from + size, std::memory_order_release);
    return size;
  }
  std::uint64_t taken() const { return taken_.load(std::memory_order_relaxed); }
  /// Lines dropped and not told yet, once all lines from before they were lost are taken; else 0.
  std::uint64_t take_lost() {
    const std::uint64_t all = dropped();
    if (lost_ == 0 && all != lost_seen_) {
      lost_ = all - std::exchange(lost_seen_, all);
      lost_at_ = pushed_.load(std::memory_order_acquire);
    }
    return taken() < lost_at_ ? 0 : std::exchange(lost_, 0);
  }

  /// Lines dropped since the start; any thread.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
  std::size_t capacity() const { return mask_ + 1; }

 private:
  static constexpr std::size_t kRestartAt = 256 * 1024;

  std::size_t waiting() const {
    const std::uint64_t taken = taken_.load(std::memory_order_acquire);
    return static_cast<std::size_t>(pushed() - std::max(taken, skip_to_));
  }
  void put(std::uint64_t at, std::string_view text) {
    const std::size_t index = at & mask_;
    // Not memcpy: a text without bytes may have no address.
    const std::size_t first = text.copy(bytes_.get() + index, capacity() - index);
    text.substr(first).copy(bytes_.get(), capacity());
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t mask_;
  alignas(64) std::atomic<std::uint64_t> pushed_{0};
  // Positions nothing was put at; the writer's, read behind pushed_.
  std::uint64_t skip_from_ = 0;
  std::uint64_t skip_to_ = 0;
  std::atomic<std::uint64_t> dropped_{0};
  alignas(64) std::atomic<std::uint64_t> taken_{0};
  std::uint64_t lost_seen_ = 0;
  std::uint64_t lost_ = 0;  ///< Seen, not told yet.
  std::uint64_t lost_at_ = 0;
};

}  // namespace finack::sinks
