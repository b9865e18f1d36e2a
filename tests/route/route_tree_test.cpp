#include "route/route_tree.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

namespace finack::route {
namespace {

class Tree {
 public:
  Tree(std::initializer_list<const char*> patterns) {
    for (const char* pattern : patterns) add(pattern);
  }
  void add(const char* pattern) {
    Route route;
    route.label.pattern = pattern;
    route.method_name = "GET";
    route.param_names = parameter_names(pattern);
    routes_.push_back(std::move(route));
    tree_.add(routes_.back());
  }
  /// "pattern name=value name=value", or "-".
  std::string find(std::string_view path) const {
    Params params;
    const Route* found = tree_.find(path, params);
    if (found == nullptr) return "-";
    std::string out = found->label.pattern;
    EXPECT_EQ(params.count, found->param_names.size()) << path;
    for (std::size_t i = 0; i < params.count; ++i) {
      out.append(" ").append(found->param_names[i]).append("=").append(params.values[i]);
    }
    return out;
  }

 private:
  std::deque<Route> routes_;
  RouteTree tree_;
};

struct Case {
  const char* path;
  const char* expected;
};

void check(const Tree& tree, std::initializer_list<Case> cases) {
  for (const Case& c : cases) EXPECT_EQ(tree.find(c.path), c.expected) << c.path;
}

// The routes and requests of Gin's tree tests (TestTreeWildcard, TestTreeExpandParamsCapacity),
// where both have the same rules.
TEST(RouteTree, static_text) {
  const Tree tree{"/hi",   "/contact",         "/co",          "/c", "/a", "/ab",
                  "/doc/", "/doc/go_faq.html", "/doc/go1.html"};
  check(tree, {{"/a", "/a"},
               {"/", "-"},
               {"/hi", "/hi"},
               {"/contact", "/contact"},
               {"/co", "/co"},
               {"/con", "-"},
               {"/cona", "-"},
               {"/no", "-"},
               {"/ab", "/ab"},
               {"/doc/", "/doc/"},
               {"/doc", "-"},
               {"/doc/go1.html", "/doc/go1.html"},
               {"/doc/go1.htm", "-"}});
}

TEST(RouteTree, parameters_and_wildcards) {
  const Tree tree{"/",
                  "/cmd/:tool/",
                  "/cmd/:tool/:sub",
                  "/cmd/whoami",
                  "/cmd/whoami/root",
                  "/src/*filepath",
                  "/search/",
                  "/search/:query",
                  "/search/gin",
                  "/user_:name",
                  "/user_:name/about",
                  "/files/:dir/*filepath",
                  "/info/:user/public",
                  "/info/:user/project/:project"};
  check(tree,
        {{"/", "/"},
         {"/cmd/test", "-"},
         {"/cmd/test/", "/cmd/:tool/ tool=test"},
         {"/cmd/test/3", "/cmd/:tool/:sub tool=test sub=3"},
         {"/cmd/who", "-"},
         {"/cmd/who/", "/cmd/:tool/ tool=who"},
         {"/cmd/whoami", "/cmd/whoami"},
         {"/cmd/whoami/r", "/cmd/:tool/:sub tool=whoami sub=r"},
         {"/cmd/whoami/root", "/cmd/whoami/root"},
         {"/src/", "/src/*filepath filepath=/"},
         {"/src/some/file.png", "/src/*filepath filepath=/some/file.png"},
         {"/src", "-"},
         {"/search/", "/search/"},
         {"/search/some%2Fthing", "/search/:query query=some%2Fthing"},
         {"/search/gin", "/search/gin"},
         {"/search/ginx", "/search/:query query=ginx"},
         {"/search/gin/", "-"},
         {"/user_gopher", "/user_:name name=gopher"},
         {"/user_gopher/about", "/user_:name/about name=gopher"},
         {"/user_", "-"},
         {"/files/js/inc/framework.js", "/files/:dir/*filepath dir=js filepath=/inc/framework.js"},
         {"/info/gordon/public", "/info/:user/public user=gordon"},
         {"/info/gordon/project/go", "/info/:user/project/:project user=gordon project=go"}});
}

TEST(RouteTree, a_branch_that_leads_nowhere_is_left) {
  const Tree tree{"/a/b/d",         "/a/:x/c",          "/a/*rest",        "/aa/*xx",
                  "/get/test/abc/", "/get/:param/abc/", "/get/abc/123abf", "/get/abc/:param"};
  check(tree, {{"/a/b/d", "/a/b/d"},
               {"/a/b/c", "/a/:x/c x=b"},
               {"/a/b/e", "/a/*rest rest=/b/e"},
               {"/a/", "/a/*rest rest=/"},
               {"/aa/aa", "/aa/*xx xx=/aa"},
               {"/get/test/abc/", "/get/test/abc/"},
               {"/get/te/abc/", "/get/:param/abc/ param=te"},
               {"/get/testaa/abc/", "/get/:param/abc/ param=testaa"},
               {"/get/abc/123abf", "/get/abc/123abf"},
               {"/get/abc/123abff", "/get/abc/:param param=123abff"},
               {"/get/x/y", "-"}});
}

TEST(RouteTree, text_wins_over_parameters_whatever_the_order) {
  const Tree tree{"/*all", "/:a", "/:a/:b", "/x", "/x/y", "/x/:b/z", "/long/text/of/some/words"};
  check(tree, {{"/x", "/x"},
               {"/x/y", "/x/y"},
               {"/y", "/:a a=y"},
               {"/x/q", "/:a/:b a=x b=q"},
               {"/x/q/z", "/x/:b/z b=q"},
               {"/x/y/z", "/x/:b/z b=y"},
               {"/x/q/w", "/*all all=/x/q/w"},
               {"/long/text/of/some/words", "/long/text/of/some/words"},
               {"/long/text/of/some/wordz", "/*all all=/long/text/of/some/wordz"},
               {"/", "/*all all=/"}});
}

TEST(RouteTree, many_texts_of_one_shape_stay_apart) {
  Tree tree{};
  std::deque<std::string> patterns;
  for (int i = 0; i < 600; ++i) {
    const std::string text = std::to_string(i);
    patterns.push_back("/" + text);
    patterns.push_back("/company/" + text + "/settings");
    patterns.push_back("/" + std::string(static_cast<std::size_t>(i % 40), 'p') + "/" + text);
  }
  for (const std::string& pattern : patterns) tree.add(pattern.c_str());
  for (const std::string& pattern : patterns) {
    EXPECT_EQ(tree.find(pattern), pattern);
    EXPECT_EQ(tree.find(pattern + "x"), "-");
  }
}

TEST(RouteTree, empty_segments_match_no_parameter) {
  const Tree tree{"/u/:id", "/u/:id/x"};
  check(tree, {{"/u/", "-"}, {"/u//x", "-"}, {"/u/1/", "-"}, {"//", "-"}, {"", "-"}, {"*", "-"}});
}

void expect_conflict(std::initializer_list<const char*> patterns,
                     std::initializer_list<const char*> words) {
  try {
    const Tree tree(patterns);
    FAIL() << "no conflict";
  } catch (const RouteConflict& refused) {
    for (const char* word : words) {
      EXPECT_NE(std::string_view(refused.what()).find(word), std::string_view::npos)
          << refused.what();
    }
  }
}

TEST(RouteTree, conflicts_name_both_routes) {
  expect_conflict({"/a/b", "/a/b"}, {"'/a/b' conflicts with '/a/b'"});
  expect_conflict({"/u/:id", "/u/:name"}, {"'/u/:name'", "'/u/:id'", "':name' and ':id'"});
  expect_conflict({"/u/:id/x", "/u/:name/y"}, {"'/u/:name/y'", "'/u/:id/x'"});
  expect_conflict({"/s/*path", "/s/*other"}, {"'/s/*other'", "'/s/*path'"});
}

TEST(RouteTree, malformed_patterns_are_refused) {
  expect_conflict({""}, {"begins with '/'"});
  expect_conflict({"no-slash"}, {"'no-slash'", "begins with '/'"});
  expect_conflict({"/a/:"}, {"needs a name"});
  expect_conflict({"/a/*"}, {"needs a name"});
  expect_conflict({"/a/:x:y"}, {"only one parameter"});
  expect_conflict({"/a/*x/b"}, {"last segment"});
  expect_conflict({"/a*x"}, {"behind a '/'"});
  expect_conflict({"/a/:x/:x"}, {"'x'", "twice"});
  expect_conflict({"/:a/:b/:c/:d/:e/:f/:g/:h/:i/:j/:k/:l/:m/:n/:o/:p/:q"}, {"more than 16"});
}

}  // namespace
}  // namespace finack::route
