#include "finack/sinks/line_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

namespace finack::sinks {
namespace {

constexpr std::size_t kWriteAt = 64 * 1024;

std::uint64_t lines_in(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

/// A killed process may have left the beginning of a line at the end of a regular file.
bool ends_in_half_a_line(int fd, const std::string& path) {
  struct stat facts{};
  if (::fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_size == 0) return false;
  const Fd reader(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char last = '\n';
  return reader && ::pread(reader.get(), &last, 1, facts.st_size - 1) == 1 && last != '\n';
}

struct Written {
  std::size_t bytes = 0;
  int error = 0;
};

/// The beginning of `bytes` that a pipe takes in one piece (pipe(7)): whole lines of PIPE_BUF bytes
/// together, or one that is longer.
std::string_view one_piece(std::string_view bytes) {
  if (bytes.size() <= PIPE_BUF) return bytes;
  std::size_t end = bytes.rfind('\n', PIPE_BUF - 1);
  if (end == std::string_view::npos) end = bytes.find('\n');
  return bytes.substr(0, end == std::string_view::npos ? end : end + 1);
}

/// Writes all of it, or says how far it came and why not further.
Written write_all(int fd, bool pipe, std::string_view bytes) {
  Written result;
  while (result.bytes < bytes.size()) {
    const std::string_view rest = bytes.substr(result.bytes);
    const std::string_view piece = pipe ? one_piece(rest) : rest;
    const ssize_t n = ::write(fd, piece.data(), piece.size());
    if (n > 0) {
      result.bytes += static_cast<std::size_t>(n);
    } else if (n < 0 && errno == EAGAIN) {
      // Standard output may have been made non-blocking by whoever shares it with us.
      pollfd waiting{.fd = fd, .events = POLLOUT, .revents = 0};
      ::poll(&waiting, 1, -1);
    } else if (n == 0 || errno != EINTR) {
      result.error = n == 0 ? EIO : errno;
      return result;
    }
  }
  return result;
}

}  // namespace

Expected<Fd> LineWriter::open_file(const std::string& path) {
  const int fd = path == "-"
                     ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                     : ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return std::unexpected(system_error("cannot open " + path + " for writing", errno));
  return Fd(fd);
}

LineWriter::LineWriter(Fd fd, std::string path, Trouble trouble, Report report)
    : path_(std::move(path)), trouble_(std::move(trouble)), report_(std::move(report)) {
  adopt(std::move(fd));
  buffer_.reserve(kWriteAt + 8 * 1024);
}

LineWriter::~LineWriter() { flush(); }

void LineWriter::adopt(Fd fd) {
  fd_ = std::move(fd);
  cut_is_ours_ = !ends_in_half_a_line(fd_.get(), path_);
  cut_ = cut_is_ours_ ? "" : "\n";
  struct stat facts{};
  pipe_ = ::fstat(fd_.get(), &facts) == 0 && S_ISFIFO(facts.st_mode);
}

void LineWriter::line_done() {
  if (buffer_.size() >= kWriteAt) flush();
}

void LineWriter::report_lost(std::uint64_t count) { unreported_ += count; }

bool LineWriter::owes() const {
  return failing_ || (unreported_ != 0 && report_) || (cut_is_ours_ && !cut_.empty());
}

void LineWriter::flush() {
  if (!buffer_.empty()) {
    if (!cut_.empty() && !write_cut()) return;
    const Written done = write_all(fd_.get(), pipe_, buffer_);
    if (done.error != 0) return drop_rest(done.bytes, done.error);
    written_ += lines_in(buffer_);
    buffer_.clear();
  } else if (cut_is_ours_ && !cut_.empty() && !write_cut()) {
    return;
  }
  if (unreported_ != 0 && report_) {
    write_report();
  } else {
    recovered();
  }
}

bool LineWriter::write_cut() {
  const Written done = write_all(fd_.get(), pipe_, cut_);
  cut_.erase(0, done.bytes);
  if (done.error != 0) {
    drop_rest(0, done.error);
    return false;
  }
  if (std::exchange(cut_is_ours_, true)) ++written_;
  return true;
}

void LineWriter::write_report() {
  std::string line;
  report_(line, unreported_);
  const Written done = write_all(fd_.get(), pipe_, line);
  if (done.bytes == 0) return;  // Tried again at the next flush.
  unreported_ = 0;
  cut_ = line.substr(done.bytes);
  if (!cut_.empty()) return;
  ++written_;
  recovered();
}

void LineWriter::recovered() {
  if (std::exchange(failing_, false) && trouble_) {
    trouble_(path_ + " can be written again; " + std::to_string(dropped()) +
             " lines were lost since the start");
  }
}

void LineWriter::drop_rest(std::size_t written, int error) {
  const std::string_view all = buffer_;
  std::string_view rest = all.substr(written);
  written_ += lines_in(all.substr(0, written));
  if (written != 0 && all[written - 1] != '\n') {
    // The file holds the beginning of this line; its rest is written before anything else.
    const std::size_t end = rest.find('\n') + 1;
    cut_ = rest.substr(0, end);
    rest.remove_prefix(end);
  }
  const std::uint64_t lost = lines_in(rest);
  dropped_ += lost;
  unreported_ += lost;
  buffer_.clear();
  if (!std::exchange(failing_, true) && trouble_) {
    trouble_("cannot write to " + path_ + ": " + std::strerror(error) +
             "; lines are dropped and counted until it works again");
  }
}

Expected<void> LineWriter::reopen() {
  if (path_.empty() || path_ == "-") return {};
  auto fresh = open_file(path_);
  if (!fresh) return std::unexpected(std::move(fresh.error()));
  if (!cut_.empty() && cut_is_ours_) {
    // Last chance to complete the old file; the line counts as lost when it fails.
    if (write_all(fd_.get(), pipe_, cut_).error == 0) {
      ++written_;
    } else {
      ++dropped_;
      ++unreported_;
    }
  }
  adopt(std::move(*fresh));
  return {};
}

}  // namespace finack::sinks
