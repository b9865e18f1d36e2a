#include "finack/record/reference.h"

#include <fmt/format.h>

#include <array>
#include <iterator>

#include "finack/record/timer_kind.h"

namespace finack::record {
namespace {

/// Writes Markdown in one of two languages.
class Page {
 public:
  explicit Page(Lang lang) : lang_(lang) {}

  std::string_view say(std::string_view en, std::string_view zh) const {
    return lang_ == Lang::zh ? zh : en;
  }
  template <class... Args>
  void put(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }
  Lang lang() const { return lang_; }
  std::string take() { return std::move(text_); }

 private:
  Lang lang_;
  std::string text_;
};

/// A cell of a table: bars would end it.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string phase_words(const CauseInfo& row) {
  std::string words;
  auto add = [&](std::string_view word) {
    if (!words.empty()) words += ' ';
    words += word;
  };
  auto list = [&](PhaseSet set, PhaseSet all) {
    if (set == all) {
      add("any");
      return;
    }
    for (std::size_t i = 0; i < kPhaseCount; ++i) {
      if (set.contains(static_cast<Phase>(i))) add(name(static_cast<Phase>(i)));
    }
  };
  if (row.server) list(row.server_phases, server_phases());
  const bool any_of_both =
      row.server_phases == server_phases() && row.client_phases == client_phases();
  const bool same = row.server && (row.client_phases == row.server_phases || any_of_both);
  if (row.client && !same) {
    if (row.server) words += "; C:";
    list(row.client_phases, client_phases());
  }
  return words;
}

std::string_view ends_word(const CauseInfo& row) {
  if (row.ends_connection && row.ends_request) return "b";
  return row.ends_connection ? "c" : "r";
}

std::string_view roles_word(const CauseInfo& row) {
  if (row.server && row.client) return "S C";
  return row.server ? "S" : "C";
}

template <class E, std::size_t N>
void list_words(Page& page, std::string_view title, std::string_view meaning) {
  page.put("- **{}**: {}", title, meaning);
  for (std::size_t i = 0; i < N; ++i) {
    page.put("{}`{}`", i == 0 ? " " : ", ", name(static_cast<E>(i)));
  }
  page.put("\n");
}

constexpr std::string_view kIntroEn = R"(# Endings

<!-- Generated from the tables in the code. Do not edit. -->

Every connection, accepted or dialed, and every request on it ends with exactly one ending. An
ending says who performed the deciding act, how, in which phase, for which cause, and what was
delivered. The lists on this page are closed: records, metrics, logs and the command line use these
words and no others.

## How to read an ending

Read `cause` first: it names whoever first decided that the connection or request ends. `ended_by`
and `how` say by which act, `phase` says what was going on at that moment, `delivered` and
`undelivered_bytes` say what the other side can have seen, and `evidence` holds what proves it. A
timer of ours is `local` even when the peer's silence made it fire. `undelivered_bytes` is an upper
bound: a byte that was not acknowledged may have arrived.

A cause whose family is `ok` needs no attention. `unknown` and `bug.*` are bugs in Finack: please
report them.

## The closed lists

)";

// One line a paragraph: a line break between Chinese characters would be shown as a space.
constexpr std::string_view kIntroZh =
    "# 结局\n\n"
    "<!-- 由代码中的表生成，请勿手工编辑。 -->\n\n"
    "每条连接（接受的或拨出的）以及其上的每个请求，都恰好以一个结局告终。"
    "结局说明：谁做出了决定性动作、以何种方式、处于哪个阶段、"
    "出于什么原因，以及交付了什么。"
    "本页的列表是封闭的：记录、指标、日志和命令行只使用这些词。\n\n"
    "## 如何阅读结局\n\n"
    "先看 `cause`：它指出是谁最先决定结束该连接或请求。"
    "`ended_by` 与 `how` 说明通过什么动作，`phase` 说明当时正在进行什么，"
    "`delivered` 与 `undelivered_bytes` 说明对方可能看到了什么，"
    "`evidence` 是证据。"
    "本端的定时器即使因对端沉默而触发，也记为 `local`。"
    "`undelivered_bytes` 是上界：未被确认的字节也可能已经到达。\n\n"
    "`ok` 族的原因无需关注。`unknown` 与 `bug.*` 是 Finack 的缺陷：请报告。\n\n"
    "## 封闭列表\n\n";

void put_intro(Page& page) { page.put("{}", page.say(kIntroEn, kIntroZh)); }

