#pragma once
#include <string>
#include <vector>

#include "config/places.h"
#include "config/resolved.h"
#include "gateway/alignment.h"

namespace finack::cli {

/// What is to be said of a gateway's file.
struct CheckReport {
  std::string file;
  bool readable = true;
  std::vector<config::Problem> problems;  ///< It would not start with these.
  std::vector<gateway::Misalignment> misalignments;
  std::vector<std::string> dangers;  ///< Settings that are 0 where that is dangerous.
  config::Places places;

  /// Nothing but information.
  bool fine() const;
};

/// Reads and judges a file as `finack serve --config FILE` would take it; flags and variables are
/// left out.
CheckReport check_file(const std::string& path);

/// For a person: a line each, "file:line:column: severity rule: path: what", with what to change.
std::string check_text(const CheckReport& report);
/// The same as one JSON object on one line.
std::string check_json(const CheckReport& report);

}  // namespace finack::cli
