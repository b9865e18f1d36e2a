#pragma once
#include <cstdint>
#include <functional>
#include <memory>

#include "finack/base/clock.h"
#include "finack/base/error.h"
#include "finack/http/exchange.h"
#include "finack/record/ledger.h"
#include "net/loop.h"
#include "record/live_page.h"

namespace finack::server {

/// What one worker's handler stands on. All of it outlives the handler.
struct Seat {
  net::Loop* loop = nullptr;
  record::Ledger* ledger = nullptr;
  record::Ledger* health_ledger = nullptr;  ///< The same ring, but books of health checks.
  record::ConnectionIds* ids = nullptr;
  std::uint32_t worker = 0;
  std::uint32_t workers = 1;      ///< Of its server; their numbers are in a row.
  Nanos wall_offset{0};           ///< Wall clock minus the loop's clock, at the start.
  std::function<void()> emptied;  ///< The handler calls it when empty() became true.
  /// The connections of clients on this worker. Loop thread only, and from none of their calls.
  std::function<void(record::LivePage&)> list_clients;
  /// Ends one of them as operator.killed; false: there is none of that id. Likewise.
  std::function<bool(const record::ConnectionId&)> kill_client;
};

/// A worker's handler that has connections of its own on the worker's loop, which its drain waits
/// for. Loop thread only, but for its construction (before the loop runs) and destruction (after).
class WorkerHandler : public http::Handler {
 public:
  /// A drain begins: lets go of what is free now, and of the rest once it is. Requests in progress
  /// go on, and some may still come.
  virtual void close(record::Cause cause) = 0;
  /// Ends everything now (timeout.drain, operator.shutdown_forced). May come more than once.
  virtual void cut(record::Cause cause) = 0;
  /// Nothing of its own is left on the loop.
  virtual bool empty() const = 0;
};

/// Makes the handler of one worker; called once for each, before any of them runs.
using MakeHandler = std::function<Expected<std::unique_ptr<WorkerHandler>>(const Seat&)>;

}  // namespace finack::server
