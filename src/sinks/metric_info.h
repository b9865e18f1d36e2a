#pragma once
#include <prometheus/metric_type.h>

#include <string_view>

namespace finack::sinks {

/// One metric family as it is exported and documented. `help` is one line: the text format's writer
/// does not escape newlines.
struct MetricInfo {
  std::string_view name;
  prometheus::MetricType type;
  std::string_view labels;  ///< Separated by ", "; "" for none.
  std::string_view help;
};

using enum prometheus::MetricType;

}  // namespace finack::sinks
