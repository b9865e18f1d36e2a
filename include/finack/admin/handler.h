#pragma once
#include <functional>
#include <string>
#include <utility>

#include "finack/admin/health.h"
#include "finack/http/exchange.h"

namespace finack::admin {

/// The admin listener's handler: GET and HEAD of /metrics, /livez, /readyz, /version and / (an
/// index). Other methods get 405 with Allow, other paths go to `more`, else 404. It asks for no
/// credentials: bind it to loopback. Any thread.
class AdminHandler final : public http::Handler {
 public:
  struct Options {
    const Health* health = nullptr;        ///< Must outlive the handler.
    std::function<std::string()> metrics;  ///< Prometheus text; called on the loop of the request.
    /// Answers all other paths, whatever the method; must outlive the handler. nullptr: 404.
    http::Handler* more = nullptr;
    std::string more_index{};  ///< Lines of the index for those paths.
    std::string version;       ///< "0.1.0"
    std::string revision;      ///< "" where unknown.
    std::string loop_backend;  ///< "io_uring" or "epoll"
  };
  explicit AdminHandler(Options options) : options_(std::move(options)) {}
  void handle(http::Exchange& exchange) override;

 private:
  Options options_;
};

/// Only /livez and /readyz, for a listener that load balancers and kubelets reach from outside.
class ProbeHandler final : public http::Handler {
 public:
  explicit ProbeHandler(const Health& health) : health_(&health) {}
  void handle(http::Exchange& exchange) override;

 private:
  const Health* health_;
};

}  // namespace finack::admin
