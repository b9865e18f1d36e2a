#include "gateway/spill_buffer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace finack::gateway {
namespace {

constexpr std::size_t kPiece = 64 * 1024;
/// Memory that is kept for the next use.
constexpr std::size_t kKept = 16 * 1024;

/// A file that has no name, or loses it at once where the file system knows no such.
Fd open_unnamed(const std::string& directory) {
  Fd file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600));
  if (file || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return file;
  std::string path = directory + "/finack-XXXXXX";
  file = Fd(::mkostemp(path.data(), O_CLOEXEC));
  if (file) ::unlink(path.c_str());
  return file;
}

}  // namespace

void SpillBuffer::begin(const BufferSettings& bounds, const std::string& directory) {
  bounds_ = bounds;
  directory_ = &directory;
  error_ = 0;
  clear();
}

bool SpillBuffer::full() const {
  return on_disk_ >= bounds_.disk && (on_disk_ > 0 || memory_.size() >= bounds_.memory);
}

record::Cause SpillBuffer::fault() const {
  return error_ == EMFILE || error_ == ENFILE ? record::Cause::resource_descriptors
                                              : record::Cause::resource_disk;
}

bool SpillBuffer::put(std::string_view bytes) {
  const bool to_disk = on_disk_ > 0 || (bounds_.disk > 0 && memory_.size() >= bounds_.memory);
  if (to_disk) return put_on_disk(bytes);
  memory_ += bytes;
  return true;
}

bool SpillBuffer::put_on_disk(std::string_view bytes) {
  if (!file_) file_ = open_unnamed(*directory_);
  if (!file_) {
    error_ = errno;
    return false;
  }
  while (!bytes.empty()) {
    const ssize_t n =
        ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(on_disk_));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      error_ = n < 0 ? errno : EIO;
      return false;
    }
    on_disk_ += static_cast<std::uint64_t>(n);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::optional<std::string_view> SpillBuffer::whole() const {
  if (on_disk_ > 0) return std::nullopt;
  return memory_;
}

std::optional<std::string_view> SpillBuffer::at(std::uint64_t offset) {
  if (offset < memory_.size()) return std::string_view(memory_).substr(offset);
  if (offset >= size()) return std::string_view();
  const std::uint64_t from = offset - memory_.size();
  const std::size_t most = std::min<std::uint64_t>(kPiece, on_disk_ - from);
  if (!piece_) piece_ = std::make_unique_for_overwrite<char[]>(kPiece);
  ssize_t n = -1;
  do {
    n = ::pread(file_.get(), piece_.get(), most, static_cast<off_t>(from));
  } while (n < 0 && errno == EINTR);
  if (n <= 0) {
    error_ = n < 0 ? errno : EIO;
    return std::nullopt;
  }
  return std::string_view(piece_.get(), static_cast<std::size_t>(n));
}

void SpillBuffer::clear() {
  memory_.clear();
  if (memory_.capacity() > kKept) memory_.shrink_to_fit();
  // Where this fails the space stays taken until close(): nothing to be done, and nothing wrong.
  if (on_disk_ > 0 && ::ftruncate(file_.get(), 0) != 0) file_.reset();
  on_disk_ = 0;
}

void SpillBuffer::close() {
  clear();
  file_.reset();
  piece_.reset();
  error_ = 0;
}

}  // namespace finack::gateway
