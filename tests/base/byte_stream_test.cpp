#include "finack/base/byte_stream.h"

#include <gtest/gtest.h>

namespace finack {
namespace {

TcpFacts facts() {
  TcpFacts facts;
  facts.valid = true;
  return facts;
}

TEST(PeerGone, retransmits_of_unacknowledged_segments_say_so) {
  TcpFacts f = facts();
  f.unacked_segments = 3;
  f.retransmits = 2;
  f.last_ack_recv_ms = 20'000;
  EXPECT_TRUE(peer_gone(f));
}

TEST(PeerGone, unanswered_probes_and_an_old_acknowledgement_say_so) {
  TcpFacts f = facts();
  f.probes = 2;
  f.last_ack_recv_ms = 20'000;
  EXPECT_TRUE(peer_gone(f));
}

TEST(PeerGone, a_closed_window_that_is_acknowledged_is_slowness) {
  TcpFacts f = facts();
  f.notsent_bytes = 100'000;
  f.probes = 1;
  f.last_ack_recv_ms = 200;
  EXPECT_FALSE(peer_gone(f));
  f.total_retransmits = 5;  // some time ago
  EXPECT_FALSE(peer_gone(f));
}

TEST(PeerGone, segments_on_their_way_are_no_proof) {
  TcpFacts f = facts();
  f.unacked_segments = 10;
  EXPECT_FALSE(peer_gone(f));
}

TEST(PeerGone, without_facts_nobody_is_gone) {
  TcpFacts f = facts();
  f.unacked_segments = 1;
  f.retransmits = 5;
  f.valid = false;
  EXPECT_FALSE(peer_gone(f));
}

}  // namespace
}  // namespace finack
