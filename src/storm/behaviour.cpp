#include "storm/behaviour.h"

#include <algorithm>
#include <array>

namespace finack::storm {
namespace {

using record::Cause;
using record::How;
using record::Phase;

struct Row {
  Behaviour behaviour;
  std::string_view name;
  unsigned weight;
  RequestLines request_lines;
  std::array<AllowedEnding, 4> endings;
  std::size_t ending_count;
  std::array<AllowedEnding, 1> request;
  std::size_t request_count;
};

constexpr AllowedEnding kNothing{Cause::unknown, How::none, Phase::accept};

constexpr Row row(Behaviour b, std::string_view name, unsigned weight, RequestLines lines,
                  AllowedEnding ending) {
  return {b, name, weight, lines, {ending, kNothing, kNothing, kNothing}, 1, {kNothing}, 0};
}

constexpr Row either(Behaviour b, std::string_view name, unsigned weight, RequestLines lines,
                     AllowedEnding one, AllowedEnding other) {
  return {b, name, weight, lines, {one, other, kNothing, kNothing}, 2, {kNothing}, 0};
}

/// The connection outlives the failing request.
constexpr Row failing(Behaviour b, std::string_view name, unsigned weight, AllowedEnding ending,
                      AllowedEnding request) {
  return {b, name,      weight, RequestLines::one, {ending, kNothing, kNothing, kNothing},
          1, {request}, 1};
}

constexpr AllowedEnding kAgreed{Cause::ok_completed, How::fin, Phase::flush};
constexpr AllowedEnding kClosedIdle{Cause::ok_peer_closed_idle, How::fin, Phase::idle};
constexpr AllowedEnding kResetIdle{Cause::client_reset_idle, How::rst, Phase::idle};

constexpr AllowedEnding silent(How how) { return {Cause::client_silent, how, Phase::fresh}; }
constexpr AllowedEnding head_cut(How how) {
  return {Cause::client_head_truncated, how, Phase::head};
}
constexpr AllowedEnding body_cut(How how) {
  return {Cause::client_body_truncated, how, Phase::body};
}
constexpr AllowedEnding left_waiting(How how) {
  return {Cause::client_left_waiting, how, Phase::handling};
}
constexpr AllowedEnding left_receiving(How how) {
  return {Cause::client_left_receiving, how, Phase::response};
}
/// The kernel may not have acknowledged the answer that it holds (delayed acknowledgement).
constexpr AllowedEnding left_flush(Phase phase) {
  return {Cause::client_left_flush, How::rst, phase};
}
constexpr AllowedEnding body_short(How how) {
  return {Cause::app_body_short, how, Phase::response};
}
constexpr AllowedEnding refused(Cause cause) { return {cause, How::reply, Phase::head}; }

/// Whether the server looks before or after the client has left decides. Its FIN may be seen in
/// idle, and what comes of the answer only in the flush behind it.
constexpr Row at_once(Behaviour b, std::string_view name, unsigned weight, How how) {
  Row row{b, name, weight, RequestLines::either, {}, 3, {left_waiting(how)}, 1};
  row.endings = {left_waiting(how), left_flush(Phase::idle), kResetIdle, left_flush(Phase::flush)};
  if (how == How::fin) row.ending_count = 4;
  return row;
}

using enum Behaviour;
using Lines = RequestLines;

// The endings were derived from the acts by the list of endings, sections 2 and 3, not from what a
// server was seen to do.
constexpr std::array<Row, kBehaviourCount> kRows = {{
    row(get_close, "get_close", 14, Lines::none, kAgreed),
    row(keep_alive, "keep_alive", 14, Lines::none, kClosedIdle),
    row(pipelined, "pipelined", 5, Lines::none, kClosedIdle),
    row(pipelined_close, "pipelined_close", 3, Lines::none, kAgreed),
    row(chunked_echo, "chunked_echo", 3, Lines::none, kClosedIdle),
    row(silent_fin, "silent_fin", 4, Lines::none, silent(How::fin)),
    row(silent_rst, "silent_rst", 4, Lines::none, silent(How::rst)),
    row(head_cut_fin, "head_cut_fin", 4, Lines::one, head_cut(How::fin)),
    row(head_cut_rst, "head_cut_rst", 4, Lines::one, head_cut(How::rst)),
    row(second_head_cut_fin, "second_head_cut_fin", 3, Lines::one, head_cut(How::fin)),
    row(body_cut_fin, "body_cut_fin", 4, Lines::one, body_cut(How::fin)),
    row(body_cut_rst, "body_cut_rst", 4, Lines::one, body_cut(How::rst)),
    row(chunks_cut_fin, "chunks_cut_fin", 3, Lines::one, body_cut(How::fin)),
    row(chunks_cut_rst, "chunks_cut_rst", 3, Lines::one, body_cut(How::rst)),
    row(left_waiting_fin, "left_waiting_fin", 4, Lines::one, left_waiting(How::fin)),
    row(left_waiting_rst, "left_waiting_rst", 4, Lines::one, left_waiting(How::rst)),
    // An answer that came before the close is left unread, so that the close resets.
    at_once(left_at_once_fin, "left_at_once_fin", 3, How::fin),
    at_once(left_at_once_rst, "left_at_once_rst", 3, How::rst),
    row(half_close_served, "half_close_served", 3, Lines::none,
        {Cause::ok_half_close_served, How::fin, Phase::flush}),
    // A chunk may come between the last read and the close, which then resets.
    either(left_receiving_fin, "left_receiving_fin", 2, Lines::one, left_receiving(How::fin),
           left_receiving(How::rst)),
    row(left_receiving_rst, "left_receiving_rst", 1, Lines::one, left_receiving(How::rst)),
    row(left_receiving_unread, "left_receiving_unread", 1, Lines::one, left_receiving(How::rst)),
    either(unread_response_rst, "unread_response_rst", 3, Lines::none, kResetIdle,
           left_flush(Phase::idle)),
    either(unread_response_close, "unread_response_close", 3, Lines::none, kResetIdle,
           left_flush(Phase::idle)),
    either(unread_last_response_rst, "unread_last_response_rst", 3, Lines::either, kAgreed,
           left_flush(Phase::flush)),
    row(malformed, "malformed", 3, Lines::one, refused(Cause::policy_bad_request)),
    row(smuggling, "smuggling", 3, Lines::one, refused(Cause::policy_smuggling)),
    row(body_too_large, "body_too_large", 2, Lines::one, refused(Cause::policy_body_too_large)),
    failing(app_failed, "app_failed", 2, kClosedIdle,
            {Cause::app_failed, How::reply, Phase::handling}),
    failing(app_no_reply, "app_no_reply", 2, kClosedIdle,
            {Cause::app_no_reply, How::reply, Phase::handling}),
    row(app_abort, "app_abort", 2, Lines::one, {Cause::app_abort, How::rst, Phase::handling}),
    // The list allows both ways of cutting the response short.
    either(app_body_short, "app_body_short", 2, Lines::one, body_short(How::rst),
           body_short(How::fin)),
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].behaviour != static_cast<Behaviour>(i)) return false;
  }
  return true;
}
static_assert(in_order(), "the rows stand in the order of the enumerators");

const Row& row_of(Behaviour behaviour) { return kRows[static_cast<std::size_t>(behaviour)]; }

}  // namespace

std::string_view name(Behaviour behaviour) { return row_of(behaviour).name; }

unsigned weight(Behaviour behaviour) { return row_of(behaviour).weight; }

std::span<const AllowedEnding> allowed_endings(Behaviour behaviour) {
  const Row& row = row_of(behaviour);
  return {row.endings.data(), row.ending_count};
}

std::span<const AllowedEnding> allowed_request_endings(Behaviour behaviour) {
  const Row& row = row_of(behaviour);
  if (row.request_count > 0) return row.request;
  if (row.request_lines == RequestLines::none) return {};
  return allowed_endings(behaviour);
}

RequestLines request_lines(Behaviour behaviour) { return row_of(behaviour).request_lines; }

bool contains(std::span<const AllowedEnding> set, const AllowedEnding& ending) {
  return std::ranges::find(set, ending) != set.end();
}

}  // namespace finack::storm
