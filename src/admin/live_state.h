#pragma once
#include <boost/json.hpp>
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/plan.h"
#include "gateway/worker_cluster.h"
#include "record/live_page.h"

namespace finack::admin {

/// What a query asks for: limit (1 to 1000), after (an id), phase, role. The error says which of
/// them is wrong, and what is allowed.
std::expected<record::LivePage::Asked, std::string> read_query(std::string_view query);

/// GET /connections. `missing`: workers that did not answer.
boost::json::value connections_json(record::LivePage page, std::size_t missing);

/// GET /clusters: those of `plan`, in the order of its file, with the sum of what workers have.
boost::json::value clusters_json(const gateway::Plan& plan,
                                 const std::vector<std::vector<gateway::ClusterShare>>& workers,
                                 Instant now, std::size_t missing);

}  // namespace finack::admin
