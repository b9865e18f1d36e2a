#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "finack/http/message.h"
#include "gateway/spill_buffer.h"
#include "route/byte_arena.h"

namespace finack::gateway {

/// What a server has sent of a response and its client has not taken yet, so that a slow client
/// does not hold the server's connection. Loop thread only.
class ResponseSpool {
 public:
  void begin(const BufferSettings& bounds, const std::string& directory) {
    buffer_.begin(bounds, directory);
    active_ = true;
  }
  void reset() {
    if (active_) buffer_.close();
    active_ = ended_ = false;
    position_ = 0;
    trailers_.clear();
  }

  /// The route buffers this response.
  bool active() const { return active_; }
  bool empty() const { return position_ == buffer_.size(); }
  bool full() const { return buffer_.full(); }
  /// False: for fault().
  bool put(std::string_view bytes) { return buffer_.put(bytes); }
  /// Takes the next piece of what is there; valid until the next call. nullopt: for fault().
  std::optional<std::string_view> take() {
    const auto piece = buffer_.at(position_);
    if (piece) position_ += piece->size();
    return piece;
  }
  record::Cause fault() const { return buffer_.fault(); }
  /// All of it was taken: there is room again.
  void rewind() {
    if (position_ == 0) return;
    buffer_.clear();
    position_ = 0;
  }
  /// Everything was put; the trailers are copied to the arena.
  void end(std::span<const http::Header> trailers, route::ByteArena& arena) {
    ended_ = true;
    for (const http::Header& field : trailers)
      trailers_.push_back({arena.copy(field.name), arena.copy(field.value)});
  }
  bool ended() const { return ended_; }
  std::span<const http::Header> trailers() const { return trailers_; }

 private:
  SpillBuffer buffer_;
  std::uint64_t position_ = 0;
  std::vector<http::Header> trailers_;
  bool active_ = false;
  bool ended_ = false;
};

}  // namespace finack::gateway
