// What is recorded of requests: when they are complete, and when their connection ends first.
#include <algorithm>

#include "server/connection.h"
#include "server/http1_exchange.h"
#include "server/worker.h"

namespace finack::server {

using record::Cause;
using record::Delivered;
using record::EndedBy;
using record::How;
using record::Phase;

namespace {

constexpr Verdict kCompleted{EndedBy::local, How::none, Phase::flush, Cause::ok_completed};

constexpr std::size_t kHandedKept = 64;

}  // namespace

void Http1Exchange::set_late(const Verdict& verdict, const record::Evidence& evidence) {
  late_ = verdict;
  late_evidence_ = evidence;
}

std::uint64_t Http1Exchange::current_response_bytes() const {
  if (r_.response != Response::none) return outbox_.queued() - r_.response_begin;
  return answered_.empty() ? 0 : answered_.back().end - answered_.back().begin;
}

/// What the records need of the request in progress.
AnsweredRequest Http1Exchange::describe() {
  AnsweredRequest request(std::move(entry_), number_, r_, head_, outbox_.queued());
  add_rare(request);
  return request;
}

/// Describes the request in progress behind the answered ones.
void Http1Exchange::describe_behind() {
  add_rare(answered_.emplace_back(std::move(entry_), number_, r_, head_, outbox_.queued()));
}

/// What few requests have.
inline void Http1Exchange::add_rare(AnsweredRequest& request) {
  if (close_.wanted && close_.verdict.cause == Cause::ok_half_close_served && !r_.verdict)
    request.verdict = close_.verdict;
  const bool usual = !r_.has_evidence && exception_.empty() && request_id_.empty() && r_.tries == 0;
  if (!usual) add_details(request);
}

/// Out of line, so that the usual description saves no registers for it.
[[gnu::noinline]] void Http1Exchange::add_details(AnsweredRequest& request) {
  request.details = std::make_unique<AnsweredRequest::Details>(
      r_.has_evidence ? evidence_ : record::Evidence{}, std::exchange(exception_, {}),
      std::exchange(request_id_, {}));
  if (r_.tries > 0) request.details->upstream.assign(tries_->begin(), tries_->begin() + r_.tries);
}

void Http1Exchange::set_upstream(std::span<const record::UpstreamTry> tries) {
  if (!tries.empty()) other_leg_ = tries.back().connection;
  tries = tries.last(std::min(tries.size(), kTriesKept));
  if (r_.stage == Stage::detached) {  // its record may be waiting for the kernel already
    if (answered_.empty() || answered_.back().number != number_) return;
    answered_.back().with_details().upstream.assign(tries.begin(), tries.end());
    return;
  }
  if (!tries_) tries_ = std::make_unique<std::array<record::UpstreamTry, kTriesKept>>();
  std::ranges::copy(tries, tries_->begin());
  r_.tries = static_cast<std::uint8_t>(tries.size());
}

/// Puts the answered request behind the others, to make room for the next.
void Http1Exchange::file_answer() {
  if (r_.stage != Stage::answered) return;
  describe_behind();
  reset_request();
}

/// The kernel took bytes. What is complete is settled, unless the connection closes behind it, when
/// the acknowledgement is waited for.
void Http1Exchange::on_handed(Instant now) {
  const std::uint64_t sent = outbox_.sent();
  if (r_.response != Response::none && r_.times.response_started == Instant{} &&
      sent > r_.response_begin)
    r_.times.response_started = now;
  if (r_.stage == Stage::answered && answered_.empty() && outbox_.empty() && !close_.wanted) {
    settle_current(now);
  } else {
    file_answer();
    settle_taken(now);
  }
  if (outbox_.empty()) r_.times.response_owed = now;
  if (write_ready_ && writer_may_go_on()) wake(write_ready_);
}

/// Nobody wants a record of it: the counters are all.
[[gnu::always_inline]] inline void Http1Exchange::settle_completed(AnsweredRequest& request,
                                                                   record::CompletedRun& run) {
  const std::uint64_t bytes_out = request.end - request.begin;
  if (connection_ != nullptr) connection_->note_response_bytes(bytes_out);
  const Nanos duration = request.handed - request.started;
  const Nanos first_byte = request.first_byte - request.started;
  if (!run.fits(duration, first_byte, request.status)) worker_.ledger().finish_completed(run);
  run.add(std::move(request.entry), duration, first_byte, request.body_in, bytes_out,
          request.status);
}

/// Settles what the kernel has taken whole of the answers that are filed.
void Http1Exchange::settle_taken(Instant now) {
  const std::uint64_t sent = outbox_.sent();
  record::CompletedRun run;
  std::size_t settled = 0;
  for (AnsweredRequest& request : answered_) {
    if (request.end > sent) {
      if (sent > request.begin) request.note_first_byte(now);
      break;
    }
    request.note_taken(now);
    if (close_.wanted && !busy() && &request == &answered_.back()) break;
    if (handed_.size() < kHandedKept) handed_.push_back({request.end, request.number});
    if (request.verdict || worker_.ledger().wants_completed()) {
      settle_wanted(request, ending_of(request, request.end, false), now);
    } else {
      settle_completed(request, run);
    }
    ++settled;
  }
  worker_.ledger().finish_completed(run);
  if (settled == answered_.size()) return answered_.clear();
  answered_.erase(answered_.begin(), answered_.begin() + static_cast<std::ptrdiff_t>(settled));
}

/// The usual request: answered, taken whole, and nothing to say about it.
void Http1Exchange::settle_current(Instant now) {
  if (r_.verdict || worker_.ledger().wants_completed()) {
    AnsweredRequest request = describe();
    request.handed = now;
    settle_wanted(request, ending_of(request, request.end, false), now);
  } else {
    const std::uint64_t bytes_out = outbox_.queued() - r_.response_begin;
    connection_->note_response_bytes(bytes_out);
    worker_.ledger().finish_completed(std::move(entry_), now - r_.times.head_started,
                                      r_.times.response_started - r_.times.head_started,
                                      r_.body_bytes, bytes_out, r_.status);
  }
  reset_request();
}

/// A request's ending: its own verdict, or ok.completed unless its response was lost.
record::Ending Http1Exchange::ending_of(const AnsweredRequest& request, std::uint64_t acked_to,
                                        bool asked) const {
  record::Ending ending;
  const bool lost = asked && acked_to < request.end;
  if (lost && late_ && (!request.verdict || overridable(request.verdict->cause))) {
    apply(*late_, ending);
    ending.evidence = late_evidence_;
  } else {
    apply(request.verdict.value_or(kCompleted), ending);
    if (request.details) ending.evidence = request.details->evidence;
  }
  ending.evidence.request = request.number;
  ending.undelivered_bytes = lost ? request.end - std::max(acked_to, request.begin) : 0;
  ending.delivered = request.status == 0
                         ? (request.owed ? Delivered::none : Delivered::nothing_owed)
                     : request.cut && !lost     ? Delivered::partial
                     : !asked                   ? Delivered::handed
                     : !lost                    ? Delivered::all
                     : acked_to > request.begin ? Delivered::partial
                                                : Delivered::none;
  return ending;
}

void Http1Exchange::settle(AnsweredRequest& request, const record::Ending& ending, Instant now) {
  if (ending.cause != Cause::ok_completed || worker_.ledger().wants_completed())
    return settle_wanted(request, ending, now);
  record::CompletedRun run;
  settle_completed(request, run);
  worker_.ledger().finish_completed(run);
}

void Http1Exchange::settle_wanted(AnsweredRequest& request, const record::Ending& ending,
                                  Instant now) {
  record::RequestRecord record;
  record.connection = connection();
  record.number = request.number;
  record.purpose = worker_.purpose();
  record.method = request.method;
  record.target = request.target;
  record.route = request.route != nullptr ? std::string_view(request.route->pattern) : "";
  if (request.details) {
    record.exception = request.details->exception;
    record.request_id = request.details->request_id;
    record.upstream = request.details->upstream;
  }
  record.status = request.status;
  record.started = worker_.wall(request.started);
  record.duration = (request.handed == Instant{} ? now : request.handed) - request.started;
  record.time_to_first_byte =
      request.first_byte == Instant{} ? Nanos{-1} : request.first_byte - request.started;
  record.bytes_in = request.body_in;
  record.bytes_out = std::min(request.end, std::max(outbox_.sent(), request.begin)) - request.begin;
  record.ending = ending;
  if (connection_ != nullptr) connection_->note_response_bytes(request.end - request.begin);
  worker_.ledger().finish(std::move(request.entry), record);
}

/// The ending of the request in progress when its connection ends with `ending`.
record::Ending Http1Exchange::own_ending(const record::Ending& ending,
                                         std::uint64_t acked_to) const {
  record::Ending own = ending;
  if (r_.verdict) {
    apply(*r_.verdict, own);
    own.evidence = evidence_;
  }
  own.evidence.request = number_;
  own.evidence.linger = record::Linger::none;
  const bool begun = r_.response != Response::none;
  const std::uint64_t queued = outbox_.queued();
  const std::uint64_t from = std::max(acked_to, r_.response_begin);
  own.undelivered_bytes = queued - std::min(queued, from);
  const bool whole = r_.stage == Stage::tunnel && own.undelivered_bytes == 0;
  own.delivered = whole   ? Delivered::all
                  : begun ? (acked_to > r_.response_begin ? Delivered::partial : Delivered::none)
                          : (response_owed() ? Delivered::none : Delivered::nothing_owed);
  return own;
}

void Http1Exchange::leave(const record::Ending& ending, std::uint64_t unacked) {
  const std::uint64_t sent = outbox_.sent();
  const std::uint64_t acked_to = sent > unacked ? sent - unacked : 0;
  file_answer();
  if (!late_ && !answered_.empty() && acked_to < answered_.back().end)
    set_late({ending.ended_by, ending.how, ending.phase, ending.cause}, ending.evidence);
  record::CompletedRun run;
  for (AnsweredRequest& request : answered_) settle_left(request, acked_to, run);
  worker_.ledger().finish_completed(run);
  answered_.clear();
  if (tunnel_) end_tunnel(ending);
  if (entry_) {
    left_ = own_ending(ending, acked_to);
    if (!handler_running()) {
      AnsweredRequest request = describe();
      settle(request, *left_, worker_.loop().precise_now());
    }
  }
  connection_->park(outbox_);
  const Connection& connection = *std::exchange(connection_, nullptr);
  flush_ = false;
  if (!handler_running()) return worker_.give_back(this);
  // An orphan: its handler is told, and gives it back when it lets go.
  connection_id_ = connection.id();
  peer_ = connection.peer();
  departure_ = {ending.cause, ending.how, worker_.loop().now()};
  worker_.note_orphan(this);
  wake_all();
}

/// The connection has ended: of an answered request only the acknowledgement was still open.
void Http1Exchange::settle_left(AnsweredRequest& request, std::uint64_t acked_to,
                                record::CompletedRun& run) {
  const bool usual = !request.verdict && acked_to >= request.end;
  if (usual && !worker_.ledger().wants_completed()) return settle_completed(request, run);
  const record::Ending ending = ending_of(request, acked_to, true);
  const Instant now = worker_.loop().precise_now();
  usual ? settle_wanted(request, ending, now) : settle(request, ending, now);
}

bool Http1Exchange::response_cut() const {
  return answered_.empty() ? r_.response == Response::broken : answered_.back().cut;
}

std::uint32_t Http1Exchange::first_unacknowledged(std::uint64_t acked_to) const {
  for (const Handed& handed : handed_)
    if (handed.end > acked_to) return handed.number;
  for (const AnsweredRequest& request : answered_)
    if (request.end > acked_to) return request.number;
  return r_.response != Response::none && outbox_.queued() > acked_to ? number_ : 0;
}

Instant Http1Exchange::first_response_byte() const {
  return answered_.empty() ? r_.times.response_started : answered_.front().first_byte;
}

}  // namespace finack::server
