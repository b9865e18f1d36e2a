#include "config/differences.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace finack::config {
namespace {

struct Inner {
  std::string text;
  std::optional<std::uint32_t> count;
};

struct Outer {
  bool flag = false;
  Inner group;
  std::optional<Inner> section;
  std::vector<Inner> items;
  std::vector<Inner> named;
  Scope::Texts texts;
};

void describe_inner(Scope& scope, Inner& inner) {
  scope.rows().group("G", "");
  scope.rows().text(key("text", "", "none"), inner.text);
  Row count = key("count", "");
  count.unset = "none";
  scope.rows().count(count, inner.count, 1, 9);
}

void describe_outer(Scope& scope, Outer& outer) {
  scope.rows().group("G", "");
  scope.rows().flag(key("flag", ""), outer.flag);
  scope.group({.key = "group", .doc = ""}, outer.group, &describe_inner);
  scope.section({.key = "section", .doc = ""}, outer.section, &describe_inner);
  scope.items({.key = "items", .doc = "", .noun = "item"}, outer.items, &describe_inner);
  scope.named({.key = "named", .doc = "", .noun = "name"}, outer.named, &Inner::text,
              &describe_inner);
  scope.texts({.key = "texts", .doc = "", .noun = "text"}, outer.texts, {});
}

std::vector<std::string> between(Outer before, Outer after) {
  Scope old_scope;
  Scope new_scope;
  describe_outer(old_scope, before);
  describe_outer(new_scope, after);
  return differences(old_scope, new_scope, "o");
}

TEST(Differences, AreNamedByTheirPath) {
  using testing::ElementsAre;
  const Outer full{.flag = true,
                   .group = {"a", 1},
                   .section = Inner{"b", 2},
                   .items = {{"c", 3}, {"d", {}}},
                   .named = {{"e", 4}},
                   .texts = {{"k", "v"}}};
  EXPECT_THAT(between(full, full), ElementsAre());
  const std::tuple<void (*)(Outer&), const char*> changes[] = {
      {[](Outer& o) { o.flag = false; }, "o.flag"},
      {[](Outer& o) { o.group.text = "x"; }, "o.group.text"},
      {[](Outer& o) { o.group.count.reset(); }, "o.group.count"},
      {[](Outer& o) { o.section.reset(); }, "o.section"},
      {[](Outer& o) { o.section->count = 9; }, "o.section.count"},
      {[](Outer& o) { o.items[1].text = "x"; }, "o.items[1].text"},
      {[](Outer& o) { o.items[1].count = 1; }, "o.items[1].count"},
      {[](Outer& o) { o.items.pop_back(); }, "o.items"},
      {[](Outer& o) { o.named[0].text = "f"; }, "o.named"},
      {[](Outer& o) { o.named[0].count = 5; }, "o.named.e.count"},
      {[](Outer& o) { o.texts[0].second = "w"; }, "o.texts"},
  };
  for (const auto& [change, path] : changes) {
    Outer other = full;
    change(other);
    EXPECT_THAT(between(full, other), ElementsAre(path));
    EXPECT_THAT(between(other, full), ElementsAre(path));
  }
}

}  // namespace
}  // namespace finack::config
