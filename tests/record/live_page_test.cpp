#include "record/live_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "record/connection_id.h"

namespace finack::record {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

LiveConnection connection(std::uint32_t worker, std::uint64_t sequence, Role role = Role::server,
                          Phase phase = Phase::idle) {
  LiveConnection out;
  out.id = {.boot = 1, .worker = worker, .sequence = sequence};
  out.role = role;
  out.phase = phase;
  return out;
}

void show(LivePage& page, const LiveConnection& one) {
  if (page.wants(one.id, one.role, one.phase)) page.add(one);
}

/// "worker-sequence" of each, in order.
std::vector<std::string> taken(LivePage& page) {
  std::vector<std::string> out;
  for (const LiveConnection& one : page.take())
    out.push_back(std::to_string(one.id.worker) + "-" + std::to_string(one.id.sequence));
  return out;
}

TEST(LivePage, KeepsTheFirstOnesInOrder) {
  LivePage page({.limit = 3});
  for (const std::uint64_t sequence : {9, 2, 7, 1, 8, 3}) show(page, connection(1, sequence));
  show(page, connection(0, 99));
  EXPECT_TRUE(page.more());
  EXPECT_THAT(taken(page), ElementsAre("0-99", "1-1", "1-2"));
}

TEST(LivePage, NoMoreThanThereIs) {
  LivePage page({.limit = 2});
  show(page, connection(0, 2));
  show(page, connection(0, 1));
  EXPECT_FALSE(page.more());
  show(page, connection(0, 3));
  EXPECT_TRUE(page.more()) << "it was wanted, but for the room";
}

TEST(LivePage, PagesFollowEachOther) {
  std::vector<std::string> seen;
  std::optional<ConnectionId> after;
  for (bool more = true; more;) {
    LivePage page({.after = after, .limit = 2});
    for (const std::uint32_t worker : {1U, 0U})
      for (const std::uint64_t sequence : {5, 3, 4}) show(page, connection(worker, sequence));
    more = page.more();
    const auto part = page.take();
    after = part.back().id;
    for (const LiveConnection& one : part)
      seen.push_back(std::to_string(one.id.worker) + "-" + std::to_string(one.id.sequence));
  }
  EXPECT_THAT(seen, ElementsAre("0-3", "0-4", "0-5", "1-3", "1-4", "1-5"));
}

TEST(LivePage, FiltersDoNotCount) {
  LivePage page({.role = Role::client, .phase = Phase::pool, .limit = 1});
  show(page, connection(0, 1));
  show(page, connection(0, 2, Role::client, Phase::wait));
  show(page, connection(0, 3, Role::client, Phase::pool));
  show(page, connection(0, 4, Role::server, Phase::pool));
  EXPECT_FALSE(page.more());
  EXPECT_THAT(taken(page), ElementsAre("0-3"));
}

TEST(LivePage, PagesOfWorkersBecomeOne) {
  const LivePage::Asked asked{.limit = 2};
  LivePage all(asked);
  LivePage one(asked);
  LivePage other(asked);
  show(one, connection(1, 1));
  show(other, connection(0, 1));
  all.merge(std::move(one));
  all.merge(std::move(other));
  EXPECT_FALSE(all.more());
  LivePage third(asked);
  for (const std::uint64_t sequence : {2, 3, 4}) show(third, connection(0, sequence));
  all.merge(std::move(third));
  EXPECT_TRUE(all.more());
  EXPECT_THAT(taken(all), ElementsAre("0-1", "0-2"));
}

TEST(ConnectionIdText, IsReadBack) {
  for (const ConnectionId& id : {ConnectionId{0x1a2b3c4d, 0, 1}, ConnectionId{1, 255, 0xabcdef},
                                 ConnectionId{0, 1023, ~std::uint64_t{0}}}) {
    std::string text;
    append_id(text, id);
    const auto read = parse_id(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(read->boot, id.boot);
    EXPECT_EQ(read->worker, id.worker);
    EXPECT_EQ(read->sequence, id.sequence);
  }
}

TEST(ConnectionIdText, OthersAreNone) {
  for (const char* text : {"", "-", "0000000100-", "00000001-1", "000000010-1", "0000000100-1 ",
                           " 0000000100-1", "0000000100-1.1", "0000000100-g", "-000000100-1",
                           "0000000100--1", "00000001fffffffff-1", "0000000100-fffffffffffffffff"})
    EXPECT_FALSE(parse_id(text)) << text;
}

}  // namespace
}  // namespace finack::record
