// What answers of the DNS make of a cluster's servers: no socket, no clock.
#include "gateway/cluster_servers.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "finack/base/address.h"

namespace finack::gateway {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

ClusterSettings settings(std::vector<UpstreamServerSettings> servers) {
  ClusterSettings out;
  out.name = "api";
  out.servers = std::move(servers);
  return out;
}

Address at(std::string_view text) { return parse_address(text).value_or(Address{}); }

class ClusterServersTest : public ::testing::Test {
 protected:
  void use(ClusterSettings with) {
    settings_ = std::move(with);
    servers_.emplace(settings_, nullptr);
  }
  ServerChange answer(const std::vector<std::string>& texts, std::size_t name = 0) {
    std::vector<Address> addresses;
    for (const std::string& text : texts) addresses.push_back(at(text));
    return servers_->take_answer(servers_->names()[name], addresses, now_, now_ + 30s);
  }
  ClusterServers::List list() const { return *servers_->board().current().first; }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& one : list()) out.push_back(one->name);
    return out;
  }

  ClusterSettings settings_;
  std::optional<ClusterServers> servers_;
  Instant now_{1h};
};

TEST_F(ClusterServersTest, ANameIsResolvedByEachDialUntilItsFirstAnswer) {
  use(settings({{.address = "10.0.0.9:80"}, {.address = "api.test:80"}}));
  ASSERT_EQ(servers_->names().size(), 1U);
  EXPECT_EQ(servers_->names()[0].entry, 1U);
  EXPECT_EQ(servers_->names()[0].host, "api.test");
  EXPECT_EQ(servers_->names()[0].port, 80);
  EXPECT_THAT(names(), ElementsAre("10.0.0.9:80", "api.test:80"));
  EXPECT_THAT(list()[1]->target.addresses, IsEmpty());
  EXPECT_EQ(list()[1]->target.host, "api.test");
  EXPECT_EQ(list()[1]->origin, "api.test:80");
  EXPECT_EQ(list()[0]->origin, "");
}

TEST_F(ClusterServersTest, EachAddressIsAServerWithTheEntrysShare) {
  use(settings({{.address = "api.test:80", .weight = 3, .backup = true}}));
  const ServerChange change = answer({"10.0.0.2:80", "10.0.0.1:80"});
  EXPECT_THAT(names(), ElementsAre("10.0.0.1:80", "10.0.0.2:80"));
  EXPECT_THAT(change.came, ElementsAre("10.0.0.1:80", "10.0.0.2:80"));
  EXPECT_THAT(change.left, ElementsAre("api.test:80"));
  for (const auto& one : list()) {
    EXPECT_EQ(one->weight, 3U);
    EXPECT_TRUE(one->backup);
    EXPECT_EQ(one->origin, "api.test:80");
    EXPECT_EQ(one->target.addresses.size(), 1U);
    EXPECT_EQ(one->health.warmth(now_), 1) << "all of them begin";
  }
}

TEST_F(ClusterServersTest, WhatStaysKeepsItsState) {
  use(settings({{.address = "api.test:80"}}));
  settings_.health.passive.slow_start = 10s;
  answer({"10.0.0.1:80", "10.0.0.2:80"});
  const auto before = list();
  before[1]->keep_alive.advertised(5s);
  const std::uint64_t number = servers_->board().number();
  const ServerChange change = answer({"10.0.0.3:80", "10.0.0.2:80"});
  EXPECT_THAT(names(), ElementsAre("10.0.0.2:80", "10.0.0.3:80"));
  EXPECT_THAT(change.came, ElementsAre("10.0.0.3:80"));
  EXPECT_THAT(change.left, ElementsAre("10.0.0.1:80"));
  EXPECT_EQ(list()[0], before[1]);
  EXPECT_GT(servers_->board().number(), number);
  EXPECT_LT(list()[1]->health.warmth(now_), 1) << "it joins servers that are at work";
  EXPECT_EQ(list()[0]->health.warmth(now_), 1);
}

TEST_F(ClusterServersTest, TheOrderOfAnAnswerIsNoNews) {
  use(settings({{.address = "api.test:80"}}));
  answer({"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"});
  const auto before = list();
  const std::uint64_t number = servers_->board().number();
  const ServerChange change = answer({"10.0.0.3:80", "10.0.0.1:80", "10.0.0.2:80"});
  EXPECT_THAT(change.came, IsEmpty());
  EXPECT_THAT(change.left, IsEmpty());
  EXPECT_EQ(servers_->board().number(), number) << "nobody has to look";
  EXPECT_EQ(list(), before);
}

/// One IPv4 and one IPv6 address are ways to one host: "localhost" would fail every second time
/// where a server listens on one of them alone.
TEST_F(ClusterServersTest, OneAddressOfEachFamilyIsOneServer) {
  use(settings({{.address = "localhost:80"}}));
  answer({"127.0.0.1:80", "[::1]:80"});
  EXPECT_THAT(names(), ElementsAre("localhost:80"));
  ASSERT_EQ(list()[0]->target.addresses.size(), 2U);
  EXPECT_EQ(list()[0]->target.addresses[0].address, at("[::1]:80")) << "RFC 8305";
  const auto before = list();
  answer({"[::1]:80", "127.0.0.1:80"});
  EXPECT_EQ(list(), before);
  answer({"127.0.0.1:80"});
  EXPECT_THAT(names(), ElementsAre("127.0.0.1:80"));
  answer({"127.0.0.1:80", "127.0.0.2:80", "[::1]:80"});
  EXPECT_THAT(names(), ElementsAre("127.0.0.1:80", "127.0.0.2:80", "[::1]:80"));
}

