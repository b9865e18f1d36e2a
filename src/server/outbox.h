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

namespace finack::server {

/// Response bytes that the kernel has not taken yet, in order: leased buffers, strings taken over
/// without a copy, and parts of files.
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

  /// Contiguous room for at least n bytes, to be followed by commit. n is at most the block size unless
  /// the pool is exhausted, when the heap serves.
  char* reserve(std::size_t n);
  void commit(std::size_t n);
  void append(std::string_view bytes);
  void append_owned(std::string&& bytes);
  void append_file(Fd file, std::uint64_t offset, std::uint64_t bytes);

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
  void sent(std::size_t n);
  /// Forgets what is not sent, and returns how many bytes that were.
  std::uint64_t drop();
  void reset();

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
  void pop_sent();

  BufferPool& pool_;
  std::vector<Part> parts_;  // [first_, end) are live
  std::size_t first_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t queued_ = 0;
  std::string reserve_;  // when the pool has no block
};

}  // namespace finack::server
