#include "finack/route/group.h"

#include "finack/route/engine.h"

namespace finack::route {

void RouterGroup::use_one(HandlerFunction fn) {
  if (fn.blocking() != nullptr) {
    throw std::invalid_argument("middleware cannot be blocking: only a route's last handler can");
  }
  middleware_.push_back(std::make_shared<HandlerFunction>(std::move(fn)));
  engine_->middleware_changed();
}

void RouterGroup::add(std::string_view method, std::string_view pattern,
                      const HandlerList& handlers) {
  engine_->add_route(method, prefix_ + std::string(pattern), middleware_, handlers);
}

}  // namespace finack::route
