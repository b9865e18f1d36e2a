#include "finack/sinks/console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "sinks/line_thread.h"
#include "sinks/text.h"

namespace finack::sinks {
namespace {

using record::Lang;
using record::Severity;

constexpr std::string_view kReset = "\x1b[0m";
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kBold = "\x1b[1m";
constexpr int kTargetWidth = 48;
// Columns; longer text pushes the rest of its line to the right.
constexpr int kNameWidth = 27;  // policy.half_close_cancelled
constexpr int kActWidth = 25;   // local timeout in response
constexpr int kWhatWidth = 24;
constexpr int kPeerWidth = 21;  // 255.255.255.255:65535

std::string_view colour_of(Severity severity) {
  switch (severity) {
    case Severity::notice:
      return "\x1b[36m";
    case Severity::fault:
      return "\x1b[1;33m";
    case Severity::bug:
      return "\x1b[1;37;41m";
    case Severity::normal:
      break;
  }
  return kDim;
}

/// The small words around the closed lists' words, which stay the same in every language.
struct Words {
  std::string_view act;  ///< ended_by, how, phase
  std::string_view no_request, one_request, requests;
  std::string_view try_of;  ///< the client's request
  std::string_view sent, undelivered, body;
  std::string_view inferred;
  std::string_view suppressed;  ///< count, name, seconds
  std::string_view lost;        ///< count
  std::string_view unread;      ///< count
  std::string_view worker;
};

const Words& words(Lang lang) {
  static constexpr Words kEnglish{"{} {} in {}",
                                  "no request",
                                  "1 request",
                                  "{} requests",
                                  "try of {}",
                                  "{} B sent",
                                  "{} B undelivered",
                                  "{} of {} body bytes",
                                  "inferred",
                                  "suppressed {} × {} in {} s",
                                  "{} records lost: the ring was full",
                                  "{} lines dropped: nobody read them",
                                  "worker {}"};
  static constexpr Words kChinese{"{} {} 于 {}",
                                  "无请求",
                                  "1 个请求",
                                  "{} 个请求",
                                  "{} 的尝试",
                                  "已发 {} B",
                                  "未送达 {} B",
                                  "请求体 {} / {} 字节",
                                  "推断",
                                  "略去 {} × {}（{} 秒内）",
                                  "丢失 {} 条记录：环形缓冲区已满",
                                  "丢弃 {} 行：无人读取",
                                  "工作线程 {}"};
  return lang == Lang::zh ? kChinese : kEnglish;
}

std::string grouped(std::uint64_t value) {
  std::string text;
  append_grouped(text, value);
  return text;
}

/// The facts at the end of a line, parted by " · ".
class Tail {
 public:
  explicit Tail(Lang lang) : words_(words(lang)) {}

  void add(std::string_view text) {
    if (!text_.empty()) text_ += " · ";
    text_ += text;
  }
  void duration(Nanos d) {
    std::string text;
    append_duration(text, d);
    add(text);
  }
  void ending(std::uint64_t bytes_out, const record::Ending& ending) {
    const record::Evidence& e = ending.evidence;
    if (bytes_out != 0) add(fmt::format(fmt::runtime(words_.sent), grouped(bytes_out)));
    if (ending.undelivered_bytes != 0) {
      add(fmt::format(fmt::runtime(words_.undelivered), grouped(ending.undelivered_bytes)));
    }
    if (e.expected_bytes != record::kUnknownCount && e.received_bytes != record::kUnknownCount) {
      add(fmt::format(fmt::runtime(words_.body), grouped(e.received_bytes),
                      grouped(e.expected_bytes)));
    }
    if (e.reason != nullptr) add(e.reason);
    std::string text;
    if (e.error != 0) {
      append_errno(text, e.error);
      add(text);
    }
    if (e.setting != nullptr) {
      text.clear();
      append_setting(text, e);
      add(text);
    }
    if (e.resource != nullptr) add(e.resource);
    if (e.found_by != record::FoundBy::none) add(name(e.found_by));
    if (e.certainty == record::Certainty::inferred) add(words_.inferred);
  }
  const std::string& text() const { return text_; }

