#pragma once
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "finack/http/exchange.h"
#include "gateway/plan.h"
#include "gateway/proxied_request.h"
#include "gateway/worker_cluster.h"

namespace finack::gateway {

/// One worker's gateway: the handler of its server. Finds the route, then answers by itself or
/// hands the request to a server of the route's cluster. Loop thread only.
class Proxy final : public http::Handler {
 public:
  Proxy(const WorkerParts& parts, std::shared_ptr<const Plan> plan);
  ~Proxy() override;

  void handle(http::Exchange& exchange) override;
  /// From now on requests go by `plan`; what is under way ends by the one it began with.
  void adopt(std::shared_ptr<const Plan> plan);
  /// Closes free connections; the others when their requests are done.
  void close(record::Cause cause);
  /// Ends all connections now.
  void cut(record::Cause cause);
  /// No connection to a server is left.
  bool empty() const;

  // For requests.
  void give_back(ProxiedRequest& request) { spare_.push_front(request); }

 private:
  void pass(http::Exchange& exchange, const Found& found);
  void redirect(http::Exchange& exchange, const Route& route);
  WorkerCluster& share_of(const std::shared_ptr<Cluster>& cluster);

  WorkerParts parts_;
  std::shared_ptr<const Plan> plan_;
  std::string path_storage_, target_;
  std::vector<http::Header> headers_;  ///< Scratch.
  std::unordered_map<const Cluster*, std::unique_ptr<WorkerCluster>> clusters_;
  std::vector<std::unique_ptr<ProxiedRequest>> requests_;
  IntrusiveList<ProxiedRequest> spare_;
};

}  // namespace finack::gateway
