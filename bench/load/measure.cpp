#include "load/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <fstream>

namespace finack::bench {

namespace {

Clock::duration seconds(double value) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(value));
}

}  // namespace

void Histogram::add(Clock::duration duration, std::uint64_t times) {
  // Tenths of a microsecond, so that the first powers of two are not the coarse ones.
  const auto value = static_cast<std::uint64_t>(
      std::max<std::int64_t>(1, std::chrono::nanoseconds(duration).count() / 100));
  const unsigned power = static_cast<unsigned>(std::bit_width(value)) - 1;
  const std::uint64_t step =
      power >= 4 ? (value >> (power - 4)) - kSteps : (value << (4 - power)) - kSteps;
  counts_[power * kSteps + step] += times;
}

double Histogram::quantile(double fraction) const {
  std::uint64_t all = 0;
  for (const std::uint64_t count : counts_) all += count;
  const auto wanted = static_cast<std::uint64_t>(fraction * static_cast<double>(all));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen > wanted || (seen == all && all > 0)) {
      const double low = static_cast<double>(std::uint64_t{1} << (i / kSteps));
      return low * (1 + (static_cast<double>(i % kSteps) + 0.5) / kSteps) / 10;
    }
  }
  return 0;
}

std::uint64_t ProcessCpu::nanoseconds() const {
  std::uint64_t all = 0;
  for (const int pid : pids_) {
    std::error_code error;
    std::filesystem::directory_iterator tasks(fmt::format("/proc/{}/task", pid), error);
    if (error) continue;
    for (const auto& task : tasks) {
      std::uint64_t on_cpu = 0;
      std::ifstream(task.path() / "schedstat") >> on_cpu;
      all += on_cpu;
    }
  }
  return all;
}

Window::Window(const Options& options) : cpu_(options.pids), limit_(options.requests) {
  const auto now = Clock::now();
  begin_ = now + seconds(options.warmup);
  end_ = begin_ + seconds(options.seconds);
  over_ = end_ + seconds(options.cooldown);
  if (limit_ > 0) {
    begin(now);
    end_ = over_ = now + std::chrono::minutes(2);
  }
}

bool Window::tick(Clock::time_point now) {
  if (counted_all() && part_ == Part::measured) {
    end(now);
    part_ = Part::over;
  }
  if (part_ == Part::warmup && now >= begin_) begin(now);
  if (part_ == Part::measured && now >= end_) end(now);
  if (part_ == Part::cooldown && now >= over_) part_ = Part::over;
  return part_ != Part::over;
}

void Window::begin(Clock::time_point now) {
  part_ = Part::measured;
  begin_ = now;
  latency_.clear();
  answered_ = errors_ = 0;
  cpu_before_ = cpu_.nanoseconds();
}

void Window::end(Clock::time_point now) {
  part_ = Part::cooldown;
  took_ = now - begin_;
  measured_ = answered_;
  cpu_spent_ = cpu_.nanoseconds() - cpu_before_;
}

unsigned Window::allow(unsigned wanted) {
  if (part_ == Part::over) return 0;
  if (limit_ == 0) return wanted;
  const auto allowed = static_cast<unsigned>(std::min<std::uint64_t>(wanted, limit_ - sent_));
  sent_ += allowed;
  return allowed;
}

void Window::answered(Clock::duration latency, unsigned times) {
  answered_ += times;
  if (part_ == Part::measured) latency_.add(latency, times);
}

std::string Window::json(const Options& options) const {
  const double took = std::chrono::duration<double>(took_).count();
  const double cpu = static_cast<double>(cpu_spent_) / 1e9;
  const auto requests = static_cast<double>(std::max<std::uint64_t>(measured_, 1));
  return fmt::format(
      "{{\"mode\":\"{}\",\"connections\":{},\"depth\":{},\"requests\":{},\"errors\":{},"
      "\"seconds\":{:.6f},\"rate\":{:.1f},\"server_cpu_seconds\":{:.6f},"
      "\"server_cpu_us_per_request\":{:.5f},\"latency_us\":{{\"p50\":{:.1f},\"p90\":{:.1f},"
      "\"p99\":{:.1f},\"p999\":{:.1f}}}}}",
      options.mode, options.connections, options.depth, measured_, errors_, took,
      took > 0 ? static_cast<double>(measured_) / took : 0, cpu, cpu * 1e6 / requests,
      latency_.quantile(0.5), latency_.quantile(0.9), latency_.quantile(0.99),
      latency_.quantile(0.999));
}

}  // namespace finack::bench
