#pragma once
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "finack/http/response_parser.h"

namespace finack::http::test {

/// What a response answers, and how it arrives.
struct Asked {
  Method method = Method::get;
  bool upgrade = false;  ///< To protocol "a".
  ResponseLimits limits = {};
};

inline std::string_view word(ResponseFraming framing) {
  constexpr std::string_view kWords[] = {"none", "length", "chunked", "until_close", "tunnel"};
  return kWords[static_cast<std::size_t>(framing)];
}

inline std::string_view word(ResponseParser::EndOfStream end) {
  constexpr std::string_view kWords[] = {"unused",         "no_head",       "head_truncated",
                                         "body_truncated", "body_complete", "tunnel",
                                         "rejected"};
  return kWords[static_cast<std::size_t>(end)];
}

/// "200 1.1 length=5 keep"; close, upgrade, the Keep-Alive facts and a length that frames nothing
/// are said when they are there.
inline std::string describe(const ReceivedResponse& head) {
  std::string text = std::to_string(head.status) + " 1." + std::to_string(head.minor);
  text.append(" ").append(word(head.framing));
  if (head.content_length) text.append("=").append(std::to_string(*head.content_length));
  text.append(head.keep_alive ? " keep" : " last");
  if (head.close) text.append(" close");
  if (head.upgrade) text.append(" upgrade");
  if (const auto timeout = head.keep_alive_offer.timeout) {
    text.append(" timeout=").append(std::to_string(timeout->count()));
  }
  if (const auto max = head.keep_alive_offer.max) {
    text.append(" max=").append(std::to_string(*max));
  }
  return text;
}

/// Everything a connection's owner learns from bytes that arrive in `pieces` (sizes; what is left
/// comes at once), then the end of the stream: "100 1.1 none keep; 200 1.1 length=5 keep |hello
/// end" and so on. Every piece lies at an address of its own, in an allocation of its exact size.
class Transcript {
 public:
  explicit Transcript(const Asked& asked) : limits_(asked.limits) {
    parser_.begin(asked.method, asked.upgrade ? "a" : "");
  }

  std::string read(std::string_view bytes, const std::vector<std::size_t>& pieces) {
    std::size_t used = 0;
    for (const std::size_t size : pieces) {
      take(bytes.substr(used, size));
      used += std::min(size, bytes.size() - used);
    }
    take(bytes.substr(used));
    if (!ended_) text_.append(" eof=").append(word(parser_.end_of_stream()));
    return text_.substr(text_.find_first_not_of(' '));
  }

 private:
  using Kind = ResponseParser::Step::Kind;

  void take(std::string_view piece) {
    if (ended_) return;
    std::vector<char> bytes(kept_.begin(), kept_.end());
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    bytes.shrink_to_fit();
    std::string_view rest(bytes.data(), bytes.size());
    while (!ended_) {
      const ResponseParser::Step step = parser_.step(rest, limits_, head_);
      rest.remove_prefix(step.consumed);
      if (!note(step)) break;
    }
    kept_ = rest;
    std::ranges::fill(bytes, '#');
  }

  // False: nothing more to read now.
  bool note(const ResponseParser::Step& step) {
    switch (step.kind) {
      case Kind::need_more:
        return false;
      case Kind::interim:
        text_.append(describe(head_)).append("; ");
        return true;
      case Kind::head:
        text_.append(describe(head_));
        for (const Header& field : head_.headers) {
          if (field.name.starts_with("X-")) {
            text_.append(" ").append(field.name).append("=").append(field.value);
          }
        }
        return true;
      case Kind::data:
        if (!body_) text_.append(" |");
        body_ = true;
        text_.append(step.data);
        return true;
      case Kind::end:
        for (const Header& field : parser_.trailers()) {
          text_.append(" ~").append(field.name).append("=").append(field.value);
        }
        text_.append(" end");
        return true;
      case Kind::tunnel:
      case Kind::extra:
      case Kind::rejected:
        break;
    }
    ended_ = true;
    if (step.kind == Kind::tunnel) text_.append(" tunnel");
    if (step.kind == Kind::extra) text_.append(" extra");
    if (step.kind == Kind::rejected) text_.append(" ").append(name(parser_.reject()));
    return false;
  }

  ResponseLimits limits_;
  ResponseParser parser_;
  ReceivedResponse head_;
  std::string kept_;  // Not consumed yet.
  std::string text_;
  bool body_ = false;
  bool ended_ = false;
};

inline std::string transcript(std::string_view bytes, const Asked& asked = {},
                              const std::vector<std::size_t>& pieces = {}) {
  return Transcript(asked).read(bytes, pieces);
}

}  // namespace finack::http::test
