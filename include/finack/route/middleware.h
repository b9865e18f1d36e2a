#pragma once
#include <functional>
#include <string_view>

#include "finack/base/clock.h"
#include "finack/route/engine.h"
#include "finack/route/handler.h"

namespace finack::route {

/// One line a request, when its answer is decided:
/// `2026-01-31T12:00:00.000Z 200 1.234ms 127.0.0.1 GET /ping route=/ping` and, when the request did
/// not simply complete, ` cause=app.failed`. Query strings are left out. Default sink: the engine's
/// (Engine::log_to), which is standard error and never makes a loop wait.
HandlerFunction logger(LineSink sink = {});

/// Decides what a client sees when a handler throws: `hook` is called with the Context and the
/// exception's text, for logging, and may set the answer, which goes out with cause app.failed;
/// else a plain 500 does. Exceptions are caught without this middleware too; they never end the
/// process.
HandlerFunction recovery(FailureHook hook = {});

/// Names each request: X-Request-Id of the client if it is sane (1 to 128 letters, digits or
/// "-._:+=/"), else 32 random hex digits. Stands in the answer, the record, and request_id().
HandlerFunction request_id();

/// Asks coroutine and blocking handlers to stop after `d`: waits throw deadline_passed and
/// stop_token() is stopped. Unless an answer was set or begun, the client gets `status` (503 or
/// 504) and the request ends with timeout.handler. The answer goes out when the handler has let go.
/// A plain handler holds the loop and cannot be stopped: it answers late.
HandlerFunction timeout(Nanos d, int status = 503);

}  // namespace finack::route
