// Request heads: the verdict does not depend on how the bytes arrive, views lie inside the bytes,
// and what was accepted keeps the promises that others rely on.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "fuzz/require.h"
#include "http/head_parser.h"

namespace {

using finack::http::Framing;
using finack::http::Header;
using finack::http::HeadLimits;
using finack::http::HeadParser;
using finack::http::Method;
using finack::http::RequestHead;

struct Outcome {
  HeadParser::State state;
  finack::http::Reject reject;
  std::size_t consumed;
  RequestHead head;
  std::unique_ptr<char[]> bytes;
  std::string_view view;
};

std::unique_ptr<char[]> copy(std::string_view text) {
  auto bytes = std::make_unique<char[]>(text.size());
  text.copy(bytes.get(), text.size());
  return bytes;
}

/// Feeds the input in steps of `step` bytes, each time at an address of its own.
Outcome parse(std::string_view input, std::size_t step, const HeadLimits& limits) {
  HeadParser parser;
  Outcome out{};
  for (std::size_t size = step < input.size() ? step : input.size();;) {
    auto bytes = copy(input.substr(0, size));
    out.view = std::string_view(bytes.get(), size);
    out.state = parser.parse(out.view, limits, out.head);
    out.bytes = std::move(bytes);
    if (out.state != HeadParser::State::need_more || size == input.size()) break;
    size = input.size() - size > step ? size + step : input.size();
  }
  out.reject = parser.reject();
  out.consumed = parser.consumed();
  return out;
}

void check_inside(const Outcome& out, std::string_view view, bool literal_allowed = false) {
  if (view.data() == nullptr) return;
  if (literal_allowed && (view == "/" || view == "*")) return;
  require(view.data() >= out.view.data() &&
              view.data() + view.size() <= out.view.data() + out.view.size(),
          "view inside the bytes");
}

void check_accepted(const Outcome& out, const HeadLimits& limits) {
  const RequestHead& head = out.head;
  require(out.consumed <= out.view.size() && out.consumed <= limits.head_bytes, "consumed");
  require(out.view.substr(0, out.consumed).ends_with("\r\n\r\n"), "ends with an empty line");
  require(head.headers.size() <= limits.headers, "header count");
  require(head.target.size() <= limits.target_bytes && !head.target.empty(), "target size");
  require(head.method != Method::connect, "no CONNECT");
  require(head.path.starts_with('/') || (head.path == "*" && head.method == Method::options),
          "path form");
  require(head.target.find_first_of(" \t\r\n#\0") == std::string_view::npos, "target bytes");
  require(head.minor == 1 || !(head.upgrade || head.expect_continue), "HTTP/1.0 features");
  require(head.minor == 1 || head.framing != Framing::chunked, "no chunked on HTTP/1.0");
  const bool length = head.header("content-length").data() != nullptr;
  const bool coding = head.header("transfer-encoding").data() != nullptr;
  require(!(length && coding), "one framing");
  require(length == (head.framing == Framing::length), "length framing");
  require(coding == (head.framing == Framing::chunked), "chunked framing");
  require(head.minor == 0 || head.header("host").data() != nullptr, "host");
  for (const Header& field : head.headers) {
    check_inside(out, field.name);
    check_inside(out, field.value);
    require(!field.name.empty(), "field name");
    for (const char c : field.value) {
      require(c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f), "field value");
    }
  }
  check_inside(out, head.method_name);
  check_inside(out, head.target);
  check_inside(out, head.path, true);
  check_inside(out, head.query);
  check_inside(out, head.host);
}

void check_same(const Outcome& a, const Outcome& b) {
  require(a.state == b.state && a.reject == b.reject, "verdict independent of cuts");
  if (a.state != HeadParser::State::done) return;
  require(a.consumed == b.consumed && a.head.headers.size() == b.head.headers.size(), "same size");
  require(a.head.path == b.head.path && a.head.query == b.head.query &&
              a.head.host == b.head.host && a.head.target == b.head.target,
          "same target");
  require(a.head.keep_alive == b.head.keep_alive && a.head.framing == b.head.framing &&
              a.head.content_length == b.head.content_length,
          "same framing");
  for (std::size_t i = 0; i < a.head.headers.size(); ++i) {
    require(a.head.headers[i].name == b.head.headers[i].name &&
                a.head.headers[i].value == b.head.headers[i].value,
            "same fields");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  // Two bytes steer: the step between arrivals, and whether the limits are tight.
  const std::size_t step = data[0] % 64U + 1;
  const bool tight = (data[1] & 1) != 0;
  const HeadLimits limits =
      tight ? HeadLimits{.head_bytes = 96, .headers = 3, .target_bytes = 24} : HeadLimits{};
  const std::string_view input(reinterpret_cast<const char*>(data + 2), size - 2);
  const Outcome whole = parse(input, input.size() + 1, limits);
  const Outcome cut = parse(input, step, limits);
  check_same(whole, cut);
  if (whole.state == HeadParser::State::done) {
    check_accepted(whole, limits);
    check_accepted(cut, limits);
  }
  require(
      (whole.state == HeadParser::State::rejected) == (whole.reject != finack::http::Reject::none),
      "a reason exactly for a refusal");
  return 0;
}
