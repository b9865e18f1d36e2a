#pragma once
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "finack/http/exchange.h"
#include "gateway/health_checker.h"
#include "gateway/name_watcher.h"
#include "gateway/plan.h"
#include "gateway/proxied_request.h"
#include "gateway/worker_cluster.h"

namespace finack::gateway {

/// One worker's gateway: the handler of its server. Finds the route, then answers by itself or
/// hands the request to a server of the route's cluster; makes its worker's share of the health
/// checks, and of the questions for servers' names. Loop thread only, but construction and
/// destruction, which may come before and after the loop runs.
class Proxy final : public http::Handler, private net::Deferred {
 public:
  Proxy(const WorkerParts& parts, std::shared_ptr<const Plan> plan);
  /// Only once empty().
  ~Proxy() override;

  void handle(http::Exchange& exchange) override;
  /// From now on requests go by `plan`; what is under way ends by the one it began with. Clusters
  /// that the plan does not share with the last one keep their connections until their requests are
  /// done; so it is with checks.
  void adopt(std::shared_ptr<const Plan> plan);
  /// Keeps no connection any more: free ones close now, the others when their requests are done.
  /// Requests are still served, but no health checks are made.
  void close(record::Cause cause);
  /// Ends all requests and connections now.
  void cut(record::Cause cause);
  /// Neither a request nor a connection to a server is left.
  bool empty() const;

  // For an operator; not from inside a request's call.
  std::vector<ClusterShare> shares();
  /// Adds its connections to servers.
  void list(record::LivePage& page);
  /// Ends one of them as operator.killed; false: there is none of that id.
  bool kill(const record::ConnectionId& id);
  /// Servers were drained or restored (client::ServerHealth): lets go of connections to them, or
  /// keeps them again.
  void follow_drains();

  // For requests.
  void give_back(ProxiedRequest& request);
  /// Requests whose memory is kept for the next ones, and those under way.
  std::size_t kept() const { return requests_.size(); }
  /// So many are kept when a burst is over.
  static constexpr std::size_t kSpareRequests = 1024;
  /// Room for a response's fields, for the length of a call.
  std::vector<http::Header>& scratch_headers() { return headers_; }

 private:
  void pass(http::Exchange& exchange, const Found& found);
  void redirect(http::Exchange& exchange, const Route& route);
  void refuse(http::Exchange& exchange, int status, record::Cause cause);
  WorkerCluster& share_of(const std::shared_ptr<Cluster>& cluster);
  bool stays(const Cluster& cluster) const;
  void read_news();
  void follow_servers();
  void run_deferred() override;

  WorkerParts parts_;
  std::shared_ptr<const Plan> plan_;  ///< Counted for this worker alone.
  std::string path_storage_, target_;
  std::vector<http::Header> headers_;  ///< Scratch.
  route::ByteArena arena_;             ///< The same.
  std::unordered_map<const Cluster*, std::unique_ptr<WorkerCluster>> clusters_;
  HealthChecker checks_;
  NameWatcher names_;
  std::vector<std::unique_ptr<ProxiedRequest>> requests_;
  IntrusiveList<ProxiedRequest> spare_;
  std::size_t spares_ = 0;
  IntrusiveList<ProxiedRequest> busy_;
  record::Cause closing_ = record::Cause::unknown;
  bool leaving_ = false;  ///< Something is to be done when it is empty.
  /// Of the plan's clusters whose servers may change. Last: news come until they are gone.
  std::vector<std::unique_ptr<Board<ClusterServers::List>::Reader>> news_;
};

}  // namespace finack::gateway
