#include "server/connection.h"

#include <cerrno>

#include "server/http1_exchange.h"
#include "server/worker.h"

namespace finack::server {

using record::Cause;
using record::EndedBy;
using record::How;
using record::Phase;

namespace {

/// What one connection may send before others get their turn.
constexpr std::uint64_t kBytesPerTurn = 1024 * 1024;

}  // namespace

Connection::Connection(Worker& worker, Fd fd, const Address& peer, std::uint16_t site,
                       bool by_address, std::uint64_t sequence)
    : sequence_(sequence & ((std::uint64_t{1} << 48) - 1)),
      site_(site),
      opened_(worker.loop().now()),
      phase_since_(opened_),
      stream_(worker.loop(), std::move(fd)),
      peer_(peer),
      by_address_(by_address) {}

Worker& Connection::worker() const { return *static_cast<Worker*>(stream_.loop().owner()); }

Site& Connection::site() const { return worker().site(site_); }

const Settings& Connection::settings() const { return site().settings(); }

void Connection::open() {
  entry_ = worker().ledger().open_connection();
  enter(Phase::fresh);
  stream_.start(*this);
  rearm();
}

void Connection::change_phase(Phase phase) {
  worker().ledger().move(phase_, phase);
  phase_ = phase;
  phase_since_ = worker().loop().now();
  recorder_.note_phase(phase, phase_since_);
}

// ---- Bytes come in ----

void Connection::on_bytes(Buffer chunk) {
  bytes_in_ += chunk.size();
  recorder_.note_bytes_in(chunk.size());
  if (closing_ != nullptr || over_) return discard(std::move(chunk));
  if (active_ == nullptr) {
    active_ = worker().lease();
    active_->begin(*this);
  }
  if (active_->close().discard) return;
  active_->inbox().append(std::move(chunk));
  active_->on_input();
}

/// After our FIN the client's bytes are read and dropped, so that no RST of ours eats the response.
/// Bytes that meet the FIN of an idle connection are a request that was lost to a race.
void Connection::discard(Buffer chunk) {
  if (closing_ == nullptr) return;
  closing_->discarded += chunk.size();
  record::Ending& ending = closing_->ending;
  const auto verdict = judge(Event::late_bytes(), ending.phase, standing(ending.cause));
  if (verdict) apply(*verdict, ending);
}

void Connection::update_reading() {
  const std::size_t limit = settings().limits.read_buffer_bytes;
  const std::size_t held = active_ != nullptr ? active_->inbox().bytes() : 0;
  if (!paused_ && held >= limit) {
    paused_ = true;
    stream_.pause_reading();
  } else if (paused_ && held < limit / 2) {
    paused_ = false;
    stream_.resume_reading();
  }
}

void Connection::hold_reading(bool hold) {
  if (paused_ == hold) return;
  paused_ = hold;
  if (hold) {
    stream_.pause_reading();
  } else {
    stream_.resume_reading();
  }
}

// ---- Bytes go out ----

void Connection::flush() {
  if (send_pending_ || blocked_ || over_ || closing_ != nullptr || active_ == nullptr) return;
  Outbox& outbox = active_->outbox();
  const std::uint64_t turn_ends = outbox.sent() + kBytesPerTurn;
  while (!outbox.empty()) {
    if (outbox.sent() >= turn_ends) return active_->flush_soon();  // others want their turn
    const bool last = active_->close().wanted && !active_->busy();
    iovec parts[ByteStream::kMaxParts];
    std::size_t count = 1;
    SendResult result;
    std::size_t offered = 0;
    if (const std::string_view all = outbox.single(); !all.empty()) {
      offered = all.size();
      parts[0] = {const_cast<char*>(all.data()), offered};
      result = stream_.send({parts, 1}, last);
    } else if ((count = outbox.gather(parts)) > 0) {
      for (std::size_t i = 0; i < count; ++i) offered += parts[i].iov_len;
      result = stream_.send({parts, count}, last && offered == outbox.bytes());
    } else {
      const Outbox::FilePart file = outbox.file_part();
      offered = static_cast<std::size_t>(file.bytes);
      result = stream_.send_file(file.file, file.offset, offered);
    }
    if (result.kind == SendResult::Kind::pending) {
      send_pending_ = true;
      if (active_->responding() && phase_ != Phase::tunnel) enter(Phase::response);
      active_->sending().start(worker().loop().now());
      return rearm();
    }
    blocked_ = result.bytes < offered;
    if (!took(result, count == 0)) return;
    if (blocked_) return rearm();
  }
  request_done();
}

/// Accounts for a send's outcome. False: the stream has failed, and so ended.
bool Connection::took(const SendResult& result, bool from_file) {
  if (result.kind == SendResult::Kind::failed) {
    on_end(result.end);
    return false;
  }
  Outbox& outbox = active_->outbox();
  if (from_file && result.end.error != 0) {  // the file is shorter than promised, or unreadable
    outbox.drop();
    blocked_ = false;
    cut_file(result.end.error);
    return true;
  }
  bytes_out_ += result.bytes;
  recorder_.note_bytes_out(result.bytes);
  outbox.sent(result.bytes);
  const Instant now = worker().loop().precise_now();
  active_->sending().start(now);
  if (active_->responding() && (!outbox.empty() || active_->response_incomplete()) &&
      phase_ != Phase::tunnel)
    enter(Phase::response);
  active_->on_handed(now);
  return true;
}

/// The file that is being sent ended early (ENODATA), or could not be read. Out of line, so that
/// the usual send saves no registers for it.
[[gnu::cold, gnu::noinline]] void Connection::cut_file(int error) {
  if (error == ENODATA)
    return active_->cut_file({EndedBy::local, How::fin, Phase::response, Cause::app_body_short});
  record::Evidence evidence;
  evidence.error = error;
  evidence.resource = resource_of(Cause::resource_disk);
  active_->cut_file({EndedBy::local, How::fin, Phase::response, Cause::resource_disk}, &evidence);
}

void Connection::on_sent(SendResult result) {
  send_pending_ = false;
  if (over_ || active_ == nullptr) return;
  iovec part[1];
  if (took(result, active_->outbox().gather({part, 1}) == 0)) flush();
}

void Connection::on_writable() {
  blocked_ = false;
  if (over_) return;
  if (closing_ != nullptr) return check_close();
  flush();
}

/// All that was queued is with the kernel.
void Connection::request_done() {
  if (over_ || active_ == nullptr || closing_ != nullptr) return;
  // A response may end without further bytes: HEAD, or a length that was reached before finish().
  if (active_->answered() && !active_->close().wanted)
    active_->on_handed(worker().loop().precise_now());
  if (active_->busy()) {
    active_->on_drained();
    return rearm();
  }
  if (active_->close().wanted) {
    const Verdict verdict = active_->close().verdict;
    if (active_->close().must_reset)
      return finalize(make_ending(verdict, active_->close_evidence()), true);
    return begin_close(verdict, active_->close_evidence());
  }
  if (active_->idle()) {
    worker().give_back(std::exchange(active_, nullptr));
    if (paused_) update_reading();
    enter(Phase::idle);
  } else {
    active_->resume_input();
    if (over_) return;
    if (peer_fin_ && !active_->busy() && !active_->close().wanted && phase_ == Phase::head)
      // The last pipelined head was cut.
      return end({EndedBy::peer, How::fin, Phase::head, Cause::client_head_truncated}, {});
  }
  if (peer_fin_ && active_ == nullptr)
    return begin_close({EndedBy::peer, How::fin, Phase::flush, Cause::ok_half_close_served}, {});
  rearm();
}

// ---- The peer's end ----

Facts Connection::facts(EndKind end, std::size_t unacked) const {
  Facts facts = unacked > 0 ? Facts{kUnacked} : Facts{0};
  if (closing_ != nullptr) facts |= kDecidedOk;
  if (active_ == nullptr) return facts;
  if (active_->close().decided) facts |= kDecided;
  // Behind a pause the kernel may hold the rest of the body: whoever reads it will see (read_body).
  // Broken framing is refused, not cut.
  using BodyState = Http1Exchange::BodyState;
  const BodyState body = active_->body_state();
  const bool told_by_reader = end == EndKind::fin && (paused_ || body == BodyState::broken);
  if (body != BodyState::whole && !told_by_reader) facts |= kBodyOpen;
  if (active_->close_started()) {
    facts |= kCloseStarted;
    if (overridable(active_->close().verdict.cause)) facts |= kCloseOk;
  }
  if (!active_->outbox().empty() || active_->response_incomplete()) facts |= kUnsent;
  if (peer_fin_) facts |= active_->fin_was_handling() ? kFinHandling : kFinReceiving;
  return facts;
}

/// What an end of the stream means for this connection as it stands.
std::optional<Verdict> Connection::judge_end(EndKind kind, std::size_t unacked) const {
  Phase phase = phase_;
  const Facts known = facts(kind, unacked);
  if (phase == Phase::handling && (known & kBodyOpen) != 0 && active_->not_started())
    phase = Phase::body;  // the rest of the body is what we would wait for next
  // The kernel was asked to take a response, and has taken no byte of it.
  if (phase == Phase::response && active_->first_response_byte() == Instant{})
    phase = Phase::handling;
  return judge(kind, phase, known);
}

void Connection::on_end(StreamEnd end_) {
  if (over_) return;
  recorder_.note_end(end_.kind, worker().loop().now());
  if (end_.kind == EndKind::fin) {
    if (peer_fin_) return;
    if (closing_ != nullptr) {
      peer_fin_ = true;
      return check_close();
    }
  }
  const std::size_t unacked = stream_.unacknowledged();
  const std::optional<Verdict> verdict = judge_end(end_.kind, unacked);
  if (end_.kind == EndKind::fin) peer_fin_ = true;
  record::Evidence evidence;
  evidence.error = end_.kind == EndKind::fin || end_.kind == EndKind::rst ? 0 : end_.error;
  if (verdict) evidence.resource = resource_of(verdict->cause);
  if (verdict && verdict->cause == Cause::client_body_truncated)
    active_->note_body_progress(evidence);
  if (verdict && verdict->cause == Cause::network_vanished) {
    evidence.found_by = unacked == 0                             ? record::FoundBy::keep_alive
                        : settings().tcp_user_timeout > Nanos{0} ? record::FoundBy::user_timeout
                                                                 : record::FoundBy::retransmit;
  }
  if (closing_ != nullptr) {  // the connection was ending already: the end of its procedure
    record::Ending ending = closing_->ending;
    if (end_.kind == EndKind::rst) ending.evidence.linger = record::Linger::rst;
    if (verdict && overridable(ending.cause)) {
      evidence.linger = ending.evidence.linger;
      ending = make_ending(*verdict, evidence);
    }
    if (verdict && active_ != nullptr) active_->set_late(*verdict, evidence);
    return finalize(ending, ending.ended_by == EndedBy::local && ending.how == How::rst, unacked);
  }
  if (verdict) return end(*verdict, evidence);
  if (end_.kind == EndKind::fin) return half_closed();
  // A reply of ours was on its way when the client reset: what we had decided stands.
  finalize(make_ending(active_->close().verdict, active_->close_evidence()), false);
}

/// The client finished its direction while we serve it: half-closed, or gone?
void Connection::half_closed() {
  if (active_ != nullptr) active_->on_client_fin();
  rearm();
}

}  // namespace finack::server
