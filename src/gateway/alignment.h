#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "gateway/settings.h"

namespace finack::gateway {

/// A setting that a misalignment is about, as a file names it: "clusters.api.timeouts.try".
struct AlignedSetting {
  std::string path;
  std::string value;  ///< As a file writes it, defaults included.

  friend bool operator==(const AlignedSetting&, const AlignedSetting&) = default;
};

/// Settings that are each allowed, and do not go together.
struct Misalignment {
  std::string_view rule;  ///< "19E": a number that never changes, and E error, W warning, I info.
  std::vector<AlignedSetting> settings;  ///< Never empty; the first is the one to look at.
  std::string what;                      ///< What goes wrong, a sentence without its full stop.
  std::string change;                    ///< What to write instead.

  friend bool operator==(const Misalignment&, const Misalignment&) = default;
};

/// What of these settings does not go together, by the rules that need nothing but them. Judges
/// what is in force, whoever set it; each pair is named once. Pure; any thread.
std::vector<Misalignment> misalignments(const GatewaySettings& settings);

/// "error", "warning" or "info".
std::string_view severity_word(const Misalignment& misalignment);

}  // namespace finack::gateway
