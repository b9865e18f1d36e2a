#pragma once
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "finack/route/handler.h"

namespace finack::route {

class Engine;
struct Route;

/// Thrown while routes are registered: a pattern is malformed, or two routes match the same paths.
/// what() names both.
class RouteConflict : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

using HandlerList = std::vector<std::shared_ptr<const HandlerFunction>>;

/// Routes under a prefix with middleware of their own. Routes are registered before the engine
/// serves; not thread-safe. A route takes the middleware that its group has when it is registered
/// (as in Gin: use() first). A group is a value that refers to its engine.
///
/// Patterns: "/users/:id" matches one non-empty segment, "/files/*path" the rest (its value begins
/// with '/'); static text wins over :param, :param over *wildcard.
class RouterGroup {
 public:
  RouterGroup(Engine& engine, std::string prefix, HandlerList middleware)
      : engine_(&engine), prefix_(std::move(prefix)), middleware_(std::move(middleware)) {}

  template <class... Fn>
  RouterGroup& use(Fn&&... fn) {
    (use_one(HandlerFunction(std::forward<Fn>(fn))), ...);
    return *this;
  }
  template <class... Fn>
  RouterGroup group(std::string_view prefix, Fn&&... fn) {
    RouterGroup inner(*engine_, prefix_ + std::string(prefix), middleware_);
    (inner.use_one(HandlerFunction(std::forward<Fn>(fn))), ...);
    return inner;
  }

  /// Registers `fn`...: middleware of this route alone, then its handler. Any method token does.
  template <class... Fn>
  RouterGroup& handle(std::string_view method, std::string_view pattern, Fn&&... fn) {
    static_assert(sizeof...(Fn) > 0, "a route needs a handler");
    HandlerList list;
    (list.push_back(std::make_shared<HandlerFunction>(std::forward<Fn>(fn))), ...);
    add(method, pattern, list);
    return *this;
  }
  template <class... Fn>
  RouterGroup& get(std::string_view pattern, Fn&&... fn) {
    return handle("GET", pattern, std::forward<Fn>(fn)...);
  }
  template <class... Fn>
  RouterGroup& post(std::string_view pattern, Fn&&... fn) {
    return handle("POST", pattern, std::forward<Fn>(fn)...);
  }
  template <class... Fn>
  RouterGroup& put(std::string_view pattern, Fn&&... fn) {
    return handle("PUT", pattern, std::forward<Fn>(fn)...);
  }
  template <class... Fn>
  RouterGroup& patch(std::string_view pattern, Fn&&... fn) {
    return handle("PATCH", pattern, std::forward<Fn>(fn)...);
  }
  template <class... Fn>
  RouterGroup& delete_(std::string_view pattern, Fn&&... fn) {
    return handle("DELETE", pattern, std::forward<Fn>(fn)...);
  }
  /// A HEAD request without a HEAD route goes to the GET route; the server sends no body then.
  template <class... Fn>
  RouterGroup& head(std::string_view pattern, Fn&&... fn) {
    return handle("HEAD", pattern, std::forward<Fn>(fn)...);
  }
  template <class... Fn>
  RouterGroup& options(std::string_view pattern, Fn&&... fn) {
    return handle("OPTIONS", pattern, std::forward<Fn>(fn)...);
  }
  /// GET, POST, PUT, PATCH, HEAD, OPTIONS, DELETE, CONNECT, TRACE: the same handlers, shared.
  template <class... Fn>
  RouterGroup& any(std::string_view pattern, Fn&&... fn) {
    static_assert(sizeof...(Fn) > 0, "a route needs a handler");
    HandlerList list;
    (list.push_back(std::make_shared<HandlerFunction>(std::forward<Fn>(fn))), ...);
    for (std::string_view method :
         {"GET", "POST", "PUT", "PATCH", "HEAD", "OPTIONS", "DELETE", "CONNECT", "TRACE"}) {
      add(method, pattern, list);
    }
    return *this;
  }

  const std::string& prefix() const { return prefix_; }

 protected:
  const HandlerList& middleware() const { return middleware_; }

 private:
  void use_one(HandlerFunction fn);
  void add(std::string_view method, std::string_view pattern, const HandlerList& handlers);

  Engine* engine_;
  std::string prefix_;
  HandlerList middleware_;
};

}  // namespace finack::route
