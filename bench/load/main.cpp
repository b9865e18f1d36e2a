// The benchmarks' load generator: one thread, raw epoll, one JSON object on standard output.
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "load/client.h"

namespace {

using finack::bench::Options;

constexpr std::string_view kUsage =
    "usage: finack_load [--mode keepalive|short|idle|bodies|paced] [--port NUMBER]\n"
    "  [--target PATH] [--rate PER_SECOND] [--connections NUMBER] [--depth NUMBER] [--seconds S] "
    "[--warmup S] [--cooldown S]\n"
    "  [--requests NUMBER] [--pid PID]...\n";

bool take(Options& options, std::string_view name, const char* value) {
  const auto number = static_cast<unsigned>(std::strtoul(value, nullptr, 10));
  if (name == "--mode") {
    options.mode = value;
  } else if (name == "--port") {
    options.port = static_cast<std::uint16_t>(number);
  } else if (name == "--target") {
    options.target = value;
  } else if (name == "--connections") {
    options.connections = number;
  } else if (name == "--depth") {
    options.depth = number;
  } else if (name == "--rate") {
    options.rate = std::strtod(value, nullptr);
  } else if (name == "--seconds") {
    options.seconds = std::strtod(value, nullptr);
  } else if (name == "--warmup") {
    options.warmup = std::strtod(value, nullptr);
  } else if (name == "--cooldown") {
    options.cooldown = std::strtod(value, nullptr);
  } else if (name == "--requests") {
    options.requests = number;
  } else if (name == "--pid") {
    options.pids.push_back(static_cast<int>(number));
  } else {
    return false;
  }
  return options.connections > 0 && options.depth > 0 && options.rate > 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  bool understood = argc % 2 == 1;
  for (int i = 1; i + 1 < argc && understood; i += 2) {
    understood = take(options, argv[i], argv[i + 1]);
  }
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  if (understood && options.mode == "keepalive") return finack::bench::run_keep_alive(options);
  if (understood && options.mode == "short") return finack::bench::run_short(options);
  if (understood && options.mode == "idle") return finack::bench::run_idle(options);
  if (understood && options.mode == "bodies") return finack::bench::run_bodies(options);
  if (understood && options.mode == "paced") return finack::bench::run_paced(options);
  fmt::print(stderr, "{}", kUsage);
  return 2;
}