TEST_F(ClusterServersTest, AnAddressIsOneServerHoweverOftenItIsFound) {
  use(settings({{.address = "a.test:80"}, {.address = "b.test:80"}, {.address = "10.0.0.1:80"}}));
  answer({"10.0.0.1:80", "10.0.0.2:80"}, 0);
  answer({"10.0.0.2:80", "10.0.0.3:80"}, 1);
  EXPECT_THAT(names(), ElementsAre("10.0.0.2:80", "10.0.0.3:80", "10.0.0.1:80"));
  EXPECT_EQ(list()[0]->origin, "a.test:80") << "the first entry's";
  EXPECT_EQ(list()[2]->origin, "") << "what is written goes before what is found";
  answer({"10.0.0.4:80"}, 0);
  EXPECT_THAT(names(), ElementsAre("10.0.0.4:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.1:80"));
  EXPECT_EQ(list()[1]->origin, "b.test:80") << "it is the other's now";
}

TEST_F(ClusterServersTest, AFailureChangesNothingButIsKnown) {
  use(settings({{.address = "api.test:80"}}));
  servers_->note_failure(servers_->names()[0], net::ResolveError::timed_out, now_ + 1s);
  EXPECT_THAT(names(), ElementsAre("api.test:80"));
  EXPECT_EQ(servers_->name_states()[0].error, net::ResolveError::timed_out);
  EXPECT_FALSE(servers_->name_states()[0].answered);
  answer({"10.0.0.1:80"});
  servers_->note_failure(servers_->names()[0], net::ResolveError::not_found, now_ + 2s);
  EXPECT_THAT(names(), ElementsAre("10.0.0.1:80"));
  const NameState state = servers_->name_states()[0];
  EXPECT_EQ(state.text, "api.test:80");
  EXPECT_EQ(state.answers, 1U);
  EXPECT_EQ(state.failures, 2U);
  EXPECT_EQ(state.error, net::ResolveError::not_found);
  EXPECT_EQ(state.answered, now_);
  EXPECT_EQ(state.next, now_ + 2s);
  EXPECT_THAT(state.addresses, ElementsAre(at("10.0.0.1:80")));
}

TEST_F(ClusterServersTest, ServersThatComeMayBeEjectedInTheirNumber) {
  use(settings({{.address = "api.test:80"}}));
  EXPECT_FALSE(list()[0]->health.eject(now_)) << "the only one";
  answer({"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80"});
  EXPECT_TRUE(list()[0]->health.eject(now_));
  EXPECT_TRUE(list()[1]->health.eject(now_));
  EXPECT_FALSE(list()[2]->health.eject(now_)) << "half of them";
  answer({"10.0.0.3:80", "10.0.0.4:80"});
  EXPECT_TRUE(list()[0]->health.eject(now_)) << "who left holds no place";
  EXPECT_FALSE(list()[1]->health.eject(now_));
}

/// Workers look whenever they like, each on a thread of its own.
TEST_F(ClusterServersTest, WorkersLookWhileAnswersCome) {
  use(settings({{.address = "a.test:80"}, {.address = "b.test:80"}}));
  std::atomic<int> news = 0;
  std::atomic<bool> over = false;
  std::vector<std::jthread> threads;
  for (int worker = 0; worker < 3; ++worker) {
    threads.emplace_back([&] {
      const Board<ClusterServers::List>::Reader reader(servers_->board(), [&] { ++news; });
      std::uint64_t seen = 0;
      while (!over) {
        if (servers_->board().number() == seen) continue;
        const auto [list, number] = servers_->board().current();
        EXPECT_GT(number, seen);
        seen = number;
        EXPECT_GE(list->size(), 2U);
        for (const auto& one : *list) {
          one->health.available(now_);
          one->requests_live.fetch_add(1, std::memory_order_relaxed);
        }
        EXPECT_EQ(servers_->name_states().size(), 2U);
      }
    });
  }
  // Each name has an owner of its own.
  std::vector<std::jthread> owners;
  for (std::size_t name = 0; name < 2; ++name) {
    owners.emplace_back([this, name] {
      for (int i = 0; i < 200; ++i) {
        const std::string host = fmt::format("10.0.{}.{}:80", name, i % 3);
        answer({host, fmt::format("10.0.{}.9:80", name)}, name);
        servers_->note_failure(servers_->names()[name], net::ResolveError::timed_out, now_);
      }
    });
  }
  owners.clear();
  over = true;
  threads.clear();
  EXPECT_EQ(list().size(), 4U);
  EXPECT_EQ(servers_->name_states()[1].answers, 200U);
}

TEST_F(ClusterServersTest, WithoutAllAddressesANameStaysOneServer) {
  ClusterSettings with = settings({{.address = "api.test:80"}});
  with.resolve = {.least = 2s, .most = 9s, .family = AddressFamily::v6, .all_addresses = false};
  use(with);
  EXPECT_THAT(servers_->names(), IsEmpty());
  const net::LookupOptions& lookup = list()[0]->target.lookup;
  EXPECT_EQ(lookup.family, Address::Family::v6);
  ASSERT_TRUE(lookup.ttl);
  EXPECT_EQ(lookup.ttl->clamp(1s), 2s);
  EXPECT_EQ(lookup.ttl->clamp(1h), 9s);
  with.resolve.refresh = 5s;
  use(with);
  EXPECT_EQ(list()[0]->target.lookup.ttl->clamp(1s), 5s);
  EXPECT_EQ(list()[0]->target.lookup.ttl->clamp(1h), 5s);
}

}  // namespace
}  // namespace finack::gateway
