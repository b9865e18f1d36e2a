#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace finack::record {

// Phase, Severity, Cause and Finding: four of the closed lists of docs/endings.md. Every word is
// spelled once, in causes.def, findings.def or cause.cpp; name() gives it, parse_*() reads it back.
// Everything here is constant and may be used from any thread.

/// Where a connection or request stands. `accept` to `tunnel` are the server's, `resolve` to `pool`
/// only the client's; tls, head, body and tunnel belong to both.
enum class Phase : std::uint8_t {
  accept,
  proxy_header,
  tls,
  fresh,
  head,
  body,
  queue,
  handling,
  response,
  flush,
  idle,
  tunnel,
  resolve,
  connect,
  send,
  wait,
  pool
};
inline constexpr std::size_t kPhaseCount = 17;

/// How loud an ending is: debug, info, warning (with the flight recorder), error.
enum class Severity : std::uint8_t { normal, notice, fault, bug };
inline constexpr std::size_t kSeverityCount = 4;

/// The first word of a cause: who is to be asked. `operator_` prints as "operator".
enum class CauseFamily : std::uint8_t {
  ok,
  client,
  timeout,
  upstream,
  policy,
  app,
  network,
  kernel,
  resource,
  operator_,
  bug,
  unknown
};
inline constexpr std::size_t kCauseFamilyCount = 12;

/// Why a connection or request ended. `Cause::timeout_head` prints as "timeout.head".
enum class Cause : std::uint8_t {
#define FINACK_CAUSE(enumerator, ...) enumerator,
#include "finack/record/causes.def"
#undef FINACK_CAUSE
};
inline constexpr std::size_t kCauseCount = static_cast<std::size_t>(Cause::unknown) + 1;

/// Something worth knowing that ended nothing. `Finding::loop_blocked` prints as
/// "finding.loop_blocked".
enum class Finding : std::uint8_t {
#define FINACK_FINDING(enumerator, ...) enumerator,
#include "finack/record/findings.def"
#undef FINACK_FINDING
};
inline constexpr std::size_t kFindingCount = static_cast<std::size_t>(Finding::loop_blocked) + 1;

/// A set of phases.
class PhaseSet {
 public:
  constexpr PhaseSet() = default;
  constexpr explicit PhaseSet(Phase phase) : bits_(1U << static_cast<unsigned>(phase)) {}
  constexpr bool contains(Phase phase) const {
    return (bits_ >> static_cast<unsigned>(phase) & 1U) != 0;
  }
  constexpr bool empty() const { return bits_ == 0; }
  friend constexpr PhaseSet operator|(PhaseSet a, PhaseSet b) {
    a.bits_ |= b.bits_;
    return a;
  }
  friend constexpr PhaseSet operator&(PhaseSet a, PhaseSet b) {
    a.bits_ &= b.bits_;
    return a;
  }
  friend constexpr bool operator==(PhaseSet, PhaseSet) = default;

 private:
  std::uint32_t bits_ = 0;
};

/// The phases a role can be in at all.
PhaseSet server_phases();
PhaseSet client_phases();

/// One row of causes.def.
struct CauseInfo {
  Cause cause = Cause::unknown;
  std::string_view name;
  CauseFamily family = CauseFamily::unknown;
  bool server = false;           ///< Ends accepted connections and their requests.
  bool client = false;           ///< Ends dialed ones.
  bool ends_connection = false;  ///< May stand in a connection record.
  bool ends_request = false;     ///< May stand in a request record.
  PhaseSet server_phases;        ///< Equal to record::server_phases(): any.
  PhaseSet client_phases;
  Severity severity = Severity::bug;  ///< By default; `when` names the exceptions.
  std::string_view how;               ///< The words of How it comes with, separated by spaces.
  std::string_view when;
  std::string_view nearest;  ///< What others would say; "" where none of them can tell.
};

struct FindingInfo {
  Finding finding = Finding::loop_blocked;
  std::string_view name;
  std::string_view when;
};

std::string_view name(Phase phase);
std::string_view name(Severity severity);
std::string_view name(CauseFamily family);
std::string_view name(Cause cause);
std::string_view name(Finding finding);

/// From the printed word; nullopt for a word that is not in the list.
std::optional<Phase> parse_phase(std::string_view word);
std::optional<Severity> parse_severity(std::string_view word);
std::optional<Cause> parse_cause(std::string_view word);
std::optional<Finding> parse_finding(std::string_view word);

const CauseInfo& info(Cause cause);
const FindingInfo& info(Finding finding);

/// All rows, in the order of the list.
std::span<const CauseInfo, kCauseCount> all_causes();
std::span<const FindingInfo, kFindingCount> all_findings();

/// True for the ok family: nothing went wrong.
constexpr bool is_ok(Cause cause) { return cause <= Cause::ok_hijacked; }

}  // namespace finack::record
