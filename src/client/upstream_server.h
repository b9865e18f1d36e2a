#pragma once
#include <atomic>
#include <cstdint>
#include <string>

#include "client/learned_keepalive.h"
#include "client/server_health.h"
#include "finack/base/clock.h"
#include "net/dial.h"

namespace finack::client {

/// One server of a cluster, as all workers of the process share it: where it is, its health, what
/// is known of its keep-alive, and how much is under way. Any thread.
struct UpstreamServer {
  UpstreamServer(std::string name_, net::DialTarget target_, const HealthRules& rules,
                 EjectionQuota& quota, Nanos own_keep_alive)
      : name(std::move(name_)),
        target(std::move(target_)),
        health(rules, quota),
        keep_alive(own_keep_alive) {}

  const std::string name;  ///< As records and metrics name it: "127.0.0.1:9001".
  const net::DialTarget target;
  std::uint32_t weight = 1;
  bool backup = false;  ///< Used only while no other server is available.

  ServerHealth health;
  LearnedKeepAlive keep_alive;
  std::atomic<std::uint32_t> requests_live{0};     ///< Tries under way.
  std::atomic<std::uint32_t> connections_live{0};  ///< Dialing, busy and pooled.
  std::atomic<Nanos::rep> rtt{0};                  ///< Smoothed round trip; 0: not known.
};

}  // namespace finack::client
