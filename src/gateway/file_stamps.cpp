#include "gateway/file_stamps.h"

#include <sys/stat.h>

#include "gateway/cluster_settings.h"

namespace finack::gateway {
namespace {

FileStamp stamp_of(const std::string& path) {
  struct stat file{};
  if (path.empty() || ::stat(path.c_str(), &file) != 0) return {};
  constexpr std::int64_t kSecond = 1'000'000'000;
  return {.device = file.st_dev,
          .inode = file.st_ino,
          .bytes = static_cast<std::uint64_t>(file.st_size),
          .changed_ns = file.st_mtim.tv_sec * kSecond + file.st_mtim.tv_nsec};
}

}  // namespace

std::vector<FileStamp> file_stamps(const UpstreamTlsSettings& tls) {
  return {stamp_of(tls.ca), stamp_of(tls.certificate), stamp_of(tls.key)};
}

}  // namespace finack::gateway
