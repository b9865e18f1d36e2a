#include "record/live_page.h"

#include <algorithm>
#include <utility>

namespace finack::record {
namespace {

std::pair<std::uint32_t, std::uint64_t> order(const ConnectionId& id) {
  return {id.worker, id.sequence};
}

bool before(const LiveConnection& a, const LiveConnection& b) { return order(a.id) < order(b.id); }

}  // namespace

bool LivePage::wants(const ConnectionId& id, Role role, Phase phase) {
  if (asked_.role && *asked_.role != role) return false;
  if (asked_.phase && *asked_.phase != phase) return false;
  if (asked_.after && order(id) <= order(*asked_.after)) return false;
  if (heap_.size() < asked_.limit || order(id) < order(heap_.front().id)) return true;
  more_ = true;
  return false;
}

void LivePage::add(LiveConnection connection) {
  heap_.push_back(std::move(connection));
  std::ranges::push_heap(heap_, before);
  if (heap_.size() <= asked_.limit) return;
  std::ranges::pop_heap(heap_, before);
  heap_.pop_back();
  more_ = true;
}

void LivePage::merge(LivePage page) {
  more_ = more_ || page.more_;
  for (LiveConnection& one : page.heap_)
    if (wants(one.id, one.role, one.phase)) add(std::move(one));
}

std::vector<LiveConnection> LivePage::take() {
  std::ranges::sort_heap(heap_, before);
  return std::exchange(heap_, {});
}

}  // namespace finack::record
