#pragma once
#include <string>
#include <string_view>

#include "http/head_parser.h"

namespace finack::http::test {

/// What the parser says, as one line of text that case tables can hold:
/// "GET /p ?q @host 1.1 length=5 keep +header…" or a reason, or "need_more".
inline std::string describe(HeadParser::State state, const HeadParser& parser,
                            const RequestHead& head) {
  if (state == HeadParser::State::need_more) return "need_more";
  if (state == HeadParser::State::rejected) return std::string(name(parser.reject()));
  std::string text(head.method_name);
  text.append(" ").append(head.path);
  if (head.query.data() != nullptr) text.append(" ?").append(head.query);
  text.append(" @").append(head.host);
  text.append(" 1.").append(std::to_string(head.minor));
  if (head.framing == Framing::length) {
    text.append(" length=").append(std::to_string(head.content_length));
  }
  if (head.framing == Framing::chunked) text.append(" chunked");
  text.append(head.keep_alive ? " keep" : " close");
  if (head.expect_continue) text.append(" expect");
  if (head.upgrade) text.append(" upgrade");
  return text;
}

/// The verdict on bytes that arrive at once.
inline std::string verdict(std::string_view bytes, const HeadLimits& limits = {}) {
  HeadParser parser;
  RequestHead head;
  const auto state = parser.parse(bytes, limits, head);
  return describe(state, parser, head);
}

/// The verdict on bytes of which the first `cut` arrive first, and at another address.
inline std::string verdict_cut(std::string_view bytes, std::size_t cut,
                               const HeadLimits& limits = {}) {
  HeadParser parser;
  RequestHead head;
  // Exact allocations of their own, so that a sanitizer sees a read past the end or of the old
  // bytes.
  auto first = std::string(bytes.substr(0, cut));
  auto state = parser.parse(first, limits, head);
  if (state != HeadParser::State::need_more) return describe(state, parser, head);
  const std::string all(bytes);
  first.assign(first.size(), '#');
  state = parser.parse(all, limits, head);
  return describe(state, parser, head);
}

}  // namespace finack::http::test
