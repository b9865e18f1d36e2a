#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "finack/record/record.h"

namespace finack::record {

/// A connection that has not ended, as it is at this moment.
struct LiveConnection {
  ConnectionId id;
  Role role = Role::server;
  Phase phase = Phase::fresh;
  Nanos age{0};       ///< Since it was accepted, or its dial began.
  Nanos in_phase{0};  ///< Since it is in its phase.
  Address peer;       ///< Family none: a dial that has reached nobody yet.
  Address local;
  std::string listener;  ///< Of an accepted one: as in its record.
  std::string route;     ///< Of its request in progress; "": none, or none has matched yet.
  std::string server;    ///< Of a dialed one: as its cluster names it.
  std::uint64_t requests = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
};

/// Some of the live connections: those that are asked for, in the order of worker and sequence, at
/// most `limit`. Who has connections shows each by wants(), and adds it where that is true; pages
/// of several workers are made one by merge(). One thread at a time.
class LivePage {
 public:
  struct Asked {
    std::optional<Role> role{};    ///< Nothing: both.
    std::optional<Phase> phase{};  ///< Nothing: all.
    std::optional<ConnectionId> after{};
    std::size_t limit = 100;  ///< At least 1.
  };
  explicit LivePage(const Asked& asked) : asked_(asked) {}

  /// Whether it is asked for and comes before the last of a full page. Cheap, so that only what may
  /// stay is described.
  bool wants(const ConnectionId& id, Role role, Phase phase);
  /// One that is wanted; the last one makes room for it.
  void add(LiveConnection connection);
  void merge(LivePage page);

  /// More are asked for than the page holds.
  bool more() const { return more_; }
  /// In order.
  std::vector<LiveConnection> take();

 private:
  Asked asked_;
  std::vector<LiveConnection> heap_;  ///< The last one first.
  bool more_ = false;
};

}  // namespace finack::record
