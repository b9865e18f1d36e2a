#include "server/listener_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <span>
#include <string_view>
#include <utility>

#include "http/encoder.h"

namespace finack::server {
namespace {

constexpr std::size_t kMostListeners = 255;
/// A worker counts the terms that its connections go by in 16 bits.
constexpr std::size_t kMostTerms = 65'000;

std::unexpected<Error> user_error(std::string what) {
  return std::unexpected(Error{.what = std::move(what), .side = Side::user});
}

Expected<void> check_settings(const Settings& settings) {
  const http::Header header{"Server", settings.server_header};
  if (http::valid(std::span(&header, 1))) return {};
  return user_error(
      "server-header: the value has characters that no header may have; use visible ASCII and "
      "spaces");
}

std::string_view port_of(std::string_view spec) {
  return spec.starts_with("unix:") ? std::string_view() : spec.substr(spec.rfind(':') + 1);
}

}  // namespace

net::ListenerOptions socket_options(const Settings& settings) {
  net::ListenerOptions options;
  options.backlog = settings.backlog;
  options.tcp_keepalive_s = static_cast<std::uint32_t>(
      std::chrono::ceil<std::chrono::seconds>(settings.tcp_keepalive).count());
  options.tcp_user_timeout_ms =
      static_cast<std::uint32_t>(std::chrono::ceil<Millis>(settings.tcp_user_timeout).count());
  return options;
}

ListenerChange::~ListenerChange() {
  for (Next& one : next_)
    if (one.bound) one.bound->unlink_path();
}

std::vector<ListenerOptions> ListenerChange::listeners() const {
  std::vector<ListenerOptions> all;
  all.reserve(next_.size());
  for (const Next& one : next_) all.push_back(one.options);
  return all;
}

// ---- At the start ----

std::shared_ptr<Admission> ListenerSet::make_admission(const Limits& limits) {
  return std::make_shared<Admission>(sockets_, limits.connections, limits.connections_per_address);
}

Expected<void> ListenerSet::bind(const ListenerOptions& options,
                                 std::shared_ptr<Admission> admission) {
  if (places_.size() == kMostListeners) return user_error("listen: at most 255 addresses");
  auto bound = bind_sockets(options);
  if (!bound) return std::unexpected(std::move(bound.error()));
  auto terms = make_terms(options, *bound, std::move(admission));
  places_.push_back({next_number_++, options, std::move(*bound), std::move(terms)});
  return {};
}

ListenerOrders ListenerSet::first_orders(std::uint32_t worker) {
  ListenerOrders orders;
  for (Place& place : places_) {
    net::ListenSockets& sockets = place.sockets;
    orders.added.push_back({place.number,
                            {.socket = sockets.take(worker),
                             .shared = sockets.shared(),
                             .inherited = sockets.inherited()},
                            place.terms});
  }
  return orders;
}

Expected<net::ListenSockets> ListenerSet::bind_sockets(const ListenerOptions& options) const {
  if (auto good = check_settings(options.settings); !good)
    return std::unexpected(std::move(good.error()));
  return net::ListenSockets::bind(options.spec, workers_, socket_options(options.settings));
}

std::shared_ptr<const ListenerTerms> ListenerSet::make_terms(const ListenerOptions& options,
                                                             const net::ListenSockets& sockets,
                                                             std::shared_ptr<Admission> admission) {
  auto terms = std::make_shared<const ListenerTerms>(
      ListenerTerms{.settings = options.settings,
                    .name = options.name.empty() ? sockets.name() : options.name,
                    .local = sockets.local(),
                    .admission = std::move(admission)});
  terms_.push_back(terms);
  return terms;
}

// ---- Reload ----

std::expected<ListenerChange, ListenerTrouble> ListenerSet::check(
    std::vector<ListenerOptions> next) {
  const auto trouble = [](std::size_t index, Error error) {
    return std::unexpected(ListenerTrouble{index, std::move(error)});
  };
  if (next.size() > kMostListeners)
    return trouble(kMostListeners, {.what = "at most 255 listeners", .side = Side::user});
  if (live_terms() + next.size() > kMostTerms) {
    return trouble(0, {.what = "connections still go by too many earlier settings of listeners; "
                               "reload when some have ended",
                       .retry = Retry::later});
  }
  ListenerChange change;
  match(std::move(next), change);
  // What can fail by itself first: a socket that was bound is known to the kernel's clients.
  for (std::size_t i = 0; i < change.next_.size(); ++i) {
    if (auto good = check_settings(change.next_[i].options.settings); !good)
      return trouble(i, std::move(good.error()));
  }
  for (std::size_t i = 0; i < change.next_.size(); ++i) {
    ListenerChange::Next& one = change.next_[i];
    if (one.number) continue;
    if (auto bound = bind_next(one); !bound) return trouble(i, std::move(bound.error()));
    change.added_.push_back(one.bound->name());
  }
  return change;
}

/// Which of them are there already, and which of those that are there go.
void ListenerSet::match(std::vector<ListenerOptions> next, ListenerChange& change) const {
  std::vector<const Place*> left;
  left.reserve(places_.size());
  for (const Place& place : places_) left.push_back(&place);
  for (ListenerOptions& options : next) {
    ListenerChange::Next& one = change.next_.emplace_back();
    one.options = std::move(options);
    const auto at = std::ranges::find_if(
        left, [&](const Place* place) { return place->options.spec == one.options.spec; });
    if (at == left.end()) {
      ++change.counts_.added;
      continue;
    }
    one.number = (*at)->number;
    one.changed = (*at)->options != one.options;
    ++(one.changed ? change.counts_.changed : change.counts_.kept);
    left.erase(at);
  }
  for (const Place* place : left) change.gone_.push_back(place->sockets.name());
  change.counts_.gone = left.size();
}

Expected<void> ListenerSet::bind_next(ListenerChange::Next& one) const {
  auto bound = bind_sockets(one.options);
  if (!bound) {
    const std::string name = bound.error().code == EADDRINUSE ? held_as(one.options.spec) : "";
    if (!name.empty()) {
      bound.error().what = fmt::format(
          "cannot listen on {}: this process listens there itself, as {}; take that out by one "
          "reload and add this by the next",
          one.options.spec, name);
    }
    return std::unexpected(std::move(bound.error()));
  }
  one.bound = std::move(*bound);
  for (std::uint32_t worker = 0; worker < workers_; ++worker) {
    ListenerShare& share = one.shares.emplace_back();
    share.socket = one.bound->take(worker);
    share.shared = one.bound->shared();
    share.inherited = one.bound->inherited();
    if (!share.socket) {
      return std::unexpected(
          Error{.what = fmt::format("cannot listen on {}: no descriptor is left for each worker",
                                    one.options.spec),
                .code = EMFILE,
                .retry = Retry::later});
    }
  }
  return {};
}

/// How the listener is called that has the port of `spec`, if it is ours.
std::string ListenerSet::held_as(std::string_view spec) const {
  const auto at = std::ranges::find_if(places_, [&](const Place& place) {
    const std::string_view port = port_of(place.sockets.name());
    return !port.empty() && port == port_of(spec);
  });
  return at == places_.end() ? "" : at->sockets.name();
}

std::size_t ListenerSet::live_terms() {
  std::erase_if(terms_, [](const auto& terms) { return terms.expired(); });
  return terms_.size();
}

const ListenerChange::Next* ListenerChange::find(std::uint32_t number) const {
  const auto at = std::ranges::find(next_, std::optional(number), &Next::number);
  return at == next_.end() ? nullptr : &*at;
}

std::vector<ListenerOrders> ListenerSet::commit(ListenerChange change) {
  std::vector<ListenerOrders> orders(workers_);
  std::erase_if(places_, [&](Place& place) {
    const ListenerChange::Next* next = change.find(place.number);
    if (next == nullptr) {
      place.sockets.unlink_path();
      for (ListenerOrders& each : orders) each.gone.push_back(place.number);
      return true;
    }
    if (!next->changed) return false;
    const Limits& limits = next->options.settings.limits;
    auto admission = place.terms->admission;
    admission->set_limits(limits.connections, limits.connections_per_address);
    place.options = next->options;
    place.terms = make_terms(place.options, place.sockets, std::move(admission));
    for (ListenerOrders& each : orders) each.changed.push_back({place.number, place.terms});
    return false;
  });
  for (ListenerChange::Next& one : change.next_) {
    if (!one.bound) continue;
    const std::uint32_t number = next_number_++;
    auto terms = make_terms(one.options, *one.bound, make_admission(one.options.settings.limits));
    for (std::uint32_t worker = 0; worker < workers_; ++worker)
      orders[worker].added.push_back({number, std::move(one.shares[worker]), terms});
    places_.push_back({number, std::move(one.options), std::move(*one.bound), std::move(terms)});
    one.bound.reset();
  }
  return orders;
}

std::vector<std::string> ListenerSet::names() const {
  std::vector<std::string> names;
  names.reserve(places_.size());
  for (const Place& place : places_) names.push_back(place.sockets.name());
  return names;
}

void ListenerSet::unlink_paths() {
  for (Place& place : places_) place.sockets.unlink_path();
}

}  // namespace finack::server
