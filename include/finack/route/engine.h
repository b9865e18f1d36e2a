#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "finack/base/address.h"
#include "finack/http/exchange.h"
#include "finack/route/blocking_pool.h"
#include "finack/route/context.h"
#include "finack/route/group.h"

namespace finack::route {

/// Decides the answer to a handler's exception: may set one on the Context; sets none: the plain
/// 500.
using FailureHook = std::function<void(Context&, std::string_view what)>;

/// Takes one line without its end; called on the loop threads, from several at once: must not
/// block.
using LineSink = std::function<void(std::string_view)>;

struct EngineOptions {
  /// Answer 405 with Allow where the path has routes of other methods; false: 404.
  bool method_not_allowed = true;
  /// Redirect "/a/" to "/a" and back when only the other one has a route: 301 for GET and HEAD, 308
  /// otherwise (Gin says 307; the redirect is as permanent as the 301, and keeps the method too).
  bool redirect_trailing_slash = true;
  BlockingPool::Options pool;
};

/// Routes requests to handlers: the http::Handler of an application. Register everything, then
/// serve; handle() may then run on several loop threads at once. Outlives all exchanges it was
/// given.
class Engine : public RouterGroup, public http::Handler {
 public:
  explicit Engine(const EngineOptions& options = {});
  ~Engine() override;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void handle(http::Exchange& exchange) override;
  using RouterGroup::handle;

  /// Handlers for requests without a route (default: 404) and for known paths with another method
  /// (default: 405; Allow is set before they run). The engine's middleware runs before them.
  /// Plain and blocking handlers here have the whole body, as those of routes.
  template <class... Fn>
  void no_route(Fn&&... fn) {
    static_assert(sizeof...(Fn) > 0, "no_route needs a handler");
    HandlerList list;
    (list.push_back(std::make_shared<HandlerFunction>(std::forward<Fn>(fn))), ...);
    set_no_route(std::move(list));
  }
  template <class... Fn>
  void no_method(Fn&&... fn) {
    static_assert(sizeof...(Fn) > 0, "no_method needs a handler");
    HandlerList list;
    (list.push_back(std::make_shared<HandlerFunction>(std::forward<Fn>(fn))), ...);
    set_no_method(std::move(list));
  }

  /// Proxies whose X-Forwarded-For is believed: addresses or networks, "10.0.0.0/8", "::1". None by
  /// default. Throws std::invalid_argument for text that is neither.
  void trust_proxies(std::span<const std::string> networks);
  bool trusts(const Address& address) const;

  /// Where logger() without a sink of its own writes. Set it before serving; an empty one brings
  /// back the default: standard error at once, and a line that would have to wait is lost.
  /// app::Engine sets it while it runs, to a queue that counts and tells what it loses.
  void log_to(LineSink sink);
  const LineSink& log() const;

  /// "GET /users/:id" …, in the order of registration.
  std::vector<std::string> routes() const;
  BlockingPool& pool() const;

 private:
  friend class RouterGroup;
  struct Table;
  void add_route(std::string_view method, std::string_view pattern, const HandlerList& middleware,
                 const HandlerList& handlers);
  void middleware_changed();
  void set_no_route(HandlerList list);
  void set_no_method(HandlerList list);
  std::unique_ptr<Table> table_;
};

}  // namespace finack::route
