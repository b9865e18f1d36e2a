// A proxied request before a try: the choice of a server, or the wait for a slot.
#include <utility>

#include "gateway/proxied_request.h"

namespace finack::gateway {

using record::Cause;

void ProxiedRequest::begin_try() {
  // Who holds a slot waits for a connection alone, and before all who wait for a slot.
  const bool behind_others = passage_.share->crowded() && !holds_slot_;
  if (behind_others || !begin_if_possible()) queue_up();
}

/// False: it has to wait for a slot.
bool ProxiedRequest::begin_if_possible() {
  Cluster& cluster = *passage_.to->cluster;
  const bool new_slot = !holds_slot_;
  if (new_slot && !cluster.requests.try_take()) return false;
  holds_slot_ = true;
  const Choice choice =
      passage_.share->pick(exchange_->request(), forwarded_.client,
                           std::span(tried_).first(tried_count_), may_be_repeated());
  if (choice.full || (choice.server && !take_connection())) {
    if (new_slot) {
      holds_slot_ = false;
      cluster.requests.give_back();
    }
    return false;
  }
  leave_queue();
  if (choice.server != nullptr) {
    ask(*choice.server);
  } else {
    // A try that ended by an answer, or by our own wish, failed for nothing of its own.
    const Cause last = tries_.empty() ? Cause::unknown : tries_.all().back().cause;
    const bool failed = record::info(last).family != record::CauseFamily::ok &&
                        last != Cause::app_cancelled && last != Cause::upstream_upgrade_refused &&
                        last != Cause::unknown;
    fail(failed ? last : Cause::upstream_none_healthy);
  }
  return true;
}

/// False: another worker was first.
bool ProxiedRequest::take_connection() {
  BoundedCount& connections = passage_.to->cluster->connections;
  if (connections.most() == 0) return true;
  holds_try_ = connections.try_take();
  return holds_try_;
}

void ProxiedRequest::give_connection() {
  if (!std::exchange(holds_try_, false)) return;
  passage_.to->cluster->connections.give_back();
  passage_.share->note_slot();
}

void ProxiedRequest::queue_up() {
  if (!passage_.to->cluster->take_place()) return shed("queue");
  holds_place_ = true;
  exchange_->set_queued(true);
  passage_.share->wait(turn_, holds_slot_);
  if (const Nanos most = passage_.to->queue; most != Nanos(0))
    pause_.set(most, &ProxiedRequest::queued_too_long);
}

void ProxiedRequest::leave_queue() {
  if (!std::exchange(holds_place_, false)) return;
  turn_.unlink();
  pause_.stop();
  if (exchange_ != nullptr) exchange_->set_queued(false);
  passage_.to->cluster->queued.give_back();
}

void ProxiedRequest::give_slot() {
  if (!std::exchange(holds_slot_, false)) return;
  passage_.to->cluster->requests.give_back();
  passage_.share->note_slot();
}

void ProxiedRequest::queued_too_long() {
  ledger_.counters().timer_fired(record::TimerKind::queue);
  fail(Cause::timeout_queue);
}

}  // namespace finack::gateway
