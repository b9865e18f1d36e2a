#include "finack/record/cause.h"

#include <algorithm>
#include <array>

namespace finack::record {
namespace {

constexpr std::array<std::string_view, kPhaseCount> kPhaseNames = {
    "accept",  "proxy_header", "tls",      "fresh", "head", "body",
    "queue",   "handling",     "response", "flush", "idle", "tunnel",
    "resolve", "connect",      "send",     "wait",  "pool"};
constexpr std::array<std::string_view, kSeverityCount> kSeverityNames = {"normal", "notice",
                                                                         "fault", "bug"};
constexpr std::array<std::string_view, kCauseFamilyCount> kFamilyNames = {
    "ok",      "client", "timeout",  "upstream", "policy", "app",
    "network", "kernel", "resource", "operator", "bug",    "unknown"};

constexpr PhaseSet first_to_last(Phase first, Phase last) {
  PhaseSet set;
  for (auto p = static_cast<std::uint8_t>(first); p <= static_cast<std::uint8_t>(last); ++p) {
    set = set | PhaseSet(static_cast<Phase>(p));
  }
  return set;
}

constexpr PhaseSet kServer = first_to_last(Phase::accept, Phase::tunnel);
constexpr PhaseSet kClient = first_to_last(Phase::resolve, Phase::pool) | PhaseSet(Phase::tls) |
                             PhaseSet(Phase::head) | PhaseSet(Phase::body) |
                             PhaseSet(Phase::tunnel);

// The words of causes.def's columns. In a scope of their own, because `accept` and others are
// also functions of the C library.
namespace words {
constexpr PhaseSet nothing{}, any = kServer | kClient;
constexpr PhaseSet accept{Phase::accept}, proxy_header{Phase::proxy_header}, tls{Phase::tls};
constexpr PhaseSet fresh{Phase::fresh}, head{Phase::head}, body{Phase::body}, queue{Phase::queue};
constexpr PhaseSet handling{Phase::handling}, response{Phase::response}, flush{Phase::flush};
constexpr PhaseSet idle{Phase::idle}, tunnel{Phase::tunnel}, resolve{Phase::resolve};
constexpr PhaseSet connect{Phase::connect}, send{Phase::send}, wait{Phase::wait}, pool{Phase::pool};

enum class Roles : unsigned { S = 1, C = 2, SC = 3 };
enum class Ends : unsigned { c = 1, r = 2, b = 3 };

constexpr std::array<CauseInfo, kCauseCount> kCauses = {{
#define FINACK_CAUSE(enumerator, printed, family, roles, ends, at_server, at_client, severity, \
                     how, when, nearest)                                                       \
  {Cause::enumerator,                                                                          \
   printed,                                                                                    \
   CauseFamily::family,                                                                        \
   (static_cast<unsigned>(Roles::roles) & 1U) != 0,                                            \
   (static_cast<unsigned>(Roles::roles) & 2U) != 0,                                            \
   (static_cast<unsigned>(Ends::ends) & 1U) != 0,                                              \
   (static_cast<unsigned>(Ends::ends) & 2U) != 0,                                              \
   (at_server) & kServer,                                                                      \
   (at_client) & kClient,                                                                      \
   Severity::severity,                                                                         \
   how,                                                                                        \
   when,                                                                                       \
   nearest},
#include "finack/record/causes.def"
#undef FINACK_CAUSE
}};
}  // namespace words

constexpr std::array<FindingInfo, kFindingCount> kFindings = {{
#define FINACK_FINDING(enumerator, printed, when) {Finding::enumerator, printed, when},
#include "finack/record/findings.def"
#undef FINACK_FINDING
}};

template <class E, std::size_t N>
std::optional<E> index_of(const std::array<std::string_view, N>& names, std::string_view word) {
  const auto found = std::ranges::find(names, word);
  if (found == names.end()) return std::nullopt;
  return static_cast<E>(found - names.begin());
}

}  // namespace

PhaseSet server_phases() { return kServer; }
PhaseSet client_phases() { return kClient; }

std::string_view name(Phase phase) { return kPhaseNames[static_cast<std::size_t>(phase)]; }
std::string_view name(Severity s) { return kSeverityNames[static_cast<std::size_t>(s)]; }
std::string_view name(CauseFamily f) { return kFamilyNames[static_cast<std::size_t>(f)]; }
std::string_view name(Cause cause) { return info(cause).name; }
std::string_view name(Finding finding) { return info(finding).name; }

std::optional<Phase> parse_phase(std::string_view word) {
  return index_of<Phase>(kPhaseNames, word);
}
std::optional<Severity> parse_severity(std::string_view word) {
  return index_of<Severity>(kSeverityNames, word);
}
std::optional<Cause> parse_cause(std::string_view word) {
  const auto found = std::ranges::find(words::kCauses, word, &CauseInfo::name);
  if (found == words::kCauses.end()) return std::nullopt;
  return found->cause;
}
std::optional<Finding> parse_finding(std::string_view word) {
  const auto found = std::ranges::find(kFindings, word, &FindingInfo::name);
  if (found == kFindings.end()) return std::nullopt;
  return found->finding;
}

const CauseInfo& info(Cause cause) { return words::kCauses[static_cast<std::size_t>(cause)]; }
const FindingInfo& info(Finding finding) { return kFindings[static_cast<std::size_t>(finding)]; }

std::span<const CauseInfo, kCauseCount> all_causes() { return words::kCauses; }
std::span<const FindingInfo, kFindingCount> all_findings() { return kFindings; }

}  // namespace finack::record
