#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "finack/record/cause.h"
#include "finack/record/ending.h"

namespace finack::storm {

/// What one connection of a storm does to the server, from its connect to its end. fin: the client
/// closes; rst: it resets. The targets are the routes of `finack demo`.
enum class Behaviour : std::uint8_t {
  get_close,              ///< One GET with Connection: close, read to the end.
  keep_alive,             ///< A few requests in turn, then a close.
  pipelined,              ///< Three requests at once, three answers, then a close.
  pipelined_close,        ///< The same, the last with Connection: close; read to the end.
  chunked_echo,           ///< A chunked upload, whole.
  silent_fin,             ///< Not a byte.
  silent_rst,             ///< The same, with a RST.
  head_cut_fin,           ///< A part of a head.
  head_cut_rst,           ///< The same, with a RST.
  second_head_cut_fin,    ///< One request and its answer, then a part of a head.
  body_cut_fin,           ///< A head and a part of the body it promises.
  body_cut_rst,           ///< The same, with a RST.
  chunks_cut_fin,         ///< A part of a chunked body.
  chunks_cut_rst,         ///< The same, with a RST.
  left_waiting_fin,       ///< Leaves while the handler works.
  left_waiting_rst,       ///< The same, with a RST.
  left_at_once_fin,       ///< Asks for an answer that is ready at once, and does not wait for it.
  left_at_once_rst,       ///< The same, with a RST.
  half_close_served,      ///< Half-closes with the request's last byte, and reads the answer.
  left_receiving_fin,     ///< Leaves while a streamed response comes, all of it read so far.
  left_receiving_rst,     ///< Resets in the middle of a large response.
  left_receiving_unread,  ///< Closes over unread bytes of a large response.
  unread_response_rst,    ///< Resets over an answer that it never read.
  unread_response_close,  ///< Closes over one, which is a reset too.
  unread_last_response_rst,  ///< Resets over an answer with Connection: close.
  malformed,                 ///< No request at all.
  smuggling,                 ///< Content-Length and Transfer-Encoding.
  body_too_large,            ///< A Content-Length over the limit.
  app_failed,                ///< The handler throws; the connection serves on.
  app_no_reply,              ///< The handler answers nothing; the connection serves on.
  app_abort,                 ///< The handler resets the connection.
  app_body_short,            ///< The handler promises more than it sends.
};
inline constexpr std::size_t kBehaviourCount = 32;

std::string_view name(Behaviour behaviour);

/// An ending as far as the act decides it.
struct AllowedEnding {
  record::Cause cause;
  record::How how;
  record::Phase phase;
  friend bool operator==(const AllowedEnding&, const AllowedEnding&) = default;
};

/// How many of its requests end with a cause outside the ok family.
enum class RequestLines : std::uint8_t {
  none,
  one,
  either,  ///< None or one: the kernel's timing decides.
};

/// What the list of endings allows for the connection; more than one only where the kernel's timing
/// decides. Never empty.
std::span<const AllowedEnding> allowed_endings(Behaviour behaviour);
/// The same for those of its requests that do not end ok.
std::span<const AllowedEnding> allowed_request_endings(Behaviour behaviour);
RequestLines request_lines(Behaviour behaviour);
bool contains(std::span<const AllowedEnding> set, const AllowedEnding& ending);

/// Its share of a random mix: this many out of the sum of all weights.
unsigned weight(Behaviour behaviour);

}  // namespace finack::storm
