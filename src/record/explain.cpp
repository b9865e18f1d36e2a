#include "finack/record/explain.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

namespace finack::record {
namespace {

struct Text {
  std::string_view en;
  std::string_view zh;

  std::string_view in(Lang lang) const { return lang == Lang::zh ? zh : en; }
};

constexpr std::array<Text, kCauseCount> kCauseTexts = [] {
  std::array<Text, kCauseCount> texts;
#define FINACK_EXPLAIN(enumerator, en, zh) \
  texts[static_cast<std::size_t>(Cause::enumerator)] = {en, zh};
#include "record/explain_ok_client.def"
#include "record/explain_policy.def"
#include "record/explain_rest.def"
#include "record/explain_timeout.def"
#include "record/explain_upstream.def"
#undef FINACK_EXPLAIN
  return texts;
}();

constexpr std::array<Text, kFindingCount> kFindingTexts = [] {
  std::array<Text, kFindingCount> texts;
#define FINACK_EXPLAIN(enumerator, en, zh) \
  texts[static_cast<std::size_t>(Finding::enumerator)] = {en, zh};
#include "record/explain_findings.def"
#undef FINACK_EXPLAIN
  return texts;
}();

template <std::size_t N>
consteval bool complete(const std::array<Text, N>& texts) {
  for (const Text& text : texts) {
    if (text.en.empty() || text.zh.empty()) return false;
  }
  return true;
}
static_assert(complete(kCauseTexts), "a cause without an explanation");
static_assert(complete(kFindingTexts), "a finding without an explanation");

bool known(std::uint64_t value) { return value != kUnknownCount; }

std::string duration_text(std::uint64_t ns) {
  struct Unit {
    std::uint64_t ns;
    std::string_view suffix;
  };
  static constexpr std::array<Unit, 5> kUnits = {{{3'600'000'000'000, "h"},
                                                  {60'000'000'000, "m"},
                                                  {1'000'000'000, "s"},
                                                  {1'000'000, "ms"},
                                                  {1'000, "us"}}};
  for (const Unit& unit : kUnits) {
    if (ns >= unit.ns && ns % unit.ns == 0) return fmt::format("{}{}", ns / unit.ns, unit.suffix);
  }
  if (ns >= 1'000'000'000) return fmt::format("{:.3f}s", static_cast<double>(ns) / 1e9);
  return fmt::format("{}ns", ns);
}

/// Settings that are times; all others are counts or bytes.
bool is_duration(std::string_view setting) {
  return setting.starts_with("timeout") || setting.ends_with(".timeout") ||
         setting.starts_with("tcp-") || setting == "linger" || setting == "drain-delay";
}

/// Sentences about one ending, collected in one language.
class Facts {
 public:
  Facts(std::string& out, Lang lang) : out_(out), zh_(lang == Lang::zh) {}

  template <class... Args>
  void add(fmt::format_string<Args...> en, fmt::format_string<Args...> zh, Args&&... args) {
    if (!zh_) out_ += ' ';
    fmt::format_to(std::back_inserter(out_), zh_ ? zh : en, std::forward<Args>(args)...);
  }

 private:
  std::string& out_;
  bool zh_;
};

void add_decision(Facts& facts, const Evidence& evidence) {
  if (evidence.setting != nullptr) {
    const char* const whose = evidence.setting_of != nullptr ? evidence.setting_of : "";
    const std::string_view setting = evidence.setting;
    if (known(evidence.setting_value)) {
      const std::string value = is_duration(setting) ? duration_text(evidence.setting_value)
                                                     : fmt::format("{}", evidence.setting_value);
      facts.add("The setting that decided: {}{} = {}.", "起决定作用的设置：{}{} = {}。", whose,
                setting, value);
    } else {
      facts.add("The setting that decided: {}{}.", "起决定作用的设置：{}{}。", whose, setting);
    }
  }
  if (evidence.reason != nullptr) facts.add("Reason: {}.", "原因：{}。", evidence.reason);
  if (evidence.resource != nullptr) {
    facts.add("What ran out: {}.", "耗尽的资源：{}。", evidence.resource);
  }
  if (evidence.error != 0) {
    const char* text = strerrordesc_np(evidence.error);
    facts.add("The system said: {} (errno {}).", "系统报告：{}（errno {}）。",
              text != nullptr ? text : "?", evidence.error);
  }
  if (evidence.found_by != FoundBy::none) {
    facts.add("Found by: {}.", "发现方式：{}。", name(evidence.found_by));
  }
}

void add_bytes(Facts& facts, const Ending& ending) {
  const Evidence& evidence = ending.evidence;
  if (known(evidence.received_bytes) && known(evidence.expected_bytes)) {
    facts.add("{} of {} body bytes arrived.", "正文已到达 {} 字节，应为 {} 字节。",
              evidence.received_bytes, evidence.expected_bytes);
  } else if (known(evidence.received_bytes)) {
    facts.add("{} body bytes arrived.", "正文已到达 {} 字节。", evidence.received_bytes);
  }
  if (ending.undelivered_bytes != 0) {
    facts.add("Up to {} bytes were not delivered.", "最多有 {} 字节未送达。",
              ending.undelivered_bytes);
  }
}

void add_place(Facts& facts, const Evidence& evidence) {
  if (evidence.request != 0) {
    facts.add("It happened at request {} of the connection.", "发生在该连接的第 {} 个请求。",
              evidence.request);
  }
  if (evidence.first_unacknowledged_request != 0) {
    facts.add("The first response not fully acknowledged belongs to request {}.",
              "首个未被完全确认的响应属于第 {} 个请求。", evidence.first_unacknowledged_request);
  }
  if (known(evidence.after_response_us)) {
    facts.add("It came {} after the last response.", "距上一个响应 {}。",
              duration_text(evidence.after_response_us * 1000));
  }
  if (known(evidence.handler_after_left_us)) {
    facts.add("The handler worked on for {} afterwards.", "此后处理函数又工作了 {}。",
              duration_text(evidence.handler_after_left_us * 1000));
  }
  if (evidence.linger == Linger::expired) {
    facts.add("The peer went on sending until we stopped listening.",
              "对端持续发送，直到本端停止接收。");
  }
  if (evidence.exception) {
    facts.add("The handler threw afterwards.", "此后处理函数抛出了异常。");
  }
  if (evidence.certainty == Certainty::inferred) {
    facts.add("This is inferred, not proved.", "以上为推断，未经证实。");
  }
}

}  // namespace

std::string_view name(Lang lang) { return lang == Lang::zh ? "zh" : "en"; }

std::optional<Lang> parse_lang(std::string_view word) {
  if (word == "en") return Lang::en;
  if (word == "zh") return Lang::zh;
  return std::nullopt;
}

std::string_view explain(Cause cause, Lang lang) {
  return kCauseTexts[static_cast<std::size_t>(cause)].in(lang);
}

std::string_view explain(Finding finding, Lang lang) {
  return kFindingTexts[static_cast<std::size_t>(finding)].in(lang);
}

std::string explain(const Ending& ending, Lang lang) {
  std::string text(explain(ending.cause, lang));
  Facts facts(text, lang);
  add_decision(facts, ending.evidence);
  add_bytes(facts, ending);
  add_place(facts, ending.evidence);
  return text;
}

}  // namespace finack::record