 private:
  const Words& words_;
  std::string text_;
};

std::string act_text(const record::Ending& ending, Lang lang) {
  return fmt::format(fmt::runtime(words(lang).act), name(ending.ended_by), name(ending.how),
                     name(ending.phase));
}

std::string_view first_sentence(std::string_view text) {
  constexpr std::string_view kChineseStop = "。";
  std::size_t end = text.find(kChineseStop);
  if (end != std::string_view::npos) return text.substr(0, end + kChineseStop.size());
  end = text.find(". ");
  return end == std::string_view::npos ? text : text.substr(0, end + 1);
}

std::string status_text(int status) {
  return status == 0 ? std::string() : fmt::format(" → {}", status);
}

/// "GET /slow → 200"; the target escaped and cut to its column.
std::string request_text(const record::RequestRecord& r, bool redact) {
  std::string target;
  std::string storage;
  append_safe_text(target, redact ? redacted(r.target, storage) : r.target);
  std::string text;
  append_safe_text(text, r.method);
  if (text.empty()) return "–";  // The head was cut or refused before there was a request line.
  text += ' ';
  // fmt counts columns, not bytes.
  std::string cut = fmt::format("{:.{}}", target, kTargetWidth);
  if (cut.size() < target.size()) cut += "…";
  text += cut;
  return text + status_text(r.status);
}

/// "3.1": the id within this run; "3" where the connection came to no request.
std::string short_id(record::ConnectionId connection, std::uint32_t number) {
  std::string text = fmt::format("{:x}", connection.sequence);
  if (number != 0) text += fmt::format(".{}", number);
  return text;
}

/// A try names the request it was made for, whose own line has the method and the target.
std::string what_text(const record::RequestRecord& r, const Console::Options& options) {
  if (r.other_leg.sequence == 0) return request_text(r, options.redact_query);
  const std::string request = short_id(r.other_leg, r.other_number);
  return fmt::format(fmt::runtime(words(options.lang).try_of), request) + status_text(r.status);
}

/// Who was accepted, or with an arrow who was dialed.
std::string peer_text(const record::ConnectionRecord& r) {
  return (r.role == record::Role::client ? "→ " : "") + to_string(r.peer);
}

template <class Enum, class List>
auto& slot(List& list, Enum value) {
  return list[static_cast<std::size_t>(value)];
}

}  // namespace

struct Console::Row {
  WallTime at;
  Severity severity;
  std::string_view name;
  std::string act;
  std::string what;
  std::string peer;
  std::string tail;
};

Console::Options Console::options_for(int fd, Lang lang) {
  Options options;
  options.lang = lang;
  const bool terminal = ::isatty(fd) == 1;
  const char* no_colour = std::getenv("NO_COLOR");
  options.colour = terminal && (no_colour == nullptr || *no_colour == '\0');
  options.explain = terminal;
  return options;
}

Console::Console(Fd fd, Options options) : options_(options) {
  const auto report = [lang = options_.lang](std::string& out, std::uint64_t count) {
    fmt::format_to(std::back_inserter(out), fmt::runtime(words(lang).unread), grouped(count));
    out += '\n';
  };
  writer_ = std::make_unique<QueuedLines>(
      std::move(fd), "",
      LineThread::Options{.lane_bytes = options_.queue_bytes, .trouble = {}, .report = report});
}

Console::~Console() {
  close_windows(latest_, true);
  if (lost_ != 0) print_dropped(latest_);
}

bool Console::settle(Nanos most) { return writer_->thread().settle(most); }

std::uint64_t Console::dropped() const { return writer_->thread().dropped(); }

void Console::on_connection(const record::ConnectionRecord& r) {
  const Severity severity = r.ending.severity;
  latest_ = std::max(latest_, r.ended);
  if (severity < options_.least) return;
  if (severity == Severity::normal && r.purpose != record::Purpose::traffic) return;
  Repetition& repetition = slot(causes_, r.ending.cause);
  if (!admit(repetition, name(r.ending.cause), r.ended)) return;
  const Words& w = words(options_.lang);
  Tail tail(options_.lang);
  tail.duration(r.ended - r.opened);
  tail.ending(r.bytes_out, r.ending);
  print({.at = r.ended,
         .severity = severity,
         .name = name(r.ending.cause),
         .act = act_text(r.ending, options_.lang),
         .what = r.requests == 0   ? std::string(w.no_request)
                 : r.requests == 1 ? std::string(w.one_request)
                                   : fmt::format(fmt::runtime(w.requests), grouped(r.requests)),
         .peer = peer_text(r),
         .tail = tail.text()});
  if (options_.explain && repetition.lines == 1 && r.ending.severity != Severity::normal) {
    print_explanation(record::explain(r.ending, options_.lang));
  }
}

void Console::on_request(const record::RequestRecord& r) {
  const WallTime ended = r.started + r.duration;
  latest_ = std::max(latest_, ended);
  if (r.ending.severity == Severity::normal || r.ending.severity < options_.least) return;
  Repetition& repetition = slot(causes_, r.ending.cause);
  if (!admit(repetition, name(r.ending.cause), ended)) return;
  Tail tail(options_.lang);
  tail.duration(r.duration);
  tail.ending(r.bytes_out, r.ending);
  if (!r.exception.empty()) {
    std::string safe;
    append_safe_text(safe, r.exception);
    tail.add(safe);
  }
  print({.at = ended,
         .severity = r.ending.severity,
         .name = name(r.ending.cause),
         .act = act_text(r.ending, options_.lang),
         .what = what_text(r, options_),
         .peer = r.connection.sequence == 0 ? "–" : short_id(r.connection, r.number),
         .tail = tail.text()});
  if (options_.explain && repetition.lines == 1 && r.ending.severity != Severity::normal) {
    print_explanation(record::explain(r.ending, options_.lang));
  }
}

void Console::on_finding(const record::FindingRecord& r) {
  latest_ = std::max(latest_, r.at);
  if (Severity::fault < options_.least) return;
  Repetition& repetition = slot(findings_, r.finding);
  if (!admit(repetition, name(r.finding), r.at)) return;
  Tail tail(options_.lang);
  if (r.duration.count() > 0) tail.duration(r.duration);
  std::string route;
  append_safe_text(route, r.route);
  print({.at = r.at,
         .severity = Severity::fault,
         .name = name(r.finding),
         .act = fmt::format(fmt::runtime(words(options_.lang).worker), r.worker),
         .what = std::move(route),
         .peer = r.connection.sequence == 0 ? std::string()
                                            : fmt::format("{:x}", r.connection.sequence),
         .tail = tail.text()});
  if (options_.explain && repetition.lines == 1) {
    print_explanation(record::explain(r.finding, options_.lang));
  }
}

void Console::on_dropped(std::uint64_t count) { lost_ += count; }

void Console::flush(WallTime now) {
  latest_ = std::max(latest_, now);
  close_windows(now, false);
  if (lost_ != 0 && now - lost_reported_ >= options_.window) print_dropped(now);
  writer_->flush();
}

bool Console::admit(Repetition& repetition, std::string_view name, WallTime at) {
  if (repetition.lines == 0 || at - repetition.since >= options_.window) {
    close_window(repetition, name, repetition.since + options_.window);
    repetition = {.since = at, .lines = 0};
  }
  ++repetition.lines;
  return options_.burst == 0 || repetition.lines <= options_.burst;
}

void Console::close_window(Repetition& repetition, std::string_view name, WallTime end) {
  const std::uint64_t lines = std::exchange(repetition.lines, 0);
  if (options_.burst == 0 || lines <= options_.burst) return;
  const auto seconds = std::chrono::round<std::chrono::seconds>(end - repetition.since).count();
  std::string& out = writer_->buffer();
  if (options_.colour) out += kDim;
  append_time_of_day(out, end, options_.utc);
  out += "  ";
  fmt::format_to(std::back_inserter(out), fmt::runtime(words(options_.lang).suppressed),
                 grouped(lines - options_.burst), name, std::max<std::int64_t>(seconds, 1));
  if (options_.colour) out += kReset;
  out += '\n';
  writer_->line_done();
}

void Console::close_windows(WallTime now, bool all) {
  const auto close = [&](auto& list, auto kind) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      Repetition& repetition = list[i];
      const WallTime end = repetition.since + options_.window;
      if (repetition.lines == 0 || (!all && now < end)) continue;
      close_window(repetition, name(static_cast<decltype(kind)>(i)), std::min(end, now));
    }
  };
  close(causes_, record::Cause{});
  close(findings_, record::Finding{});
}

