#pragma once
#include <functional>

#include "cli/reloader.h"
#include "finack/http/exchange.h"

namespace finack::cli {

/// POST /reload on the admin listener: 200 when the file is in force, 422 with what is wrong and
/// nothing changed; 405 to other methods, 404 to other paths. Any thread.
class ReloadHandler final : public http::Handler {
 public:
  /// A line of the admin listener's index.
  static constexpr std::string_view kIndex = "  POST /reload               reads the file again\n";

  /// `reload` reads the file again, and tells the operator what came of it.
  explicit ReloadHandler(std::function<ReloadOutcome()> reload) : reload_(std::move(reload)) {}
  void handle(http::Exchange& exchange) override;

 private:
  std::function<ReloadOutcome()> reload_;
};

}  // namespace finack::cli
