#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "admin/worker.h"
#include "finack/base/clock.h"
#include "finack/http/exchange.h"
#include "gateway/plan.h"

namespace finack::admin {

/// A gateway's live state and its operator's acts (docs/admin.md), behind the paths that every
/// AdminHandler has. Answers JSON, errors too. Refuses what a page of another site in a browser may
/// have sent (same_site.h), for all of its paths and those of `more`. Any thread; requests wait for
/// the workers without blocking it.
class ApiHandler final : public http::Handler {
 public:
  struct Options {
    std::function<std::shared_ptr<const gateway::Plan>()> plan;  ///< In force now; any thread.
    /// Complete before the first request, and outlive the handler, as what they point to does.
    const std::vector<Worker*>* workers = nullptr;
    std::string name;               ///< By which it may be asked for; "": by address only.
    http::Handler* more = nullptr;  ///< Answers other paths; outlives the handler. nullptr: 404.
    const Clock* clock = nullptr;   ///< Of the workers' loops.
  };
  /// Lines of the admin listener's index.
  static constexpr std::string_view kIndex =
      "\n"
      "  GET  /connections          live connections, from clients and to servers\n"
      "  GET  /clusters             clusters and their servers: health, pools, learned keep-alive\n"
      "  POST /connections/ID/kill  ends a connection now\n"
      "  POST /clusters/NAME/servers/ADDRESS/drain    no more requests for the server\n"
      "  POST /clusters/NAME/servers/ADDRESS/eject    the same for a while\n"
      "  POST /clusters/NAME/servers/ADDRESS/restore  takes both back\n";

  explicit ApiHandler(Options options) : options_(std::move(options)) {}
  void handle(http::Exchange& exchange) override;

 private:
  using Path = std::vector<std::string>;  ///< Its segments, decoded.

  bool read(http::Exchange& exchange, const Path& path);
  bool act(http::Exchange& exchange, const Path& path);
  void list_connections(http::Exchange& exchange);
  void list_clusters(http::Exchange& exchange);
  void kill(http::Exchange& exchange, std::string_view text);
  void set_server(http::Exchange& exchange, const Path& path);
  void tell_workers(http::Exchange& exchange, std::shared_ptr<gateway::Cluster> cluster,
                    std::shared_ptr<client::UpstreamServer> server);

  Options options_;
};

}  // namespace finack::admin
