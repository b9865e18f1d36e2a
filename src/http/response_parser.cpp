#include "finack/http/response_parser.h"

#include <algorithm>
#include <string>

#include "http/chunked_decoder.h"
#include "http/response_head_parser.h"
#include "http/response_rejects.h"

namespace finack::http {
namespace {

using Kind = ResponseParser::Step::Kind;

constexpr bool is_interim(int status) { return status >= 100 && status < 200 && status != 101; }

/// RFC 9112 6.3
ResponseFraming framing_of(const ReceivedResponse& head, bool chunked, Method method) {
  if (head.status == 101) return ResponseFraming::tunnel;
  // Also 204: the tunnel begins where the head ends.
  if (method == Method::connect && head.status / 100 == 2) return ResponseFraming::tunnel;
  if (method == Method::head || head.status < 200 || head.status == 204 || head.status == 304) {
    return ResponseFraming::none;
  }
  if (chunked) return ResponseFraming::chunked;
  return head.content_length ? ResponseFraming::length : ResponseFraming::until_close;
}

constexpr std::string_view without_version(std::string_view protocol) {
  return protocol.substr(0, protocol.find('/'));
}

/// Whether a 101 names the protocol that was asked for, and no other; versions are not compared.
bool switches_to(const ReceivedResponse& head, std::string_view asked) {
  bool named = false;
  for (const Header& field : head.headers) {
    if (!equals_lower(field.name, "upgrade")) continue;
    std::string_view rest = field.value, protocol;
    while (take_list_member(rest, protocol)) {
      if (protocol.empty()) continue;
      named = equals_nocase(without_version(protocol), without_version(asked));
      if (!named) return false;
    }
  }
  return named;
}

}  // namespace

struct ResponseParser::Machine {
  enum class Stage : std::uint8_t {
    idle,
    head,
    length,
    chunked,
    until_close,
    complete,  // `end` is still to be said.
    tunnel,
    rejected
  };

  static Step need_more(std::size_t consumed) { return {Kind::need_more, consumed, {}}; }
  Step refuse(ResponseReject reason) {
    reject = reason;
    stage = Stage::rejected;
    return {Kind::rejected, 0, {}};
  }
  Step end(std::size_t consumed) {
    stage = Stage::idle;
    return {Kind::end, consumed, {}};
  }
  Step take_head(std::string_view input, const ResponseLimits& limits, ReceivedResponse& head);
  Step finish_head(std::size_t consumed, const ResponseLimits& limits, ReceivedResponse& head);
  Step take_length(std::string_view input);
  Step take_chunked(std::string_view input, const ResponseLimits& limits);

  ResponseHeadParser heads;
  ChunkedDecoder chunks;
  std::uint64_t remaining = 0;
  std::uint32_t interims = 0;
  ResponseReject reject = ResponseReject::none;
  Stage stage = Stage::idle;
  Method method = Method::other;
  std::string upgrade;  ///< What was asked for.
};

ResponseParser::Step ResponseParser::Machine::take_head(std::string_view input,
                                                        const ResponseLimits& limits,
                                                        ReceivedResponse& head) {
  switch (heads.parse(input, limits, head)) {
    case ResponseHeadParser::State::need_more:
      return need_more(0);
    case ResponseHeadParser::State::rejected:
      return refuse(heads.reject());
    case ResponseHeadParser::State::done:
      break;
  }
  return finish_head(heads.consumed(), limits, head);
}

ResponseParser::Step ResponseParser::Machine::finish_head(std::size_t consumed,
                                                          const ResponseLimits& limits,
                                                          ReceivedResponse& head) {
  head.framing = framing_of(head, heads.chunked(), method);
  if (is_interim(head.status)) {
    if (++interims > limits.interims) return refuse(ResponseReject::too_many_interims);
    heads.reset();
    return {Kind::interim, consumed, {}};
  }
  // RFC 9110 15.2.2 and 7.8: a server switches only to what it was asked for, and says to what.
  if (head.status == 101) {
    if (upgrade.empty()) return refuse(ResponseReject::upgrade_not_requested);
    if (!head.upgrade) return refuse(ResponseReject::upgrade_field_missing);
    if (!switches_to(head, upgrade)) return refuse(ResponseReject::upgrade_to_another);
  }
  switch (head.framing) {
    case ResponseFraming::none:
      stage = Stage::complete;
      break;
    case ResponseFraming::length:
      remaining = *head.content_length;
      stage = remaining != 0 ? Stage::length : Stage::complete;
      break;
    case ResponseFraming::chunked:
      stage = Stage::chunked;
      break;
    case ResponseFraming::until_close:
      stage = Stage::until_close;
      head.keep_alive = false;
      break;
    case ResponseFraming::tunnel:
      stage = Stage::tunnel;
      head.keep_alive = false;
      break;
  }
  return {Kind::head, consumed, {}};
}

ResponseParser::Step ResponseParser::Machine::take_length(std::string_view input) {
  if (input.empty()) return need_more(0);
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining, input.size()));
  remaining -= size;
  if (remaining == 0) stage = Stage::complete;
  return {Kind::data, size, input.substr(0, size)};
}

