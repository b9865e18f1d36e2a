// What outlives a cluster of what it is made of.
#include <gtest/gtest.h>

#include "gateway/cluster.h"

namespace finack::gateway {
namespace {

/// An operator's call holds on to a server while a reload retires its cluster.
TEST(ClusterLifetime, AnEjectedServerMayOutliveItsCluster) {
  ClusterSettings settings;
  settings.name = "api";
  for (const char* address : {"127.0.0.1:1", "127.0.0.1:2"})
    settings.servers.push_back({.address = address});
  auto cluster = Cluster::create(settings);
  ASSERT_TRUE(cluster);
  std::shared_ptr<client::UpstreamServer> server = (*cluster)->servers()[0];
  const Instant now{std::chrono::hours(1)};
  ASSERT_TRUE(server->health.eject(now));
  cluster->reset();
  EXPECT_FALSE(server->health.available(now));
  server->health.restore(now);
  EXPECT_TRUE(server->health.available(now));
  EXPECT_TRUE(server->health.eject(now)) << "the places of its cluster are still counted";
  server.reset();
}

}  // namespace
}  // namespace finack::gateway
