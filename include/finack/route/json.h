#pragma once
#include <boost/describe.hpp>
#include <boost/json/value_from.hpp>

#include "finack/route/context.h"

namespace finack::route {

template <class T>
  requires(!std::is_convertible_v<const T&, const boost::json::value&>)
void Context::json(int status, const T& value) {
  json(status, boost::json::value_from(value));
}

}  // namespace finack::route
