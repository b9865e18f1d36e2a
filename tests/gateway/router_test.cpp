#include "gateway/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/route_reference.h"

namespace finack::gateway {
namespace {

using http::Header;
using testing::HasSubstr;

/// MatchSettings of which a test names what it needs.
struct Match {
  std::vector<std::string> hosts = {};
  std::string exact = {}, prefix = {}, regex = {};
  std::vector<std::string> methods = {};
  NamedTexts headers = {};
};

RouteSettings route(std::string name, Match match) {
  RouteSettings settings;
  settings.name = std::move(name);
  settings.match = {match.hosts, match.exact,   match.prefix,
                    match.regex, match.methods, match.headers};
  settings.cluster = "c";
  return settings;
}

/// A table and short questions.
struct Table {
  Router router;
  std::string storage;

  explicit Table(std::vector<RouteSettings> routes)
      : router(Router::compile(std::move(routes)).value()) {}

  Found found(std::string_view host, std::string_view path, std::string_view method = "GET",
              std::vector<Header> headers = {}) {
    return router.find({host, path, method, headers}, storage);
  }
  std::string ask(std::string_view host, std::string_view path, std::string_view method = "GET",
                  std::vector<Header> headers = {}) {
    const Found found = this->found(host, path, method, std::move(headers));
    if (found.fault != PathFault::none) return std::string(name(found.fault));
    return found.route == nullptr ? "none" : found.route->label->pattern;
  }
};

TEST(Router, ComparesHostsWithoutCasePortAndFinalDot) {
  Table table({route("exact", {.hosts = {"Example.test", "[::1]"}}),
               route("below", {.hosts = {"*.example.test"}}),
               route("deeper", {.hosts = {"*.b.example.test"}})});
  for (const std::string_view host :
       {"example.test", "EXAMPLE.TEST", "example.test:8080", "example.test.", "example.test.:80",
        "example.test:", "[::1]", "[::1]:8080"}) {
    EXPECT_EQ(table.ask(host, "/"), "exact") << host;
  }
  EXPECT_EQ(table.ask("a.example.test", "/"), "below");
  EXPECT_EQ(table.ask("b.example.test", "/"), "below");
  EXPECT_EQ(table.ask("x.y.Example.test:1", "/"), "below");
  EXPECT_EQ(table.ask("a.b.example.test", "/"), "deeper");
  for (const std::string_view host : {"", "test", "aexample.test", ".example.test", "[::2]"}) {
    EXPECT_EQ(table.ask(host, "/"), "none") << host;
  }
  EXPECT_EQ(table.ask(std::string(300, 'a') + ".example.test", "/"), "none");
}

TEST(Router, PrefersTheMoreSpecificHostThenPathThenMethodThenHeaders) {
  Table table({
      route("any", {}),
      route("host", {.hosts = {"a.test"}}),
      route("wild", {.hosts = {"*.test"}}),
      route("regex", {.hosts = {"a.test"}, .regex = "/api/.*"}),
      route("api", {.hosts = {"a.test"}, .prefix = "/api"}),
      route("api/v1", {.hosts = {"a.test"}, .prefix = "/api/v1"}),
      route("exact", {.hosts = {"a.test"}, .exact = "/api/v1"}),
      route("post", {.hosts = {"a.test"}, .prefix = "/api", .methods = {"POST"}}),
      route("one", {.hosts = {"a.test"}, .prefix = "/api", .headers = {{"X-A", "1"}}}),
      route("two", {.hosts = {"a.test"}, .prefix = "/api", .headers = {{"x-a", "1"}, {"X-B", ""}}}),
      route("second two",
            {.hosts = {"a.test"}, .prefix = "/api", .headers = {{"x-a", "1"}, {"X-B", ""}}}),
      route("odd", {.hosts = {"a.test"}, .regex = "/odd/[0-9]+"}),
      route("odd second", {.hosts = {"a.test"}, .regex = "/odd/.*"}),
      route("odd put", {.hosts = {"a.test"}, .regex = "/odd/.*", .methods = {"PUT"}}),
      route("wild exact", {.hosts = {"*.test"}, .exact = "/only/here"}),
  });
  EXPECT_EQ(table.ask("b.org", "/api/v1"), "any");
  EXPECT_EQ(table.ask("b.test", "/api/v1"), "wild");
  EXPECT_EQ(table.ask("a.test", "/x"), "host");
  EXPECT_EQ(table.ask("a.test", "/only/here"), "host") << "the host counts first";
  EXPECT_EQ(table.ask("b.test", "/only/here"), "wild exact");
  EXPECT_EQ(table.ask("a.test", "/api/v1"), "exact");
  EXPECT_EQ(table.ask("a.test", "/api/v1/x"), "api/v1");
  EXPECT_EQ(table.ask("a.test", "/api/v1x"), "api")
      << "whole segments, and a prefix before a regex";
  EXPECT_EQ(table.ask("a.test", "/api"), "api");
  EXPECT_EQ(table.ask("a.test", "/apix"), "host");
  EXPECT_EQ(table.ask("a.test", "/api", "POST"), "post");
  EXPECT_EQ(table.ask("a.test", "/api", "post"), "api") << "methods have case";
  EXPECT_EQ(table.ask("a.test", "/api/v1/x", "POST"), "api/v1") << "the path before the method";
  EXPECT_EQ(table.ask("a.test", "/api", "GET", {{"X-A", "1"}}), "one");
  EXPECT_EQ(table.ask("a.test", "/api", "GET", {{"X-A", "2"}, {"X-A", "1"}}), "one");
  EXPECT_EQ(table.ask("a.test", "/api", "GET", {{"X-A", "11"}}), "api");
  EXPECT_EQ(table.ask("a.test", "/api", "GET", {{"x-b", "any"}, {"x-a", "1"}}), "two");
  EXPECT_EQ(table.ask("a.test", "/api", "POST", {{"x-b", "any"}, {"x-a", "1"}}), "post");
  EXPECT_EQ(table.ask("a.test", "/odd/1"), "odd");
  EXPECT_EQ(table.ask("a.test", "/odd/x"), "odd second");
  EXPECT_EQ(table.ask("a.test", "/odd/1", "PUT"), "odd put");
}

TEST(Router, FallsBackToRoutesWithoutAHost) {
  Table table({route("health", {.exact = "/health"}),
               route("api", {.hosts = {"a.test"}, .prefix = "/api"})});
  EXPECT_EQ(table.ask("a.test", "/health"), "health");
  EXPECT_EQ(table.ask("a.test", "/other"), "none");
  EXPECT_EQ(table.ask("a.test", "/health/"), "none") << "exact is exact";
  EXPECT_EQ(Table({}).ask("a.test", "/"), "none");
}

TEST(Router, TakesWhatBeginsWithAPrefixThatEndsInASlash) {
  Table table({route("root", {.prefix = "/"}), route("dir", {.prefix = "/dir/"}),
               route("regex", {.regex = "/r.*"})});
  EXPECT_EQ(table.ask("", "/dir/"), "dir");
  EXPECT_EQ(table.ask("", "/dir/x"), "dir");
  EXPECT_EQ(table.ask("", "/dir"), "root");
  EXPECT_EQ(table.ask("", "/r"), "regex") << "prefix / says nothing about the path";
  EXPECT_EQ(table.ask("", "*", "OPTIONS"), "root");
}

TEST(Router, MatchesAsteriskOnlyWithoutAPath) {
  Table table({route("regex", {.regex = ".*"}), route("prefix", {.prefix = "/a"})});
  EXPECT_EQ(table.ask("", "*", "OPTIONS"), "none");
  EXPECT_EQ(table.ask("", "/", "OPTIONS"), "regex");
}

TEST(Router, ReadsPathsAsServersDo) {
  Table table({route("root", {}), route("admin", {.prefix = "/admin"}),
               route("open", {.prefix = "/open"}), route("cafe", {.exact = "/caf%c3%a9"})});
  struct Row {
    std::string_view path, answer;
  };
  constexpr Row kRows[] = {
      {"/%61dmin", "admin"},
      {"/caf%C3%A9", "cafe"},
      {"/x%20y", "root"},
      {"/.well-known/acme", "root"},
      // Every reading leads to the same route.
      {"/open/a/../b", "open"},
      {"/open//b", "open"},
      {"/open/a%2Fb", "open"},
      {"/open/a;v=1/b", "open"},
      {"/x//y", "root"},
      // They do not.
      {"/open/../admin", "ambiguous"},
      {"/admin/../open", "ambiguous"},
      {"/open/%2e%2e/admin", "ambiguous"},
      {"//admin", "ambiguous"},
      {"/.//admin", "ambiguous"},
      {"/admin%2Fx", "ambiguous"},
      {"/admin%5cx", "ambiguous"},
      {"/%2Fadmin", "ambiguous"},
      {"/admin;x", "ambiguous"},
      {"/;x/admin", "ambiguous"},
      // No server needs these.
      {"/open/..%2Fadmin", "hidden_dots"},
      {"/open/..;/admin", "hidden_dots"},
      {"/../admin", "above_root"},
      {"//../admin", "above_root"},
      {"/%", "bad_escape"},
      {"/admin%00", "nul_byte"},
  };
  for (const Row& row : kRows) EXPECT_EQ(table.ask("", row.path), row.answer) << row.path;
}

TEST(Router, GivesTheNormalPathForRewrites) {
  Table table({route("api", {.prefix = "/api"})});
  constexpr std::string_view kPlain = "/api/x";
  EXPECT_EQ(table.found("", kPlain).path.data(), kPlain.data());
  EXPECT_EQ(table.found("", "/api/./a//b%2fc;d/%7Ee").path, "/api/a/b%2Fc;d/~e");
}

TEST(Router, NamesWhatFaultsMean) {
  EXPECT_EQ(cause_of(PathFault::bad_escape), record::Cause::policy_bad_request);
  EXPECT_EQ(cause_of(PathFault::above_root), record::Cause::policy_bad_request);
  EXPECT_EQ(cause_of(PathFault::hidden_dots), record::Cause::policy_smuggling);
  EXPECT_EQ(cause_of(PathFault::ambiguous), record::Cause::policy_smuggling);
}

TEST(Router, RefusesRoutesThatCannotMatch) {
  const auto error = [](Match match) {
    const auto router = Router::compile({route("fine", {}), route("", std::move(match))});
    return router ? std::string() : router.error();
  };
  EXPECT_THAT(error({.exact = "/a//b"}), HasSubstr("routes[1]: match.exact: /a//b could match"));
  EXPECT_THAT(error({.prefix = "/a/../b"}), HasSubstr("match.prefix"));
  EXPECT_THAT(error({.exact = "/a%2Fb"}), HasSubstr("could match nothing"));
  EXPECT_THAT(error({.exact = "/a%zz"}), HasSubstr("has an escape"));
  EXPECT_THAT(error({.regex = "("}), HasSubstr("match.regex: "));
}

TEST(Router, LabelsRoutes) {
  const auto label = [](Match match) {
    return Router::compile({route("", std::move(match))})->routes()[0].label->pattern;
  };
  EXPECT_EQ(label({}), "*");
  EXPECT_EQ(label({.prefix = "/"}), "/*");
  EXPECT_EQ(label({.hosts = {"a.test"}, .prefix = "/api"}), "a.test/api/*");
  EXPECT_EQ(label({.hosts = {"a.test"}, .exact = "/api"}), "a.test/api");
  EXPECT_EQ(label({.regex = "/x.*"}), "~/x.*");
}

/// Draws from few values, so that matches are frequent.
class Drawer {
 public:
  template <std::size_t Size>
  std::string from(const std::string_view (&values)[Size]) {
    return std::string(values[below(Size)]);
  }
  std::size_t below(std::size_t n) { return random_() % n; }

