#pragma once
#include <functional>
#include <vector>

#include "gateway/worker_cluster.h"
#include "record/live_page.h"

namespace finack::admin {

/// One worker of a gateway, as its operator looks into it. All calls but post() on its own thread.
class Worker {
 public:
  /// Runs `fn` on the worker's thread, soon; any thread. A worker that has ended runs it never.
  virtual void post(std::move_only_function<void()> fn) = 0;

  /// Adds its connections to clients and to servers.
  virtual void list(record::LivePage& page) = 0;
  /// Ends one as operator.killed; false: there is none of that id here.
  virtual bool kill(const record::ConnectionId& id) = 0;
  virtual std::vector<gateway::ClusterShare> shares() = 0;
  /// Servers were drained or restored.
  virtual void follow_drains() = 0;

 protected:
  ~Worker() = default;
};

}  // namespace finack::admin
