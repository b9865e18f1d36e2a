#pragma once
#include "finack/route/engine.h"

namespace finack::cli {

/// Registers GET /ping /slow?ms= /big?kb= /stream?n=&ms= /panic?after=&ms= /abort?after= /no-reply
/// /json /busy?ms= /blocking?ms= and POST /echo /json /stream (echoes while the body comes); GET
/// /short-body and /over-body, which promise another length than they send, /shrunk-file and
/// /unreadable-file, whose bytes end early or cannot be read; POST /upload-early, which answers
/// without reading the body, and POST /impatient, which does after waiting 0.2 s for it, or aborts
/// (?abort).
void add_demo_routes(route::Engine& engine);

}  // namespace finack::cli
