#include "finack/base/intrusive_list.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace finack {
namespace {

struct Item : ListNode {
  explicit Item(char c) : name(c) {}
  char name;
};

std::string names(IntrusiveList<Item>& list) {
  std::string all;
  list.for_each([&](Item& item) { all += item.name; });
  return all;
}

TEST(IntrusiveList, KeepsOrder) {
  IntrusiveList<Item> list;
  Item a('a'), b('b'), c('c');
  EXPECT_TRUE(list.empty());
  list.push_back(a);
  list.push_back(b);
  list.push_back(c);
  EXPECT_EQ(names(list), "abc");
  EXPECT_EQ(&list.pop_front(), &a);
  EXPECT_FALSE(a.linked());
  b.unlink();
  b.unlink();
  EXPECT_EQ(names(list), "c");
}

TEST(IntrusiveList, AMemberThatDiesLeaves) {
  IntrusiveList<Item> list;
  Item a('a');
  list.push_back(a);
  {
    Item b('b');
    list.push_back(b);
    EXPECT_TRUE(b.linked());
  }
  EXPECT_EQ(names(list), "a");
}

TEST(IntrusiveList, AListThatDiesLetsItsMembersGo) {
  Item a('a');
  {
    IntrusiveList<Item> list;
    list.push_back(a);
  }
  EXPECT_FALSE(a.linked());
}

TEST(IntrusiveList, ForEachMayUnlinkTheMemberItIsGiven) {
  IntrusiveList<Item> list;
  Item a('a'), b('b'), c('c');
  for (Item* item : {&a, &b, &c}) list.push_back(*item);
  list.for_each([](Item& item) {
    if (item.name == 'b') item.unlink();
  });
  EXPECT_EQ(names(list), "ac");
}

}  // namespace
}  // namespace finack
