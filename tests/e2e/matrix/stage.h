#pragma once
#include <utility>
#include <vector>

#include "e2e/support/metrics_page.h"
#include "e2e/support/scene.h"

namespace finack::matrix {

using e2e::Deadline;
using e2e::enter_own_network;
using e2e::Failure;
using e2e::fetch_metrics;
using e2e::MetricsPage;
using e2e::Millis;
using e2e::Peer;
using e2e::Response;
using e2e::Skipped;
using e2e::StreamSight;

struct Expected;

/// The scene of an accepted connection's endings. One thread.
class Stage : public e2e::Scene {
 public:
  using Scene::Scene;

  /// Adds what the peer just connected must leave behind, where only the act can know.
  void expect(Expected expected);
  const std::vector<Expected>& expectations() const { return expected_; }

 private:
  std::vector<Expected> expected_;
};

}  // namespace finack::matrix
