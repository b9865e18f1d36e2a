#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "finack/base/error.h"
#include "finack/base/fd.h"
#include "storm/behaviour.h"
#include "storm/peer.h"

namespace finack::storm {

struct StormOptions {
  std::uint16_t port = 0;            ///< Of the server, on 127.0.0.1.
  std::uint64_t connections = 1000;  ///< Dials in all.
  unsigned concurrency = 256;        ///< Dials and connections at one time, at least 1.
  std::uint64_t seed = 1;            ///< The same seed draws the same behaviours.
  /// Local addresses 127.0.0.1, .2, … that take turns: each has its own ephemeral ports.
  unsigned sources = 16;
  /// After this time nothing new is dialed; 0: no bound.
  std::chrono::milliseconds time_limit{0};
  /// How long one connection may take before it is given up, as a surprise.
  std::chrono::milliseconds patience{20000};
  /// Draws from these alone; empty: from all, by their weights.
  std::vector<Behaviour> only;
};

/// A connection that the kernel completed.
struct Contact {
  std::uint32_t source = 0;  ///< IPv4 address, host byte order.
  std::uint16_t port = 0;
  Behaviour behaviour = Behaviour::get_close;
  bool completed = false;      ///< Always, in a result.
  bool surprised = false;      ///< It did not go by its script, so its ending may be any.
  std::uint64_t requests = 0;  ///< That it began to send.
};
/// As record lines print it.
std::string to_string(const Contact& contact);

struct BehaviourCount {
  std::uint64_t completed = 0;  ///< Connects that the kernel completed.
  std::uint64_t surprised = 0;
  std::string first_surprise;  ///< What happened instead, and on which connection.
};

/// The storm's own books.
struct StormResult {
  std::uint64_t connects_completed = 0;
  std::uint64_t connects_failed = 0;
  std::uint64_t requests_begun = 0;
  std::string first_failure;
  std::array<BehaviourCount, kBehaviourCount> behaviours;
  /// Every completed connect in the order of the dials: those of one local address and port are in
  /// the order in which they took it.
  std::vector<Contact> contacts;
  bool out_of_time = false;  ///< The time limit came before the last dial.
  std::chrono::milliseconds elapsed{0};

  std::uint64_t surprised() const;
};

/// Runs many short connections with a random mix of behaviours against one server, on the calling
/// thread. Create, run once.
class Generator {
 public:
  static Expected<std::unique_ptr<Generator>> create(StormOptions options);

  /// Returns when the last connection has ended. The error: nothing can be polled.
  Expected<StormResult> run();

 private:
  using Clock = std::chrono::steady_clock;

  struct Slot {
    std::optional<Peer> peer;  ///< Once connected.
    Fd dialing;
    Behaviour behaviour = Behaviour::get_close;
    bool pausing = false;
    std::uint64_t serial = 0;  ///< Of its dial; 0: free.
    std::uint64_t contact = 0;
    Clock::time_point given_up_at;
  };
  struct Wake {
    Clock::time_point at;
    std::size_t slot;
    std::uint64_t serial;
    friend bool operator>(const Wake& a, const Wake& b) { return a.at > b.at; }
  };

  Generator(StormOptions options, Fd poller);
  void dial(std::size_t index);
  void connected(std::size_t index, int error);
  void advance(std::size_t index);
  void failed(std::size_t index, std::string why);
  void free(std::size_t index);
  void on_event(std::size_t index);
  void fire_wakes();
  void give_up_late_ones();
  bool may_dial();
  int wait_ms() const;
  Behaviour draw();

  StormOptions options_;
  Fd poller_;
  Random random_;
  std::vector<Behaviour> deck_;  ///< What is drawn from.
  std::vector<Slot> slots_;
  std::vector<std::size_t> free_slots_;
  std::priority_queue<Wake, std::vector<Wake>, std::greater<>> wakes_;
  std::uint64_t dials_ = 0;
  Clock::time_point started_;
  Clock::time_point look_for_late_at_;
  StormResult result_;
};

}  // namespace finack::storm
