// Reference pages made from the code's own tables; a test compares docs/ with them.
#include <fmt/format.h>

#include <string>
#include <string_view>

#include "app/process_options.h"
#include "app/server_options.h"
#include "cli/command.h"
#include "cli/serve_settings.h"
#include "config/json_schema.h"
#include "config/reference.h"
#include "finack/record/reference.h"
#include "finack/sinks/metrics.h"

namespace finack::cli {

int reference(int argc, char** argv) {
  const std::string_view page = argc == 2 ? argv[1] : "";
  if (page == "endings") {
    fmt::print("{}", record::endings_reference_markdown(record::Lang::en));
    return 0;
  }
  if (page == "metrics") {
    fmt::print("{}", sinks::metrics_reference_markdown());
    return 0;
  }
  if (page == "configuration" || page == "schema") {
    app::ProcessOptions process;
    server::Settings settings;
    config::OptionTable table;
    app::process_rows(table, process);
    app::server_rows(table, settings);
    fmt::print("{}", page == "schema"
                         ? config::json_schema(table, "finack demo")
                         : config::configuration_reference_markdown(table, "Configuration"));
    return 0;
  }
  if (page == "gateway-configuration" || page == "gateway-schema") {
    ServeSettings settings;
    config::Scope root;
    describe_serve(root, settings);
    fmt::print("{}", page == "gateway-schema"
                         ? config::json_schema(root, "finack serve")
                         : config::configuration_reference_markdown(root, "Gateway configuration"));
    return 0;
  }
  const bool help = page == "--help";
  fmt::print(help ? stdout : stderr,
             "usage: finack reference endings|configuration|metrics|schema|"
             "gateway-configuration|gateway-schema\n");
  return help ? 0 : 2;
}

}  // namespace finack::cli
