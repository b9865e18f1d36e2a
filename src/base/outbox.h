#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "finack/base/buffer.h"
#include "finack/base/fd.h"

namespace finack {

/// Bytes that the kernel has not taken yet, in order. Nearly always they fit one leased
/// buffer; behind it stand further buffers, strings taken over without a copy, and parts of files.
/// Memory that gather() named stays where it is until sent() or reset().
class Outbox {
 public:
  explicit Outbox(BufferPool& pool) : pool_(pool) {}

  bool empty() const { return bytes_ == 0; }
  /// Bytes waiting.
  std::uint64_t bytes() const { return bytes_; }
  /// Bytes ever queued since reset; an offset that marks where a response ends.
  std::uint64_t queued() const { return queued_; }
  /// Bytes ever taken by the kernel since reset.
  std::uint64_t sent() const { return queued_ - bytes_; }

  /// Contiguous room for at least n bytes, to be followed by commit.
  [[gnu::always_inline]] char* reserve(std::size_t n) {
    if (rest_.empty()) {
      const auto room = front_.space();
      if (room.size() >= n) return room.data();
    }
    return reserve_more(n);
  }
  void commit(std::size_t n) {
    if (!rest_.empty() || !scratch_.empty()) return commit_more(n);
    front_.grow(n);
    bytes_ += n;
    queued_ += n;
  }
  void append(std::string_view bytes);
  void append_owned(std::string&& bytes);
  /// Takes it over without a copy.
  void append_buffer(Buffer&& bytes);
  void append_file(Fd file, std::uint64_t offset, std::uint64_t bytes);

  /// All that waits, when it is in one piece; else empty.
  std::string_view single() const { return rest_.empty() ? front_.view() : std::string_view(); }
  /// The next parts of memory to send, at most `parts.size()`; 0 when a file part is next.
  std::size_t gather(std::span<iovec> parts) const;
  struct FilePart {
    int file;
    std::uint64_t offset;
    std::uint64_t bytes;
  };
  /// The file part at the front; only when gather() said 0 and the outbox is not empty.
  FilePart file_part() const;
  /// The kernel took n bytes of the front.
  void sent(std::size_t n) {
    bytes_ -= n;
    if (!rest_.empty()) return sent_more(n);
    front_.consume(n);
    if (bytes_ == 0) front_.rewind();
  }
  /// Forgets what is not sent.
  void drop();
  /// Empty, for the next connection; the leased buffer is kept.
  void reset() {
    if (!rest_.empty() || !scratch_.empty()) reset_rest();
    front_.rewind();
    bytes_ = queued_ = 0;
  }
  void shed() { front_.release(); }

 private:
  struct Part {
    Buffer buffer;
    std::string owned;
    Fd file;
    std::uint64_t offset = 0;  // into owned or file
    std::uint64_t left = 0;    // bytes of owned or file still to send
    std::string_view view() const {
      return buffer ? buffer.view() : std::string_view(owned).substr(offset, left);
    }
    std::uint64_t bytes() const { return buffer ? buffer.size() : left; }
  };
  char* reserve_more(std::size_t n);
  void commit_more(std::size_t n);
  void sent_more(std::size_t n);
  void reset_rest();
  Part& add(std::uint64_t bytes);

  BufferPool& pool_;
  Buffer front_;
  std::vector<Part> rest_;  ///< Behind front_; [first_, end) are live.
  std::size_t first_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t queued_ = 0;
  std::string scratch_;  ///< Room given out by reserve when no block serves.
};

}  // namespace finack