void put_lists(Page& page) {
  auto say = [&](std::string_view en, std::string_view zh) { return page.say(en, zh); };
  list_words<Role, 2>(page, "role", say("accepted or dialed:", "接受的或拨出的："));
  list_words<Purpose, 3>(page, "purpose",
                         say("what the connection is for; only `traffic` is in traffic metrics:",
                             "连接的用途；只有 `traffic` 计入业务指标："));
  list_words<EndedBy, 3>(page, "ended_by",
                         say("who performed the deciding act:", "谁做出了决定性动作："));
  list_words<How, 13>(page, "how", say("by which act:", "通过什么动作："));
  list_words<Phase, kPhaseCount>(page, "phase", say("what was going on:", "当时正在进行什么："));
  list_words<Severity, kSeverityCount>(
      page, "severity",
      say("how loud (debug, info, warning, error):", "严重程度（debug、info、warning、error）："));
  list_words<Delivered, 5>(page, "delivered",
                           say("what the peer got of what it was owed:", "应交付内容的送达情况："));
  list_words<Certainty, 2>(page, "evidence.certainty",
                           say("proved or inferred:", "已证实或推断："));
  list_words<Linger, 4>(page, "evidence.linger",
                        say("what came after our FIN:", "本端 FIN 之后发生了什么："));
  list_words<FoundBy, 7>(page, "evidence.found_by",
                         say("what noticed a vanished peer:", "由什么发现对端消失："));
  list_words<TimerKind, kTimerKindCount>(
      page, "timer",
      say("the server's timers, in events and metrics:", "服务端定时器，见于事件与指标："));
  page.put("\n");
}

void put_family(Page& page, CauseFamily family) {
  page.put("### {}\n\n", name(family));
  page.put("| {} | {} | {} | {} | {} | {} | {} | {} |\n|---|---|---|---|---|---|---|---|\n",
           page.say("cause", "原因"), page.say("role", "角色"), page.say("ends", "结束"),
           page.say("phases", "阶段"), page.say("severity", "严重程度"), page.say("how", "方式"),
           page.say("when", "何时"), page.say("nearest", "近似说法"));
  for (const CauseInfo& row : all_causes()) {
    if (row.family != family) continue;
    page.put("| `{}` | {} | {} | {} | {} | {} | {} | {} |\n", row.name, roles_word(row),
             ends_word(row), phase_words(row), name(row.severity), row.how, cell(row.when),
             row.nearest.empty() ? "–" : cell(row.nearest));
  }
  page.put("\n");
}

constexpr std::string_view kCausesEn = R"(## The causes

Roles: S accepted, C dialed. Ends: c a connection, r a request, b both. Nearest: what HAProxy,
nginx, Envoy or Go would say; – none of them can tell.

)";
constexpr std::string_view kCausesZh =
    "## 原因\n\n"
    "角色：S 接受的，C 拨出的。结束：c 连接，r 请求，b 两者。"
    "近似说法：HAProxy、nginx、Envoy 或 Go 会怎么说；"
    "– 表示它们都无法分辨。\n\n";

void put_causes(Page& page) {
  page.put("{}", page.say(kCausesEn, kCausesZh));
  for (std::size_t i = 0; i < kCauseFamilyCount; ++i) put_family(page, static_cast<CauseFamily>(i));
}

void put_explanations(Page& page) {
  page.put("## {}\n\n", page.say("What each cause means and what to do", "各原因的含义与对策"));
  for (const CauseInfo& row : all_causes()) {
    page.put("### {}\n\n{}\n\n", row.name, explain(row.cause, page.lang()));
  }
}

void put_findings(Page& page) {
  page.put("## {}\n\n{}\n\n", page.say("Findings", "发现项"),
           page.say("They end nothing that was open; they are counted and reported on their own.",
                    "它们不结束任何已打开的连接，单独计数与报告。"));
  for (const FindingInfo& row : all_findings()) {
    page.put("### {}\n\n{}: {}.\n\n{}\n\n", row.name, page.say("When", "何时"), row.when,
             explain(row.finding, page.lang()));
  }
}

}  // namespace

std::string endings_reference_markdown(Lang lang) {
  Page page(lang);
  put_intro(page);
  put_lists(page);
  put_causes(page);
  put_explanations(page);
  put_findings(page);
  std::string text = page.take();
  text.pop_back();  // One newline ends the file.
  return text;
}

}  // namespace finack::record
