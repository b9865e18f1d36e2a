#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace finack::e2e {

/// A page of Prometheus text, to be asked for sums.
class MetricsPage {
 public:
  explicit MetricsPage(std::string_view text);

  /// The sum of all samples of that name whose label text contains `labels`; 0 where there is none.
  double sum(std::string_view name, std::string_view labels = "") const;
  /// The same for samples that have all of several labels.
  double sum_of(std::string_view name, std::initializer_list<std::string_view> labels) const;
  bool has(std::string_view name) const;
  /// The page itself, for messages: the samples whose name begins with `prefix`.
  std::string excerpt(std::string_view prefix) const;

 private:
  struct Sample {
    std::string name;
    std::string labels;
    double value = 0;
  };
  std::vector<Sample> samples_;
};

}  // namespace finack::e2e
