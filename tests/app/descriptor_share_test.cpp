#include "app/descriptor_share.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace finack::app {
namespace {

TEST(DescriptorShare, keeps_some_back_for_health_and_files) {
  const DescriptorShare usual = share_descriptors(1024, 24, 2);
  EXPECT_EQ(usual.traffic, 1000U - 62 - 32);
  EXPECT_EQ(usual.side, 20U);
  const DescriptorShare large = share_descriptors(1'048'576, 76, 4);
  EXPECT_EQ(large.traffic, 1'048'500U - 256 - 64) << "no more than so many are ever needed";
  EXPECT_EQ(large.side, 85U);
}

TEST(DescriptorShare, all_shares_fit_into_a_small_limit) {
  for (std::uint64_t limit = 48; limit < 4'000; ++limit) {
    const DescriptorShare share = share_descriptors(limit, 20, 8);
    ASSERT_GE(share.traffic, 1U);
    ASSERT_GE(share.side, 4U);
    ASSERT_LE(20 + share.traffic + 2 * share.side, limit);
  }
}

TEST(DescriptorShare, a_gateway_keeps_one_for_a_server_behind_each_client) {
  for (std::uint64_t limit = 48; limit < 4'000; ++limit) {
    const DescriptorShare share = share_descriptors(limit, 20, 8, true);
    ASSERT_GE(share.traffic, 1U);
    ASSERT_LE(20 + 2 * share.traffic + 2 * share.side, limit);
    ASSERT_EQ(share.side, share_descriptors(limit, 20, 8).side);
  }
  EXPECT_EQ(share_descriptors(1024, 24, 2, true).traffic, (1000U - 62 - 32) / 2);
  EXPECT_EQ(share_descriptors(20, 20, 1, true).traffic, 1U);
}

TEST(DescriptorShare, one_connection_is_always_allowed) {
  EXPECT_EQ(share_descriptors(20, 20, 1).traffic, 1U);
  EXPECT_EQ(share_descriptors(10, 20, 1).traffic, 1U);
}

TEST(DescriptorShare, without_a_limit_nothing_is_shared_out) {
  const DescriptorShare share = share_descriptors(RLIM_INFINITY, 20, 1);
  EXPECT_EQ(share.traffic, 0U);
  EXPECT_EQ(share.side, 0U);
}

}  // namespace
}  // namespace finack::app
