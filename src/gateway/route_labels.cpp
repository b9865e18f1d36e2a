#include "gateway/route_labels.h"

#include <mutex>
#include <set>

namespace finack::gateway {
namespace {

struct ByPattern {
  bool operator()(const http::RouteLabel& a, const http::RouteLabel& b) const {
    return a.pattern < b.pattern;
  }
};

}  // namespace

const http::RouteLabel& route_label(const std::string& pattern) {
  static std::mutex mutex;
  static auto& labels = *new std::set<http::RouteLabel, ByPattern>;
  const std::scoped_lock lock(mutex);
  return *labels.insert({pattern}).first;
}

}  // namespace finack::gateway
