// Responses: what is learned does not depend on how the bytes arrive, views lie inside the bytes,
// and what was accepted keeps the promises that a proxy relies on.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "finack/http/response_parser.h"
#include "fuzz/require.h"

namespace {

using finack::http::Header;
using finack::http::Method;
using finack::http::ReceivedResponse;
using finack::http::ResponseFraming;
using finack::http::ResponseLimits;
using finack::http::ResponseParser;
using finack::http::ResponseReject;
using Kind = ResponseParser::Step::Kind;

struct Asked {
  Method method;
  bool upgrade;
  ResponseLimits limits;
};

/// All that was learned, as text.
struct Outcome {
  std::string heads;
  std::string body;
  std::string trailers;
  Kind last = Kind::need_more;
  ResponseReject reject{};
  ResponseParser::EndOfStream end{};
};

void check_inside(std::string_view bytes, std::string_view view) {
  require(view.data() >= bytes.data() && view.data() + view.size() <= bytes.data() + bytes.size(),
          "view inside the bytes");
}

void check_fields(std::string_view bytes, const ReceivedResponse& head) {
  check_inside(bytes, head.reason);
  for (const Header& field : head.headers) {
    check_inside(bytes, field.name);
    check_inside(bytes, field.value);
    require(!field.name.empty() && field.name.find_first_of(": \t\r\n") == std::string_view::npos,
            "field name");
    for (const char c : field.value) {
      require(c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f), "field value");
    }
  }
}

void check_head(std::string_view bytes, const ReceivedResponse& head, const Asked& asked) {
  require(bytes.ends_with("\r\n\r\n") && bytes.size() <= asked.limits.head_bytes, "whole head");
  require(head.status >= 100 && head.status <= 599 && head.minor <= 1, "status and version");
  require(head.headers.size() <= asked.limits.headers, "field count");
  check_fields(bytes, head);
  const bool length = head.header("content-length").data() != nullptr;
  const bool coding = head.header("transfer-encoding").data() != nullptr;
  require(!(length && coding), "one framing");
  require(length == head.content_length.has_value(), "length known");
  require(!coding || head.minor == 1, "no chunked on HTTP/1.0");
  require(head.framing != ResponseFraming::length || length, "length framing");
  require(head.framing != ResponseFraming::chunked || coding, "chunked framing");
  const bool framed = head.framing == ResponseFraming::none ||
                      head.framing == ResponseFraming::length ||
                      head.framing == ResponseFraming::chunked;
  require(framed || !head.keep_alive, "kept only when the end can be known");
  require(!(head.close && head.keep_alive), "close wins");
  require(head.status != 101 || (asked.upgrade && head.upgrade), "switches only when asked");
  require(asked.method != Method::head || head.framing == ResponseFraming::none ||
              head.framing == ResponseFraming::tunnel,
          "HEAD has no body");
}

std::string describe(const ReceivedResponse& head) {
  std::string text = std::to_string(head.status) + " " + std::to_string(head.minor) + " " +
                     std::to_string(static_cast<int>(head.framing)) + " " +
                     std::to_string(head.keep_alive) + std::to_string(head.upgrade) + " " +
                     std::to_string(head.content_length.value_or(~std::uint64_t{0})) + " ";
  text.append(head.reason).append("\n");
  for (const Header& field : head.headers) {
    text.append(field.name).append(":").append(field.value).append("\n");
  }
  return text;
}

/// Feeds the input in pieces of `piece` bytes, each time at an address of its own.
Outcome parse(std::string_view input, std::size_t piece, const Asked& asked) {
  ResponseParser parser;
  ReceivedResponse head;
  Outcome out;
  parser.begin(asked.method, asked.upgrade ? "websocket" : "");
  std::size_t used = 0;     // Consumed bytes of the input.
  std::size_t arrived = 0;  // Bytes of the input that were given so far.
  while (arrived < input.size()) {
    arrived += std::min(piece, input.size() - arrived);
    const std::size_t size = arrived - used;
    const auto bytes = std::make_unique<char[]>(size);
    input.substr(used, size).copy(bytes.get(), size);
    std::string_view rest(bytes.get(), size);
    for (;;) {
      const ResponseParser::Step step = parser.step(rest, asked.limits, head);
      require(step.consumed <= rest.size(), "consumed");
      out.last = step.kind;
      if (step.kind == Kind::interim || step.kind == Kind::head) {
        check_head(rest.substr(0, step.consumed), head, asked);
        require((step.kind == Kind::interim) == (head.status < 200 && head.status != 101),
                "interim");
        out.heads += describe(head);
      } else if (step.kind == Kind::data) {
        require(!step.data.empty() && step.data.end() == rest.begin() + step.consumed, "data");
        check_inside(rest, step.data);
        out.body += step.data;
      } else if (step.kind == Kind::end) {
        for (const Header& field : parser.trailers()) {
          out.trailers.append(field.name).append(":").append(field.value).append("\n");
        }
      }
      used += step.consumed;
      rest.remove_prefix(step.consumed);
      if (step.kind == Kind::extra || step.kind == Kind::rejected || step.kind == Kind::tunnel) {
        out.reject = parser.reject();
        out.end = parser.end_of_stream();
        return out;
      }
      if (step.kind == Kind::need_more) break;
    }
  }
  out.end = parser.end_of_stream();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  // Two bytes steer: the size of the pieces; and limits, method and whether an upgrade was asked.
  const std::size_t piece = data[0] % 64U + 1;
  constexpr Method kMethods[] = {Method::get, Method::head, Method::connect, Method::post};
  Asked asked{kMethods[data[1] >> 1 & 3], (data[1] & 8) != 0, {}};
  if ((data[1] & 1) != 0) {
    asked.limits = {.head_bytes = 96,
                    .headers = 3,
                    .interims = 2,
                    .chunk_bytes = 64,
                    .chunk_extension_bytes = 8,
                    .trailer_bytes = 24,
                    .trailers = 1};
  }
  const std::string_view input(reinterpret_cast<const char*>(data + 2), size - 2);
  const Outcome whole = parse(input, input.size() + 1, asked);
  const Outcome cut = parse(input, piece, asked);
  require(whole.last == cut.last && whole.reject == cut.reject, "same verdict");
  require(whole.end == cut.end, "same end of stream");
  require(whole.heads == cut.heads && whole.body == cut.body && whole.trailers == cut.trailers,
          "same content");
  require((whole.last == Kind::rejected) == (whole.reject != ResponseReject::none),
          "a reason exactly for a refusal");
  return 0;
}
