// The gateway's routes: whatever path and host come, the router agrees with a linear search over
// every reading of the path, and readings keep their promises.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/require.h"
#include "gateway/route_reference.h"
#include "gateway/router.h"

namespace {

using namespace finack::gateway;

std::vector<RouteSettings> table() {
  const std::vector<MatchSettings> matches = {
      {{}, "", "", "", {}, {}},
      {{}, "", "/admin", "", {}, {}},
      {{}, "", "/a", "", {}, {}},
      {{}, "", "/a/", "", {"GET"}, {}},
      {{}, "/a/b", "", "", {}, {}},
      {{}, "", "", "/a.*b", {}, {}},
      {{"x.test"}, "", "/a/b", "", {}, {}},
      {{"*.test"}, "", "", "/.*\\.x", {}, {}},
      {{"*.x.test"}, "", "/", "", {"GET"}, {}},
      {{"x.test"}, "/%7Ea%2a", "", "", {}, {}},
  };
  std::vector<RouteSettings> routes;
  for (const MatchSettings& match : matches) {
    routes.emplace_back().match = match;
    routes.back().cluster = "c";
  }
  return routes;
}

std::string fold(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  if (colon != host.npos && host.find(']', colon) == host.npos) host = host.substr(0, colon);
  if (host.ends_with('.')) host.remove_suffix(1);
  return reference::lower(host);
}

/// What each reading of its own promises.
void check_reading(std::string_view path, Reading reading, const std::string& read) {
  require(read.starts_with('/') && read.size() <= path.size(), "a path, and no longer");
  std::string again;
  require(read_path(read, reading, again) == PathFault::none && again == read, "read once");
  if ((reading & kMergeSlashes) != 0) require(!read.contains("//"), "merged");
  if ((reading & kDecodeSlashes) != 0) require(!read.contains("%2F"), "decoded");
  if ((reading & kDropParameters) != 0) require(!read.contains(';'), "dropped");
  if ((reading & kResolveDots) != 0) require(!(read + '/').contains("/../"), "resolved");
}

/// The place of the route that all readings agree on; -2: they do not, or one has a fault.
int find_in_all(std::span<const RouteSettings> routes, std::string_view host,
                std::string_view path) {
  int place = -3;
  std::string read;
  for (Reading reading = 0; reading < 16; ++reading) {
    if (read_path(path, reading, read) != PathFault::none) return -2;
    check_reading(path, reading, read);
    const int found = reference::find(routes, host, read, "GET", {});
    if (place != -3 && place != found) return -2;
    place = found;
  }
  return place;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<RouteSettings> routes = [] {
    auto settings = table();
    settings.back().match.exact = "/~a%2A";
    return settings;
  }();
  static const Router router = Router::compile(table()).value();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t slash = input.find('/');
  // The request's parser passes nothing else on.
  if (slash == input.npos || slash > 64 || input.size() > 512) return 0;
  const std::string_view host = input.substr(0, slash), path = input.substr(slash);
  std::string storage;
  const Found found = router.find({host, path, "GET", {}}, storage);
  const int place = found.route == nullptr ? -1 : static_cast<int>(found.route->index);
  const int expected = find_in_all(routes, fold(host), path);
  if (found.fault == PathFault::hidden_dots) return 0;
  require((found.fault != PathFault::none) == (expected == -2), "refused when readings differ");
  if (found.fault != PathFault::none) return 0;
  require(place == expected, "the most specific route");
  std::string normal;
  require(read_path(path, kNormal, normal) == PathFault::none && normal == found.path,
          "the normal reading");
  return 0;
}
