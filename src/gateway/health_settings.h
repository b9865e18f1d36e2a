#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "finack/base/clock.h"

namespace finack::gateway {

/// Statuses from low to high.
struct StatusRange {
  int low = 200;
  int high = 399;

  friend bool operator==(const StatusRange&, const StatusRange&) = default;
};

enum class CheckKind : std::uint8_t { http, tcp };

/// A question asked of each server again and again.
struct ActiveCheckSettings {
  CheckKind kind = CheckKind::http;
  std::string path = "/";  ///< Of the GET.
  std::string host;        ///< Its Host; empty: the server's address.
  std::vector<StatusRange> expected = {StatusRange()};
  Nanos interval = std::chrono::seconds(5);
  Nanos timeout = std::chrono::seconds(2);
  std::uint32_t fall = 3;  ///< Failed checks in a row before it is down.
  std::uint32_t rise = 2;  ///< Passed checks in a row before it is up again.
  bool starts_up = true;   ///< Before the first check.

  friend bool operator==(const ActiveCheckSettings&, const ActiveCheckSettings&) = default;
};

/// Outlier ejection, by what requests met.
struct PassiveHealthSettings {
  std::uint32_t eject_after = 5;                 ///< Failures in a row; 0: never.
  Nanos eject_for = std::chrono::seconds(10);    ///< Times the number of ejections so far,
  Nanos eject_most = std::chrono::seconds(300);  ///< up to this.
  std::uint32_t eject_percent = 50;              ///< At most this share of a cluster's servers.
  Nanos slow_start{0};  ///< A server that comes back gets its share gradually over this time.

  friend bool operator==(const PassiveHealthSettings&, const PassiveHealthSettings&) = default;
};

struct HealthSettings {
  std::optional<ActiveCheckSettings> active;  ///< None: requests alone tell.
  PassiveHealthSettings passive;

  friend bool operator==(const HealthSettings&, const HealthSettings&) = default;
};

}  // namespace finack::gateway
