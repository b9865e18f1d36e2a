#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace finack::gateway {

struct UpstreamTlsSettings;

/// Tells one content of a file from the next, as far as its inode, size and time do.
struct FileStamp {
  std::uint64_t device = 0, inode = 0, bytes = 0;
  std::int64_t changed_ns = 0;

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

/// Of the files that the settings name, in their order, through links; all 0 where there is none.
std::vector<FileStamp> file_stamps(const UpstreamTlsSettings& tls);

}  // namespace finack::gateway