void Console::print(const Row& row) {
  std::string& out = writer_->buffer();
  const bool colour = options_.colour;
  const bool dim = colour && row.severity == Severity::normal;
  const auto paint = [&](std::string_view code, std::string_view text, int width) {
    const bool painted = colour && !dim && !code.empty();
    if (painted) out += code;
    fmt::format_to(std::back_inserter(out), "{:<{}}", text, width);
    if (painted) out += kReset;
  };
  if (dim) out += kDim;
  std::string time;
  append_time_of_day(time, row.at, options_.utc);
  paint(kDim, time, 0);
  out += "  ";
  paint(colour_of(row.severity), row.name, kNameWidth);
  out += "  ";
  paint("", row.act, kActWidth);
  out += "  ";
  paint(kBold, row.what, kWhatWidth);
  out += "  ";
  paint("", row.peer, kPeerWidth);
  out += "  ";
  paint(kDim, row.tail, 0);
  while (out.back() == ' ') out.pop_back();
  if (dim) out += kReset;
  out += '\n';
  writer_->line_done();
}

void Console::print_dropped(WallTime now) {
  std::string& out = writer_->buffer();
  if (options_.colour) out += colour_of(Severity::fault);
  append_time_of_day(out, now, options_.utc);
  out += "  ";
  fmt::format_to(std::back_inserter(out), fmt::runtime(words(options_.lang).lost),
                 grouped(std::exchange(lost_, 0)));
  if (options_.colour) out += kReset;
  out += '\n';
  lost_reported_ = now;
  writer_->line_done();
}

void Console::print_explanation(std::string_view text) {
  std::string& out = writer_->buffer();
  if (options_.colour) out += kDim;
  out += "              ↳ ";
  out += first_sentence(text);
  if (options_.colour) out += kReset;
  out += '\n';
  writer_->line_done();
}

}  // namespace finack::sinks
