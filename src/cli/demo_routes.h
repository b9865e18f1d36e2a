#pragma once
#include "finack/route/engine.h"

namespace finack::cli {

/// Registers GET /ping /slow?ms= /big?kb= /stream?n=&ms= /panic?after= /abort?after= /no-reply
/// /json /busy?ms= /blocking?ms= and POST /echo /json.
void add_demo_routes(route::Engine& engine);

/// The routes that break the rules an engine keeps for its handlers: GET /short-body and /over-body
/// promise another length than they send, POST /upload-early answers without reading the body, and
/// POST /impatient after waiting 0.2 s for it, or aborts (?abort). Everything else goes to
/// `engine`, which outlives this.
class RuleBreaker final : public http::Handler {
 public:
  explicit RuleBreaker(route::Engine& engine) : engine_(engine) {}
  void handle(http::Exchange& exchange) override;

 private:
  route::Engine& engine_;
};

}  // namespace finack::cli
