#include "finack/record/drainer.h"

#include <algorithm>
#include <utility>

namespace finack::record {

Drainer::Drainer(Options options) : options_(std::move(options)) {
  if (options_.clock == nullptr) options_.clock = &system_clock();
  for (Ring* ring : options_.rings) ring->attach(&bell_);
  for (Sink* sink : options_.sinks) sink->attach(&bell_);
}

Drainer::~Drainer() {
  stop();
  for (Ring* ring : options_.rings) ring->attach(nullptr);
  for (Sink* sink : options_.sinks) sink->attach(nullptr);
}

void Drainer::start() {
  thread_ = std::thread([this] { run(); });
}

void Drainer::stop() {
  if (stopping_.exchange(true)) return;
  bell_.ring();
  if (thread_.joinable()) thread_.join();
  release_writers();
  // What a writer published between the thread's last look and its release, and what waits for
  // room.
  while (turn() != 0 || !drained()) {
    if (!drained()) bell_.wait(options_.bound);
  }
}

void Drainer::release_writers() {
  for (Ring* ring : options_.rings) ring->detach();
}

bool Drainer::drained() const {
  return std::ranges::all_of(options_.rings, [](const Ring* ring) { return ring->drained(); });
}

void Drainer::request_reopen() {
  reopen_.store(true, std::memory_order_release);
  bell_.ring();
}

void Drainer::wake() { bell_.ring(); }

std::size_t Drainer::turn() {
  std::size_t records = 0;
  std::uint64_t dropped = 0;
  for (Ring* ring : options_.rings) {
    records += ring->drain(options_.sinks);
    dropped += ring->take_dropped();
  }
  const bool reopen = reopen_.exchange(false, std::memory_order_acquire);
  const WallTime now = options_.clock->wall();
  for (Sink* sink : options_.sinks) {
    if (dropped != 0) sink->on_dropped(dropped);
    if (reopen) {
      // What was read so far belongs to the old file.
      sink->flush(now);
      sink->reopen();
    }
    sink->flush(now);
  }
  return records;
}

void Drainer::run() {
  while (!stopping_.load(std::memory_order_acquire)) {
    bell_.wait(options_.bound);
    turn();
  }
}

}  // namespace finack::record
