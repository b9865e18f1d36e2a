#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "finack/http/message.h"
#include "finack/http/response_reject.h"

namespace finack::http {

/// What a response may cost. Beyond a limit it is refused, with a reason of its own.
struct ResponseLimits {
  std::size_t head_bytes = 64 * 1024;  ///< Of one head: status line, fields and the empty line.
  std::size_t headers = 256;           ///< Fields of one head.
  std::uint32_t interims = 256;        ///< 1xx heads before the final one.
  std::uint64_t chunk_bytes = std::uint64_t{1} << 40;  ///< Largest size one chunk may announce.
  std::size_t chunk_extension_bytes = 256;             ///< Of one chunk; 4 KiB over the whole body.
  std::size_t trailer_bytes = 16 * 1024;
  std::size_t trailers = 64;
};

/// How the end of a response is found (RFC 9112 6.3), given the method that it answers.
enum class ResponseFraming : std::uint8_t {
  none,         ///< No body: HEAD, 1xx, 204, 304. Whatever the framing fields say.
  length,       ///< Content-Length bytes.
  chunked,      ///< Up to the last chunk.
  until_close,  ///< Up to the end of the stream, which therefore cannot be proved.
  tunnel        ///< 101, or 2xx to CONNECT: what follows is no HTTP any more.
};

/// What a server says in `Keep-Alive: timeout=5, max=100` about its connection: facts to learn
/// from, no promise. A parameter that is malformed is absent; of a repeated one the least counts.
struct KeepAliveOffer {
  std::optional<std::chrono::seconds> timeout;  ///< At most a year.
  std::optional<std::uint32_t> max;             ///< Requests still to be taken.
};

/// A parsed response head. The views lie in the bytes given to ResponseParser::step and live as
/// long as these stay where they are. (ResponseHead, in exchange.h, is what a handler sends.)
struct ReceivedResponse {
  int status = 0;          ///< 100..599
  std::uint8_t minor = 1;  ///< HTTP/1.<minor>
  ResponseFraming framing = ResponseFraming::none;
  /// Whether the connection may serve another request after this response: by version, by
  /// Connection tokens (RFC 9112 9.3), and by framing (never after until_close and tunnel).
  bool keep_alive = false;
  bool close = false;    ///< `Connection: close` was said.
  bool upgrade = false;  ///< `Connection: upgrade` with an Upgrade field (HTTP/1.1).
  /// What the Content-Length field says, also for framing none (HEAD, 304) and where it is ignored.
  std::optional<std::uint64_t> content_length;
  KeepAliveOffer keep_alive_offer;
  std::string_view reason;      ///< As received; may be empty.
  std::vector<Header> headers;  ///< In order, names as received.

  /// The first header of that name, compared without case; empty view with nullptr data if absent.
  std::string_view header(std::string_view name) const;
};

/// An incremental parser of the responses that arrive on one HTTP/1.x connection, one request at a
/// time: a pure function of bytes. It does no input or output and copies nothing but trailers. As
/// strict as the request parser: what others could read in two ways is refused. Not thread-safe;
/// lives as long as its connection, so that its one allocation is made once.
class ResponseParser {
 public:
  struct Step {
    enum class Kind : std::uint8_t {
      need_more,  ///< Give more bytes, together with those not consumed.
      interim,    ///< A 1xx head other than 101; go on.
      head,       ///< The final head.
      data,       ///< Body bytes in `data`.
      end,        ///< The response is complete; trailers() is valid.
      tunnel,     ///< Behind 101 or CONNECT's 2xx: the bytes are not looked at.
      extra,      ///< Bytes behind a complete response, or without a request: upstream.extra_data.
      rejected    ///< reject() says why; nothing more is read.
    };
    Kind kind;
    std::size_t consumed;   ///< Bytes of the input to drop; `data` is among them, `extra` is not.
    std::string_view data;  ///< For data and extra: a view into the input.
  };

  /// What the end of the stream means where it came.
  enum class EndOfStream : std::uint8_t {
    unused,          ///< Between two responses: nothing is lost. ok.pool_peer_closed
    no_head,         ///< Before any byte of a final head. upstream.closed_no_head
    head_truncated,  ///< In the final head. upstream.head_truncated
    body_truncated,  ///< Before the framed end of the body. upstream.body_truncated
    body_complete,   ///< It was the end of the body (until_close). upstream.body_end_unproved
    tunnel,          ///< In a tunnel: not ours to judge.
    rejected         ///< After a refusal.
  };

  ResponseParser();
  ~ResponseParser();
  ResponseParser(ResponseParser&&) noexcept;
  ResponseParser& operator=(ResponseParser&&) noexcept;

  /// Begins the response to a request: call when its first byte is sent. `upgrade`: the protocol
  /// that the request asked for, copied; a 101 to another one is refused, and any where it is "".
  /// Before begin() and after `end` every byte is `extra`.
  void begin(Method method, std::string_view upgrade = {});

  /// One step: `input` starts with the first byte not yet consumed; its address may change between
  /// calls. Call again with the rest until need_more, end, tunnel, extra or rejected. While a head
  /// is incomplete nothing is consumed, and each complete line is scanned once. On interim and
  /// head, `head` is filled; in between it belongs to the parser, and its capacity is kept. Give
  /// the same limits throughout a response.
  Step step(std::string_view input, const ResponseLimits& limits, ReceivedResponse& head);

  /// The peer has closed its side (FIN, close_notify) and all bytes were stepped through: says what
  /// that means, and ends the response. A body until_close is complete then.
  EndOfStream end_of_stream();

  ResponseReject reject() const;
  /// Between two responses, or before the first.
  bool idle() const;
  /// True from the first byte of the current head on (interim or final) until it is complete.
  bool in_head() const;
  /// Body bytes still due, when Content-Length frames the body; 0 otherwise.
  std::uint64_t remaining() const;
  /// Of a chunked body, valid from `end` until begin(); views into the parser's own storage.
  std::span<const Header> trailers() const;

 private:
  struct Machine;
  std::unique_ptr<Machine> machine_;
};

}  // namespace finack::http
