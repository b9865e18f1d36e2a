#include "storm/match.h"

#include <gtest/gtest.h>

namespace finack::storm {
namespace {

constexpr std::uint32_t kHere = 0x7f000001;

Contact contact(std::uint16_t port, Behaviour behaviour) {
  return {kHere, port, behaviour, true, false};
}
SeenConnection seen(std::uint16_t port, std::uint64_t sequence) {
  return {kHere, port, sequence, {}};
}

TEST(Match, PairsTheUsesOfOnePortInTheirOrder) {
  const std::vector<Contact> contacts = {contact(5, Behaviour::silent_fin),
                                         contact(6, Behaviour::get_close),
                                         contact(5, Behaviour::silent_rst)};
  // Records come in the order of the endings.
  const std::vector<SeenConnection> records = {seen(5, 30), seen(6, 20), seen(5, 10)};
  const Match found = match(contacts, records);
  ASSERT_EQ(found.pairs.size(), 3U);
  EXPECT_TRUE(found.contacts_alone.empty());
  EXPECT_TRUE(found.seen_alone.empty());
  for (const auto& [c, s] : found.pairs) {
    EXPECT_EQ(contacts[c].port, records[s].port);
    EXPECT_EQ(records[s].sequence, c == 0 ? 10U : c == 1 ? 20U : 30U);
  }
}

TEST(Match, NamesWhatHasNoCounterpart) {
  const std::vector<Contact> contacts = {contact(5, Behaviour::get_close),
                                         contact(7, Behaviour::get_close)};
  const std::vector<SeenConnection> records = {seen(5, 1), seen(5, 2), seen(9, 3)};
  const Match found = match(contacts, records);
  EXPECT_EQ(found.pairs.size(), 1U);
  EXPECT_EQ(found.contacts_alone, std::vector<std::size_t>{1});
  EXPECT_EQ(found.seen_alone, (std::vector<std::size_t>{1, 2}));
}

TEST(Match, KeepsSourceAddressesApart) {
  Contact other = contact(5, Behaviour::get_close);
  other.source = kHere + 1;
  const Match found = match(std::vector<Contact>{other}, std::vector<SeenConnection>{seen(5, 1)});
  EXPECT_TRUE(found.pairs.empty());
  EXPECT_EQ(to_string(other), "127.0.0.2:5");
}

TEST(Match, ReadsPeersAsRecordsPrintThem) {
  SeenConnection out;
  ASSERT_TRUE(parse_peer("127.0.0.16:50312", out));
  EXPECT_EQ(out.source, 0x7f000010U);
  EXPECT_EQ(out.port, 50312);
  for (const char* text : {"", "127.0.0.1", "[::1]:80", "127.0.0.1:", "127.0.0.1:8x", "unix:"}) {
    EXPECT_FALSE(parse_peer(text, out)) << text;
  }
}

}  // namespace
}  // namespace finack::storm
