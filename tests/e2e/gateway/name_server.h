#pragma once
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "e2e/support/bounded.h"
#include "finack/base/fd.h"

namespace finack::gateway_matrix {

/// Answers the thread's process tree's DNS questions in a network of the caller's own: that there
/// is no such name, nothing at all, or the addresses it holds.
class NameServer {
 public:
  enum class Manner { no_such_name, silent, addresses };

  /// Listens on 127.0.0.1:53 and makes it the only name server of the calling thread and of the
  /// processes that it starts (a mount namespace with another resolv.conf). The thread must have
  /// entered a network of its own before. Throws Skipped where that is not allowed.
  NameServer(Manner manner, const std::string& directory);
  ~NameServer();
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;

  /// Of Manner::addresses: from now on every name has the addresses 127.0.0.x, for a second each.
  /// At first there is none.
  void hold(std::vector<std::uint8_t> hosts);

 private:
  void answer(std::stop_token stop);
  std::string records(bool of_v4);

  Fd socket_;
  const Manner manner_;
  std::mutex mutex_;
  std::vector<std::uint8_t> hosts_;
  std::jthread thread_;
};

}  // namespace finack::gateway_matrix
