#include "finack/base/slab.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace finack {
namespace {

TEST(Slab, ObjectsStayWhereTheyAre) {
  Slab<std::string, 1024> slab;  // a few places a block, so that it needs several
  std::vector<std::string*> made;
  for (int i = 0; i < 50; ++i) made.push_back(slab.make(std::to_string(i) + std::string(40, '.')));
  EXPECT_EQ(slab.live(), 50u);
  EXPECT_EQ(std::set<std::string*>(made.begin(), made.end()).size(), 50u);
  for (int i = 0; i < 50; ++i) {
    std::string* const object = made[static_cast<std::size_t>(i)];
    EXPECT_EQ(object->substr(0, object->find('.')), std::to_string(i));
    slab.destroy(object);
  }
  EXPECT_EQ(slab.live(), 0u);
}

TEST(Slab, TheLastFreedIsReusedFirst) {
  Slab<int> slab;
  int* a = slab.make(1);
  int* b = slab.make(2);
  slab.destroy(a);
  EXPECT_EQ(slab.make(3), a);
  slab.destroy(b);
  slab.destroy(a);
}

TEST(Slab, ForEachMeetsTheLiveOnesAndMayDestroyThem) {
  Slab<int, 1024> slab;
  std::vector<int*> made;
  for (int i = 0; i < 600; ++i) made.push_back(slab.make(i));
  for (std::size_t i = 0; i < made.size(); i += 3) slab.destroy(made[i]);
  std::set<int> met;
  slab.for_each([&](int& value) {
    met.insert(value);
    slab.destroy(&value);
  });
  EXPECT_EQ(met.size(), 400u);
  EXPECT_EQ(met.count(3), 0u);
  EXPECT_EQ(slab.live(), 0u);
}

TEST(Slab, TouchesLittleMoreMemoryThanItsObjectsTake) {
  struct Idle {
    std::byte bytes[248];
  };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP()
      << "\n*** SKIPPED: a sanitizer's shadow memory counts too; the release build tests it\n";
#endif
  std::ifstream huge("/sys/kernel/mm/transparent_hugepage/enabled");
  if (std::string mode; std::getline(huge, mode) && mode.contains("[always]"))
    GTEST_SKIP() << "\n*** SKIPPED: huge pages are touched whole on this host\n";
  const auto dirty = [] {
    std::ifstream file("/proc/self/smaps_rollup");
    for (std::string line; std::getline(file, line);)
      if (line.starts_with("Private_Dirty:")) return std::stoull(line.substr(14)) * 1024;
    return 0ULL;
  };
  constexpr std::size_t kObjects = 40'000;
  std::vector<Idle*> made(kObjects);  // its own pages are touched before
  Slab<Idle> slab;
  const auto before = dirty();
  if (before == 0)
    GTEST_SKIP() << "\n*** SKIPPED: no Private_Dirty in /proc/self/smaps_rollup here\n";
  for (Idle*& object : made) object = slab.make();
  // A page in front of each block would be 15 bytes an object; one block may be barely begun.
  EXPECT_LT(dirty() - before, kObjects * (sizeof(Idle) + 5));
  for (Idle* object : made) slab.destroy(object);
}

TEST(Slab, DestroysTheObject) {
  struct Counted {
    explicit Counted(int& deaths) : deaths_(deaths) {}
    ~Counted() { ++deaths_; }
    int& deaths_;
  };
  int deaths = 0;
  Slab<Counted> slab;
  slab.destroy(slab.make(deaths));
  EXPECT_EQ(deaths, 1);
}

}  // namespace
}  // namespace finack
