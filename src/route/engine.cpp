#include "finack/route/engine.h"

#include <fmt/format.h>

#include <array>
#include <deque>
#include <stdexcept>
#include <utility>

#include "base/stderr_line.h"
#include "http/field_text.h"
#include "route/client_address.h"
#include "route/request_state.h"

namespace finack::route {

namespace {

constexpr std::size_t kMethods = static_cast<std::size_t>(http::Method::patch) + 1;

http::Method method_of(std::string_view text) {
  for (std::size_t i = 1; i < kMethods; ++i) {
    if (http::name(static_cast<http::Method>(i)) == text) return static_cast<http::Method>(i);
  }
  return http::Method::other;
}

void fill(Route& route, const HandlerList& middleware, const HandlerList& handlers) {
  route.owned = middleware;
  route.owned.insert(route.owned.end(), handlers.begin(), handlers.end());
  route.handlers.clear();
  route.may_wait = false;
  for (std::size_t i = 0; i < route.owned.size(); ++i) {
    const HandlerFunction& fn = *route.owned[i];
    if (fn.blocking() != nullptr && i + 1 != route.owned.size()) {
      throw std::invalid_argument(
          fmt::format("route '{}': only the last handler can be blocking", route.label.pattern));
    }
    route.may_wait |= !fn.plain();
    route.handlers.push_back(&fn);
  }
  route.gather_body = route.owned.back()->coroutine() == nullptr;
}

HandlerList one(HandlerFunction fn) { return {std::make_shared<HandlerFunction>(std::move(fn))}; }

}  // namespace

struct Engine::Table {
  struct OtherMethod {
    std::string name;
    RouteTree tree;
  };

  explicit Table(const EngineOptions& o) : options(o), pool(o.pool), log(write_stderr_line) {}

  const RouteTree* tree(http::Method method, std::string_view method_name) const {
    if (method != http::Method::other) return &trees[static_cast<std::size_t>(method)];
    for (const OtherMethod& other : others) {
      if (other.name == method_name) return &other.tree;
    }
    return nullptr;
  }
  RouteTree& tree_for(http::Method method, std::string_view method_name) {
    if (method != http::Method::other) return trees[static_cast<std::size_t>(method)];
    for (OtherMethod& other : others) {
      if (other.name == method_name) return other.tree;
    }
    others.push_back({std::string(method_name), {}});
    return others.back().tree;
  }
  /// What most requests ask for; nullptr: find() has to look.
  [[gnu::always_inline]] const Route* find_exact(const http::RequestHead& head) const {
    if (head.method == http::Method::other) return nullptr;
    return trees[static_cast<std::size_t>(head.method)].find_exact(head.path);
  }
  const Route* find(const http::RequestHead& head, std::string_view path, Params& params) const {
    const RouteTree* own = tree(head.method, head.method_name);
    const Route* found = own == nullptr ? nullptr : own->find(path, params);
    if (found == nullptr && head.method == http::Method::head) {
      found = trees[static_cast<std::size_t>(http::Method::get)].find(path, params);
    }
    return found;
  }
  [[gnu::noinline]] const Route& find_or_fall_back(RequestState& state) const;
  const Route& fallback(RequestState& state) const;
  bool find_redirect(RequestState& state) const;
  std::string allowed(std::string_view path) const;
  void rebuild(const HandlerList& middleware);

