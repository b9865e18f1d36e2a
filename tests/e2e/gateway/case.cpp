#include "e2e/gateway/case.h"

#include <iterator>
#include <utility>

namespace finack::gateway_matrix {

Row tried(int status) {
  return row("local", "none", "body", "ok.completed", "normal", "all").answered(status);
}

Row pool_closed(std::string_view how) {
  return row("peer", how, "pool", "ok.pool_peer_closed", "normal", "all");
}

Row pool_shut() { return row("local", "fin", "pool", "operator.shutdown", "normal", "all"); }

Row answered(std::string_view cause, int status, std::string_view phase) {
  const std::string_view how = cause.starts_with("timeout.") ? "timeout" : "reply";
  return row("local", how, phase, cause, "fault", "handed").answered(status);
}

Row other_leg(std::string_view how, std::string_view phase, std::string_view severity,
              std::string_view delivered) {
  return row("local", how, phase, "policy.other_leg", severity, delivered);
}

Case failing(std::string name, File file, std::function<void(Stage&)> act, const Row& failed,
             const Row& request) {
  if (file.cluster.find("retry:") == std::string::npos)
    file.cluster += std::string(file.cluster.empty() ? "" : ", ") + "retry: { tries: 1 }";
  Row attempt = failed;
  if (attempt.status < 0) attempt.status = 0;
  return {std::move(name),
          std::move(file),
          std::move(act),
          {{e2e::closed_idle(), {{request, {{attempt}}}}}},
          {failed}};
}

std::vector<Case> joined(std::vector<Case> first, std::vector<Case> second) {
  std::move(second.begin(), second.end(), std::back_inserter(first));
  return first;
}

std::vector<Case> all_cases() {
  std::vector<Case> all;
  for (const auto& make :
       {plain_cases, dial_cases, tls_cases, cut_cases, timeout_cases, broken_cases, reuse_cases,
        upload_cases, leaving_cases, phase_cases, cluster_cases, network_cases, tunnel_cases}) {
    all = joined(std::move(all), make());
  }
  return all;
}

}  // namespace finack::gateway_matrix
