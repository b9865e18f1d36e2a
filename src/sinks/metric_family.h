#pragma once
#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "sinks/metric_info.h"

namespace finack::sinks {

using Labels = std::vector<prometheus::ClientMetric::Label>;

/// Collects the samples of one family into the list of all.
class Family {
 public:
  Family(std::vector<prometheus::MetricFamily>& all, const MetricInfo& info)
      : info_(info), all_(all) {
    family_.name = info.name;
    family_.help = info.help;
    family_.type = info.type;
  }
  ~Family() { all_.push_back(std::move(family_)); }
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  template <class Number>
  void add(Number value, Labels labels = {}) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    if (info_.type == prometheus::MetricType::Counter) {
      metric.counter.value = static_cast<double>(value);
    } else {
      metric.gauge.value = static_cast<double>(value);
    }
    family_.metric.push_back(std::move(metric));
  }
  void add(prometheus::ClientMetric::Histogram histogram, Labels labels = {}) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    metric.histogram = std::move(histogram);
    family_.metric.push_back(std::move(metric));
  }

 private:
  const MetricInfo& info_;
  std::vector<prometheus::MetricFamily>& all_;
  prometheus::MetricFamily family_;
};

/// Families in the order of `list`, whatever order they were collected in.
inline void sort_as_listed(std::span<prometheus::MetricFamily> families,
                           std::span<const MetricInfo* const> list) {
  const auto place = [&](const prometheus::MetricFamily& family) {
    return std::ranges::find_if(list,
                                [&](const MetricInfo* info) { return info->name == family.name; });
  };
  std::ranges::stable_sort(families, {},
                           [&](const auto& one) { return place(one) - list.begin(); });
}

}  // namespace finack::sinks
