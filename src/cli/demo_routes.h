#pragma once
#include "finack/route/engine.h"

namespace finack::cli {

/// Registers GET /ping /slow?ms= /big?kb= /stream?n=&ms= /panic /abort /no-reply /json /busy?ms=
/// /blocking?ms= and POST /echo /json; GET /short-body and /over-body, which promise another length
/// than they send; POST /upload-early, which answers without reading the body.
void add_demo_routes(route::Engine& engine);

}  // namespace finack::cli
