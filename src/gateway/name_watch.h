#pragma once
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "gateway/alarm.h"
#include "gateway/cluster.h"
#include "gateway/worker_cluster.h"
#include "net/resolver.h"

namespace finack::gateway {

/// When a name whose question failed for the n-th time in a row (from 1) is asked for again: after
/// `least`, then twice as long each time, up to half a minute and never more than `most`; of that
/// the draw (64 even random bits) takes up to a half off.
Nanos wait_after_failures(std::uint32_t failures, Nanos least, Nanos most, std::uint64_t draw);

/// Asks for one name of a cluster again and again, at the end of each answer's time, and tells the
/// cluster's servers. A failure changes nothing but the time of the next question. Loop thread
/// only, but construction and destruction, which may come before and after the loop runs.
class NameWatch final : private net::LookupObserver {
 public:
  /// The first question comes with the loop's first turn. `random` outlives this.
  NameWatch(const WorkerParts& parts, std::shared_ptr<Cluster> cluster, ServerName name,
            std::mt19937_64& random);
  ~NameWatch();

  const std::shared_ptr<Cluster>& cluster() const { return cluster_; }

 private:
  void on_resolved(const net::Resolved& resolved) override;
  void ask();
  void answered(const net::Resolved& resolved);
  void failed(net::ResolveError error);
  void say_change(const ServerChange& change) const;
  void say(std::string_view what) const;
  const std::string& text() const { return cluster_->settings().servers[name_.entry].address; }

  const WorkerParts parts_;
  const std::shared_ptr<Cluster> cluster_;
  const ServerName name_;
  const net::LookupOptions options_;
  std::mt19937_64& random_;
  net::Lookup lookup_;
  Alarm<NameWatch> next_;
  std::uint32_t failures_ = 0;  ///< In a row.
  bool known_ = false;          ///< An answer came at some time.
};

}  // namespace finack::gateway
