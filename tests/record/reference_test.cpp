#include "finack/record/reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace finack::record {
namespace {

using testing::HasSubstr;

std::size_t count_of(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

TEST(Reference, NamesEveryWordOnceAsAHeadingInBothLanguages) {
  for (const Lang lang : {Lang::en, Lang::zh}) {
    const std::string page = endings_reference_markdown(lang);
    for (const CauseInfo& row : all_causes()) {
      EXPECT_EQ(count_of(page, "| `" + std::string(row.name) + "` |"), 1U) << row.name;
      EXPECT_THAT(page, HasSubstr(std::string(explain(row.cause, lang))));
    }
    for (const FindingInfo& row : all_findings()) {
      EXPECT_THAT(page, HasSubstr("### " + std::string(row.name) + "\n"));
      EXPECT_THAT(page, HasSubstr(std::string(explain(row.finding, lang))));
    }
    for (std::size_t i = 0; i < kPhaseCount; ++i) {
      EXPECT_THAT(page, HasSubstr("`" + std::string(name(static_cast<Phase>(i))) + "`"));
    }
    EXPECT_TRUE(page.ends_with('\n') && !page.ends_with("\n\n"));
  }
  EXPECT_THAT(endings_reference_markdown(Lang::en),
              HasSubstr("| `ok.completed` | S C | b | flush; C: body | normal |"));
  EXPECT_THAT(endings_reference_markdown(Lang::en),
              HasSubstr("| `timeout.drain` | S C | b | any |"));
}

}  // namespace
}  // namespace finack::record