 private:
  std::mt19937 random_{7};
};

constexpr std::string_view kHosts[] = {"a.test", "b.a.test", "c.b.a.test", "*.a.test", "*.test"};
constexpr std::string_view kPaths[] = {"/", "/a", "/a/b", "/a/b/c", "/ab", "/a/", "/b"};
constexpr std::string_view kRegexes[] = {"/a.*", ".*b", "/[ab]/.", "/.*"};
constexpr std::string_view kMethods[] = {"GET", "POST"};
constexpr std::string_view kValues[] = {"", "1", "2"};

RouteSettings draw_route(Drawer& draw) {
  Match match;
  for (std::size_t i = draw.below(3); i > 0; --i) match.hosts.push_back(draw.from(kHosts));
  switch (draw.below(4)) {
    case 0:
      match.exact = draw.from(kPaths);
      break;
    case 1:
      match.prefix = draw.from(kPaths);
      break;
    case 2:
      match.regex = draw.from(kRegexes);
      break;
    default:
      break;
  }
  if (draw.below(3) == 0) match.methods.push_back(draw.from(kMethods));
  if (draw.below(3) == 0) match.headers.emplace_back("X-A", draw.from(kValues));
  if (draw.below(4) == 0) match.headers.emplace_back("X-B", draw.from(kValues));
  return route("", std::move(match));
}

TEST(Router, AgreesWithALinearSearch) {
  Drawer draw;
  std::size_t matched = 0;
  for (int round = 0; round < 400; ++round) {
    std::vector<RouteSettings> routes;
    for (std::size_t i = draw.below(12) + 1; i > 0; --i) routes.push_back(draw_route(draw));
    Table table(routes);
    for (int question = 0; question < 50; ++question) {
      const std::string host(kHosts[draw.below(3)]);
      const std::string path = draw.from(kPaths), method = draw.from(kMethods);
      std::vector<Header> headers;
      if (draw.below(2) == 0) headers.push_back({"x-a", kValues[draw.below(3)]});
      if (draw.below(2) == 0) headers.push_back({"X-B", kValues[draw.below(3)]});
      const Route* found = table.found(host, path, method, headers).route;
      const int place = found == nullptr ? -1 : static_cast<int>(found->index);
      ASSERT_EQ(place, reference::find(routes, host, path, method, headers))
          << "round " << round << ' ' << method << ' ' << host << path;
      matched += found != nullptr ? 1 : 0;
    }
  }
  EXPECT_GT(matched, 5000U);
}

}  // namespace
}  // namespace finack::gateway
