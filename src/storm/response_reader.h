#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace finack::storm {

/// Takes a stream of responses apart as far as a storm must know: final statuses and whether each
/// came whole. Bodies are framed by Content-Length (a response without one has no body); interim
/// responses are passed over. A pure function of the bytes; one thread.
class ResponseReader {
 public:
  /// More of the stream. Keeps unfinished heads, drops bodies.
  void feed(std::string_view bytes);

  /// The status of the next response that has come whole, in order; nullopt: none yet.
  std::optional<int> take();

  /// Something is no response; nothing more is read.
  bool broken() const { return broken_; }

 private:
  void end_head(std::string_view head);

  std::string head_;
  std::uint64_t body_left_ = 0;
  int status_ = 0;         ///< Of the response whose body is being read.
  std::deque<int> whole_;  ///< Statuses that were not taken yet.
  bool in_body_ = false;
  bool broken_ = false;
};

}  // namespace finack::storm
