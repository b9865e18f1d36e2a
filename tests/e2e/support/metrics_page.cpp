#include "e2e/support/metrics_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace finack::e2e {

MetricsPage::MetricsPage(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#') continue;
    const std::size_t space = line.rfind(' ');
    if (space == std::string_view::npos) continue;
    Sample sample;
    std::from_chars(line.data() + space + 1, line.data() + line.size(), sample.value);
    const std::string_view key = line.substr(0, space);
    const std::size_t brace = key.find('{');
    sample.name = key.substr(0, brace);
    if (brace != std::string_view::npos) sample.labels = key.substr(brace);
    samples_.push_back(std::move(sample));
  }
}

double MetricsPage::sum(std::string_view name, std::string_view labels) const {
  return sum_of(name, {labels});
}

double MetricsPage::sum_of(std::string_view name,
                           std::initializer_list<std::string_view> labels) const {
  double total = 0;
  for (const Sample& sample : samples_) {
    const bool fits = std::ranges::all_of(labels, [&](std::string_view label) {
      return sample.labels.find(label) != std::string::npos;
    });
    if (sample.name == name && fits) total += sample.value;
  }
  return total;
}

bool MetricsPage::has(std::string_view name) const {
  for (const Sample& sample : samples_) {
    if (sample.name == name) return true;
  }
  return false;
}

std::string MetricsPage::excerpt(std::string_view prefix) const {
  std::string out;
  for (const Sample& sample : samples_) {
    if (sample.value != 0 && sample.name.starts_with(prefix)) {
      out += fmt::format("      {}{} {}\n", sample.name, sample.labels, sample.value);
    }
  }
  return out;
}

}  // namespace finack::e2e
