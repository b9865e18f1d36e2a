#include "admin/api_handler.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "admin/answer.h"
#include "admin/gathering.h"
#include "admin/live_state.h"
#include "admin/same_site.h"
#include "finack/http/uri.h"
#include "record/connection_id.h"

namespace finack::admin {
namespace {

using client::UpstreamServer;
using record::Cause;

/// The segments of a path; none: it is not percent-encoded, and so leads nowhere here.
std::vector<std::string> segments(std::string_view path) {
  std::vector<std::string> out;
  while (path.starts_with('/')) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    auto decoded = http::decode_path(segment);
    if (!decoded) return {};
    out.push_back(std::move(*decoded));
    path.remove_prefix(segment.size());
  }
  return out;
}

enum class Act : std::uint8_t { drain, eject, restore, none };

Act act_of(std::string_view word) {
  if (word == "drain") return Act::drain;
  if (word == "eject") return Act::eject;
  return word == "restore" ? Act::restore : Act::none;
}

/// False: the cluster has no place for another ejected server.
bool apply(Act act, UpstreamServer& server, Instant now) {
  if (act == Act::eject) return server.health.eject(now);
  if (act == Act::restore) server.health.restore(now);
  server.health.set_drained(act == Act::drain, now);
  return true;
}

}  // namespace

void ApiHandler::handle(http::Exchange& exchange) {
  const http::RequestHead& request = exchange.request();
  if (const std::string_view why = foreign(request, options_.name); !why.empty())
    return answer_error(exchange, 403, why, Cause::policy_denied);
  const Path path = segments(request.path);
  if (read(exchange, path) || act(exchange, path)) return;
  if (options_.more != nullptr) return options_.more->handle(exchange);
  answer_not_found(exchange);
}

/// False: it is none of the paths that are read.
bool ApiHandler::read(http::Exchange& exchange, const Path& path) {
  if (path.size() != 1 || (path[0] != "connections" && path[0] != "clusters")) return false;
  const http::Method method = exchange.request().method;
  if (method != http::Method::get && method != http::Method::head) {
    answer_wrong_method(exchange, "GET, HEAD");
  } else if (path[0] == "connections") {
    list_connections(exchange);
  } else {
    list_clusters(exchange);
  }
  return true;
}

/// False: it is none of the paths that change something.
bool ApiHandler::act(http::Exchange& exchange, const Path& path) {
  const bool kills = path.size() == 3 && path[0] == "connections" && path[2] == "kill";
  const bool sets = path.size() == 5 && path[0] == "clusters" && path[2] == "servers" &&
                    act_of(path[4]) != Act::none;
  if (!kills && !sets) return false;
  if (exchange.request().method != http::Method::post) {
    answer_wrong_method(exchange, "POST");
  } else if (kills) {
    kill(exchange, path[1]);
  } else {
    set_server(exchange, path);
  }
  return true;
}

void ApiHandler::list_connections(http::Exchange& exchange) {
  const auto asked = read_query(exchange.request().query);
  if (!asked) return answer_error(exchange, 400, asked.error(), Cause::policy_bad_request);
  const auto look = [asked = *asked](Worker& worker) {
    record::LivePage page(asked);
    worker.list(page);
    return page;
  };
  const auto done = [asked = *asked](http::Exchange& to, std::vector<record::LivePage> pages,
                                     std::size_t missing) {
    record::LivePage all(asked);
    for (record::LivePage& page : pages) all.merge(std::move(page));
    answer_json(to, 200, connections_json(std::move(all), missing));
  };
  gather<record::LivePage>(exchange, *options_.workers, look, done);
}

void ApiHandler::list_clusters(http::Exchange& exchange) {
  using Shares = std::vector<gateway::ClusterShare>;
  const auto done = [plan = options_.plan(), clock = options_.clock](
                        http::Exchange& to, const std::vector<Shares>& workers,
                        std::size_t missing) {
    answer_json(to, 200, clusters_json(*plan, workers, clock->now(), missing));
  };
  gather<Shares>(exchange, *options_.workers, [](Worker& worker) { return worker.shares(); }, done);
}

void ApiHandler::kill(http::Exchange& exchange, std::string_view text) {
  const auto id = record::parse_id(text);
  if (!id) return answer_error(exchange, 404, "that is no connection's id");
  const auto done = [name = std::string(text)](http::Exchange& to, const std::vector<char>& found,
                                               std::size_t missing) {
    if (std::ranges::find(found, true) != found.end())
      return answer_json(to, 200, boost::json::object{{"killed", name}});
    if (missing > 0) return answer_error(to, 503, "a worker did not answer: it may end it yet");
    answer_error(to, 404, fmt::format("there is no live connection {}", name));
  };
  gather<char>(
      exchange, *options_.workers, [id = *id](Worker& worker) { return worker.kill(id); }, done);
}

void ApiHandler::set_server(http::Exchange& exchange, const Path& path) {
  const auto plan = options_.plan();
  const auto cluster = std::ranges::find(plan->clusters(), path[1], [](const auto& one) {
    return std::string_view(one->settings().name);
  });
  if (cluster == plan->clusters().end())
    return answer_error(exchange, 404, fmt::format("there is no cluster '{}'", path[1]));
  const auto servers = (*cluster)->servers();
  const auto server = std::ranges::find(
      servers, path[3], [](const auto& one) { return std::string_view(one->name); });
  if (server == servers.end()) {
    return answer_error(exchange, 404,
                        fmt::format("the cluster '{}' has no server '{}'", path[1], path[3]));
  }
  if (!apply(act_of(path[4]), **server, options_.clock->now())) {
    return answer_error(exchange, 409,
                        "as many servers of the cluster are ejected as eject_percent allows");
  }
  tell_workers(exchange, *cluster, *server);
}

/// Answers what became of the server, once the workers act on it.
void ApiHandler::tell_workers(http::Exchange& exchange, std::shared_ptr<gateway::Cluster> cluster,
                              std::shared_ptr<UpstreamServer> server) {
  const auto follow = [](Worker& worker) {
    worker.follow_drains();
    return char{};
  };
  // A reload may let go of the cluster meanwhile, which has to outlive its server.
  const auto done = [both = std::pair(std::move(cluster), std::move(server)),
                     clock = options_.clock](http::Exchange& to, const std::vector<char>&,
                                             std::size_t missing) {
    const auto& [of, changed] = both;
    const client::Availability state = changed->health.availability(clock->now());
    answer_json(to, 200,
                boost::json::object{{"cluster", of->settings().name},
                                    {"server", changed->name},
                                    {"state", client::name(state)},
                                    {"missing_workers", missing}});
  };
  gather<char>(exchange, *options_.workers, follow, done);
}

}  // namespace finack::admin
