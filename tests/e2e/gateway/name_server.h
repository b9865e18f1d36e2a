#pragma once
#include <string>
#include <thread>

#include "e2e/support/bounded.h"
#include "finack/base/fd.h"

namespace finack::gateway_matrix {

/// Answers the thread's process tree's DNS questions in a network of the caller's own: either that
/// there is no such name, or nothing at all.
class NameServer {
 public:
  enum class Manner { no_such_name, silent };

  /// Listens on 127.0.0.1:53 and makes it the only name server of the calling thread and of the
  /// processes that it starts (a mount namespace with another resolv.conf). The thread must have
  /// entered a network of its own before. Throws Skipped where that is not allowed.
  NameServer(Manner manner, const std::string& directory);
  ~NameServer();
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;

 private:
  void answer(std::stop_token stop);

  Fd socket_;
  std::jthread thread_;
};

}  // namespace finack::gateway_matrix