  EngineOptions options;
  std::array<RouteTree, kMethods> trees;
  std::deque<OtherMethod> others;
  std::deque<Route> routes;
  HandlerList no_route;
  HandlerList no_method;
  bool own_no_route = false;  ///< The application's, not ours.
  bool own_no_method = false;
  Route not_found;
  Route not_allowed;
  Route redirect;
  Route any_target;
  std::vector<Network> trusted;
  mutable BlockingPool pool;
  LineSink log;
};

void Engine::Table::rebuild(const HandlerList& middleware) {
  fill(not_found, middleware, no_route);
  fill(not_allowed, middleware, no_method);
  fill(redirect, middleware, one([](Context& c) { c.status(c.response_status()); }));
  fill(any_target, middleware, one([](Context& c) { c.status(204); }));
  // Our own answers do not wait for a body; a handler of the application's may want it.
  redirect.gather_body = any_target.gather_body = false;
  if (!own_no_route) not_found.gather_body = false;
  if (!own_no_method) not_allowed.gather_body = false;
}

/// Methods with a route for `path` ("*": for anything), as Allow lists them.
std::string Engine::Table::allowed(std::string_view path) const {
  std::string list;
  Params ignored;
  const auto append = [&list](std::string_view name) {
    if (!list.empty()) list += ", ";
    list += name;
  };
  const auto has = [&](const RouteTree& tree) {
    return path == "*" ? !tree.empty() : tree.find(path, ignored) != nullptr;
  };
  const bool get = has(trees[static_cast<std::size_t>(http::Method::get)]);
  for (std::size_t i = 1; i < kMethods; ++i) {
    const auto method = static_cast<http::Method>(i);
    if (has(trees[i]) || (method == http::Method::head && get)) append(http::name(method));
  }
  for (const OtherMethod& other : others) {
    if (has(other.tree)) append(other.name);
  }
  return list;
}

/// Sets the redirect on the context when the path with or without its last '/' has a route.
bool Engine::Table::find_redirect(RequestState& state) const {
  const http::RequestHead& head = state.exchange->request();
  const std::string_view path = head.path;
  if (head.method == http::Method::connect || path.size() < 2 || path[0] != '/') return false;
  // "//host/" as a Location would lead away from this host.
  if (path[1] == '/' || path[1] == '\\') return false;
  std::string other(path);
  if (other.back() == '/') {
    other.pop_back();
  } else {
    other += '/';
  }
  Params ignored;
  if (find(head, other, ignored) == nullptr) return false;
  if (!head.query.empty()) other.append("?").append(head.query);
  const bool safe = head.method == http::Method::get || head.method == http::Method::head;
  state.context.redirect(safe ? 301 : 308, other);
  return true;
}

const Route& Engine::Table::find_or_fall_back(RequestState& state) const {
  const http::RequestHead& head = state.exchange->request();
  state.route = find(head, head.path, state.params);
  return state.route != nullptr ? *state.route : fallback(state);
}

const Route& Engine::Table::fallback(RequestState& state) const {
  const http::RequestHead& head = state.exchange->request();
  if (head.method == http::Method::options && head.path == "*") {
    state.context.header("Allow", allowed("*"));
    return any_target;
  }
  if (options.redirect_trailing_slash && find_redirect(state)) return redirect;
  state.context.set_cause(record::Cause::policy_no_route);
  if (options.method_not_allowed) {
    const std::string methods = allowed(head.path);
    if (!methods.empty()) {
      state.context.header("Allow", methods);
      return not_allowed;
    }
  }
  return not_found;
}

Engine::Engine(const EngineOptions& options)
    : RouterGroup(*this, "", {}), table_(std::make_unique<Table>(options)) {
  table_->no_route = one([](Context& c) { c.string(404, "404 page not found"); });
  table_->no_method = one([](Context& c) { c.string(405, "405 method not allowed"); });
  table_->rebuild({});
}

Engine::~Engine() = default;

void Engine::handle(http::Exchange& exchange) {
  RequestState& state = RequestState::lease();
  state.engine = this;
  state.exchange = &exchange;
  const http::RequestHead& head = exchange.request();
  const Route* route = state.route = table_->find_exact(head);
  if (route == nullptr) route = &table_->find_or_fall_back(state);
  if (state.route != nullptr) exchange.set_route(route->label);
  state.chain.begin(route->handlers, route->may_wait);
  if (route->gather_body && head.framing != http::Framing::none) {
    state.gather_body();
  } else {
    state.chain.run();
  }
}

void Engine::add_route(std::string_view method, std::string_view pattern,
                       const HandlerList& middleware, const HandlerList& handlers) {
  if (!http::is_token(method)) {
    throw RouteConflict(fmt::format("route '{}': '{}' is no method", pattern, method));
  }
  Route route;
  route.label.pattern = pattern;
  route.method = method_of(method);
  route.method_name = method;
  route.param_names = parameter_names(route.label.pattern);
  fill(route, middleware, handlers);
  table_->routes.push_back(std::move(route));
  try {
    table_->tree_for(table_->routes.back().method, method).add(table_->routes.back());
  } catch (...) {
    table_->routes.pop_back();
    throw;
  }
}

void Engine::middleware_changed() { table_->rebuild(middleware()); }

void Engine::set_no_route(HandlerList list) {
  table_->no_route = std::move(list);
  table_->own_no_route = true;
  table_->rebuild(middleware());
}

void Engine::set_no_method(HandlerList list) {
  table_->no_method = std::move(list);
  table_->own_no_method = true;
  table_->rebuild(middleware());
}

void Engine::trust_proxies(std::span<const std::string> networks) {
  std::vector<Network> parsed;
  for (const std::string& text : networks) {
    const auto network = parse_network(text);
    if (!network) {
      throw std::invalid_argument(fmt::format("'{}' is neither an address nor a network", text));
    }
    parsed.push_back(*network);
  }
  table_->trusted = std::move(parsed);
}

bool Engine::trusts(const Address& address) const {
  for (const Network& network : table_->trusted) {
    if (network.contains(address)) return true;
  }
  return false;
}

std::vector<std::string> Engine::routes() const {
  std::vector<std::string> out;
  for (const Route& route : table_->routes) {
    out.push_back(fmt::format("{} {}", route.method_name, route.label.pattern));
  }
  return out;
}

BlockingPool& Engine::pool() const { return table_->pool; }

void Engine::log_to(LineSink sink) {
  table_->log = sink ? std::move(sink) : LineSink(write_stderr_line);
}

const LineSink& Engine::log() const { return table_->log; }

}  // namespace finack::route
