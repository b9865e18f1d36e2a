#pragma once
// Everything an application needs, under its short names.
#include "finack/app/engine.h"
#include "finack/base/task.h"
#include "finack/route/bind.h"
#include "finack/route/context.h"
#include "finack/route/handler.h"
#include "finack/route/json.h"
#include "finack/route/middleware.h"

namespace finack {

using app::default_engine;
using app::Engine;
using route::blocking;
using route::client_left;
using route::ConnectionMonitor;
using route::Context;
using route::Cookie;
using route::EngineOptions;

}  // namespace finack