ResponseParser::Step ResponseParser::Machine::take_chunked(std::string_view input,
                                                           const ResponseLimits& limits) {
  const ChunkLimits chunk_limits{.chunk_bytes = limits.chunk_bytes,
                                 .extension_bytes = limits.chunk_extension_bytes,
                                 .trailer_bytes = limits.trailer_bytes,
                                 .trailers = limits.trailers};
  const ChunkedDecoder::Step step = chunks.step(input, chunk_limits);
  switch (step.kind) {
    case ChunkedDecoder::Step::Kind::need_more:
      break;
    case ChunkedDecoder::Step::Kind::data:
      return {Kind::data, step.consumed, step.data};
    case ChunkedDecoder::Step::Kind::end:
      return end(step.consumed);
    case ChunkedDecoder::Step::Kind::rejected:
      return refuse(response_reject(chunks.reject()));
  }
  return need_more(step.consumed);
}

ResponseParser::ResponseParser() : machine_(std::make_unique<Machine>()) {}
ResponseParser::~ResponseParser() = default;
ResponseParser::ResponseParser(ResponseParser&&) noexcept = default;
ResponseParser& ResponseParser::operator=(ResponseParser&&) noexcept = default;

void ResponseParser::begin(Method method, std::string_view upgrade) {
  Machine& m = *machine_;
  m.heads.reset();
  m.chunks.reset();
  m.remaining = 0;
  m.interims = 0;
  m.reject = ResponseReject::none;
  m.stage = Machine::Stage::head;
  m.method = method;
  if (!m.upgrade.empty() || !upgrade.empty()) m.upgrade.assign(upgrade);
}

ResponseParser::Step ResponseParser::step(std::string_view input, const ResponseLimits& limits,
                                          ReceivedResponse& head) {
  Machine& m = *machine_;
  switch (m.stage) {
    case Machine::Stage::idle:
      if (input.empty()) return m.need_more(0);
      return {Kind::extra, 0, input};
    case Machine::Stage::head:
      return m.take_head(input, limits, head);
    case Machine::Stage::length:
      return m.take_length(input);
    case Machine::Stage::chunked:
      return m.take_chunked(input, limits);
    case Machine::Stage::until_close:
      if (input.empty()) return m.need_more(0);
      return {Kind::data, input.size(), input};
    case Machine::Stage::complete:
      return m.end(0);
    case Machine::Stage::tunnel:
      return {Kind::tunnel, 0, {}};
    case Machine::Stage::rejected:
      break;
  }
  return {Kind::rejected, 0, {}};
}

ResponseParser::EndOfStream ResponseParser::end_of_stream() {
  Machine& m = *machine_;
  const Machine::Stage stage = m.stage;
  if (stage == Machine::Stage::rejected) return EndOfStream::rejected;
  m.stage = Machine::Stage::idle;
  switch (stage) {
    case Machine::Stage::head:
      // An interim response is no head, nor is a part of one.
      return m.heads.begun() && !is_interim(m.heads.status()) ? EndOfStream::head_truncated
                                                              : EndOfStream::no_head;
    case Machine::Stage::length:
    case Machine::Stage::chunked:
      return EndOfStream::body_truncated;
    case Machine::Stage::until_close:
      return EndOfStream::body_complete;
    case Machine::Stage::tunnel:
      return EndOfStream::tunnel;
    case Machine::Stage::idle:
    case Machine::Stage::complete:
    case Machine::Stage::rejected:
      break;
  }
  return EndOfStream::unused;
}

ResponseReject ResponseParser::reject() const { return machine_->reject; }
bool ResponseParser::idle() const { return machine_->stage == Machine::Stage::idle; }
bool ResponseParser::in_head() const {
  return machine_->stage == Machine::Stage::head && machine_->heads.begun();
}
std::uint64_t ResponseParser::remaining() const { return machine_->remaining; }
std::span<const Header> ResponseParser::trailers() const { return machine_->chunks.trailers(); }

}  // namespace finack::http
