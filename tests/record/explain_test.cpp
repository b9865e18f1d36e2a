#include "finack/record/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <string>

namespace finack::record {
namespace {

using testing::HasSubstr;
using testing::Not;

std::size_t code_points(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  return count;
}

std::size_t count_of(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

void expect_good_text(std::string_view word, std::string_view en, std::string_view zh) {
  SCOPED_TRACE(word);
  EXPECT_GE(en.size(), 80U);
  EXPECT_LE(en.size(), 420U);
  EXPECT_GE(code_points(zh), 25U);
  EXPECT_LE(code_points(zh), 200U);
  const std::size_t sentences = count_of(en, ". ") + 1;
  EXPECT_GE(sentences, 2U);
  EXPECT_LE(sentences, 4U);
  EXPECT_TRUE(en.ends_with('.'));
  EXPECT_TRUE(zh.ends_with("。"));
  EXPECT_GE(count_of(zh, "。"), 2U);
  EXPECT_EQ(code_points(en), en.size()) << "English is plain ASCII";
  EXPECT_THAT(std::string(en), Not(HasSubstr("  ")));
}

TEST(Explain, EveryCauseAndFindingHasGoodTextsInBothLanguages) {
  std::map<std::string_view, std::string_view> seen;
  auto expect_unique = [&](std::string_view text, std::string_view word) {
    const auto [at, fresh] = seen.emplace(text, word);
    EXPECT_TRUE(fresh) << word << " says the same as " << at->second;
  };
  for (const CauseInfo& row : all_causes()) {
    expect_good_text(row.name, explain(row.cause, Lang::en), explain(row.cause, Lang::zh));
    expect_unique(explain(row.cause, Lang::en), row.name);
    expect_unique(explain(row.cause, Lang::zh), row.name);
  }
  for (const FindingInfo& row : all_findings()) {
    expect_good_text(row.name, explain(row.finding, Lang::en), explain(row.finding, Lang::zh));
    expect_unique(explain(row.finding, Lang::en), row.name);
    expect_unique(explain(row.finding, Lang::zh), row.name);
  }
}

TEST(Explain, AnEndingWithoutFactsSaysOnlyWhatItsCauseSays) {
  Ending ending;
  ending.cause = Cause::ok_peer_closed_idle;
  EXPECT_EQ(explain(ending, Lang::en), explain(Cause::ok_peer_closed_idle, Lang::en));
  EXPECT_EQ(explain(ending, Lang::zh), explain(Cause::ok_peer_closed_idle, Lang::zh));
}

TEST(Explain, FactsOfTheEndingAreAppended) {
  Ending ending;
  ending.cause = Cause::timeout_body_idle;
  ending.undelivered_bytes = 4096;
  ending.evidence.setting = "timeout-body-idle";
  ending.evidence.setting_value = 30'000'000'000;
  ending.evidence.expected_bytes = 1000;
  ending.evidence.received_bytes = 10;
  ending.evidence.request = 7;
  ending.evidence.first_unacknowledged_request = 6;
  ending.evidence.error = ECONNRESET;
  ending.evidence.certainty = Certainty::inferred;
  const std::string en = explain(ending, Lang::en);
  EXPECT_THAT(en, HasSubstr(" The setting that decided: timeout-body-idle = 30s."));
  EXPECT_THAT(en, HasSubstr(" 10 of 1000 body bytes arrived."));
  EXPECT_THAT(en, HasSubstr(" Up to 4096 bytes were not delivered."));
  EXPECT_THAT(en, HasSubstr(" It happened at request 7 of the connection."));
  EXPECT_THAT(en, HasSubstr("belongs to request 6."));
  EXPECT_THAT(en, HasSubstr("Connection reset by peer (errno 104)."));
  EXPECT_THAT(en, HasSubstr("inferred, not proved"));
  const std::string zh = explain(ending, Lang::zh);
  EXPECT_THAT(zh, HasSubstr("timeout-body-idle = 30s。"));
  EXPECT_THAT(zh, HasSubstr("最多有 4096 字节未送达。"));
  EXPECT_THAT(zh, Not(HasSubstr("bytes were not delivered")));
}

TEST(Explain, TimesPrintInTheirLargestWholeUnit) {
  auto with = [](const char* setting, std::uint64_t value) {
    Ending ending;
    ending.evidence.setting = setting;
    ending.evidence.setting_value = value;
    return explain(ending, Lang::en);
  };
  EXPECT_THAT(with("timeout-tunnel-idle", 3'600'000'000'000), HasSubstr("= 1h."));
  EXPECT_THAT(with("timeout-head", 1'500'000'000), HasSubstr("= 1500ms."));
  EXPECT_THAT(with("linger", 250'000), HasSubstr("= 250us."));
  EXPECT_THAT(with("max-head-bytes", 32768), HasSubstr("max-head-bytes = 32768."));
}

TEST(Explain, LanguagesRoundTrip) {
  EXPECT_EQ(parse_lang(name(Lang::en)), Lang::en);
  EXPECT_EQ(parse_lang(name(Lang::zh)), Lang::zh);
  EXPECT_FALSE(parse_lang("de"));
}

}  // namespace
}  // namespace finack::record
