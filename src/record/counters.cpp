#include "finack/record/counters.h"

namespace finack::record {
namespace {

// 1 bit in use, then role 1, purpose 2, ended_by 2, how 4, phase 5, cause 8.
std::uint64_t pack(const EndKey& key) {
  auto bits = [](auto value) { return static_cast<std::uint64_t>(value); };
  return bits(key.cause) | bits(key.phase) << 8 | bits(key.how) << 13 | bits(key.ended_by) << 17 |
         bits(key.purpose) << 19 | bits(key.role) << 21 | std::uint64_t{1} << 22;
}

EndKey unpack(std::uint64_t bits) {
  EndKey key;
  key.cause = static_cast<Cause>(bits & 0xFF);
  key.phase = static_cast<Phase>(bits >> 8 & 0x1F);
  key.how = static_cast<How>(bits >> 13 & 0xF);
  key.ended_by = static_cast<EndedBy>(bits >> 17 & 0x3);
  key.purpose = static_cast<Purpose>(bits >> 19 & 0x3);
  key.role = static_cast<Role>(bits >> 21 & 0x1);
  return key;
}

// Fibonacci hashing: the keys differ in few low bits, the product spreads them over the high ones.
std::size_t start_of(std::uint64_t key) {
  constexpr int kBits = std::bit_width(EndTable::kCells - 1);
  return static_cast<std::size_t>(key * 0x9E3779B97F4A7C15ULL >> (64 - kBits));
}

}  // namespace

std::uint64_t Histogram::count() const {
  std::uint64_t sum = 0;
  for (const Count& bucket : buckets_) sum += bucket.get();
  return sum;
}

Count& EndTable::cell(const EndKey& key) {
  const std::uint64_t packed = pack(key);
  std::size_t at = start_of(packed);
  for (std::size_t tried = 0; tried < kCells; ++tried, at = (at + 1) % kCells) {
    const std::uint64_t there = cells_[at].key.load(std::memory_order_relaxed);
    if (there == packed) return cells_[at].count;
    if (there == 0) {
      cells_[at].key.store(packed, std::memory_order_release);
      return cells_[at].count;
    }
  }
  return overflow_;
}

std::vector<EndTable::Row> EndTable::rows() const {
  std::vector<Row> rows;
  for (const Cell& cell : cells_) {
    const std::uint64_t packed = cell.key.load(std::memory_order_acquire);
    const std::uint64_t count = cell.count.get();
    if (packed != 0 && count != 0) rows.push_back({unpack(packed), count});
  }
  return rows;
}

std::uint64_t Book::live() const {
  // `ended` first: read the other way round, a reader could see more ended than opened.
  const std::uint64_t gone = ended.get();
  const std::uint64_t all = opened.get();
  return all > gone ? all - gone : 0;
}

}  // namespace finack::record
