#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "load/measure.h"

namespace finack::bench {

/// A socket to 127.0.0.1, not blocking unless asked to; the program ends when there is none.
int dial(std::uint16_t port, bool blocking);
std::string request(const Options& options, bool close);

/// Tells answers apart in what one server sends. They mostly have one size, learned from the first
/// and then only checked at the edges; anything else is read in full.
class Answers {
 public:
  /// How many answers stand complete at the start of `bytes`; `used` says how long they are.
  unsigned count(std::string_view bytes, std::size_t& used);
  /// Answers whose status was not 200, or that could not be understood.
  std::uint64_t bad() const { return bad_; }

 private:
  /// Size of the first answer, 0 when it is not complete.
  std::size_t measure(std::string_view bytes);
  std::size_t size_ = 0;
  std::uint64_t bad_ = 0;
};

/// The modes. Each returns the exit status and prints its JSON.
int run_keep_alive(const Options& options);
int run_short(const Options& options);
int run_idle(const Options& options);
int run_bodies(const Options& options);
int run_paced(const Options& options);

}  // namespace finack::bench
