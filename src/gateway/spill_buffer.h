#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "finack/base/fd.h"
#include "finack/record/cause.h"
#include "gateway/route_settings.h"

namespace finack::gateway {

/// Bytes in order: the first in memory, the rest in a file without a name, which is gone with its
/// descriptor. Reading and writing are plain calls on the loop's thread: the page cache takes them.
/// One thread.
class SpillBuffer {
 public:
  /// Empty, with these bounds; `directory` has to outlive it.
  void begin(const BufferSettings& bounds, const std::string& directory);

  /// Takes all of it, also beyond the bounds: whoever goes on although full() is true exceeds them.
  /// False: the file could not be written, and what the buffer holds is of no use any more;
  /// fault() and error() say why.
  bool put(std::string_view bytes);
  bool full() const;
  /// Why put() or at() failed: resource.disk or resource.descriptors, and the errno.
  record::Cause fault() const;
  int error() const { return error_; }
  std::uint64_t size() const { return memory_.size() + on_disk_; }
  /// All of it, when all is in memory.
  std::optional<std::string_view> whole() const;
  /// What lies at `offset`, as much as is in one piece; empty at the end. Valid until the next
  /// call. nullopt: the file could not be read.
  std::optional<std::string_view> at(std::uint64_t offset);
  /// Empty again; gives back its disk space, and memory beyond a little.
  void clear();
  /// The same, and closes the file.
  void close();

 private:
  bool put_on_disk(std::string_view bytes);

  BufferSettings bounds_;
  const std::string* directory_ = nullptr;
  std::string memory_;
  Fd file_;
  std::uint64_t on_disk_ = 0;
  int error_ = 0;
  std::unique_ptr<char[]> piece_;  ///< What was read of the file.
};

}  // namespace finack::gateway
