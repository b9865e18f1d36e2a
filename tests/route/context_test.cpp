#include "finack/route/context.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <string>

#include "finack/route/engine.h"
#include "finack/route/json.h"
#include "support/fake_exchange.h"

namespace finack::route {
namespace {

using tests::FakeExchange;

struct Point {
  int x = 0;
  std::string label;
};
BOOST_DESCRIBE_STRUCT(Point, (), (x, label))

/// Runs one handler on POST /t and keeps the engine alive.
void ask(FakeExchange& x, HandlerFunction fn) {
  Engine engine;
  engine.any("/t", std::move(fn));
  engine.handle(x);
  EXPECT_EQ(x.touched_after_end, 0);
}

TEST(Context, query_form_cookie_header) {
  FakeExchange x("POST", "/t?a=1%2B1&b=&a=2");
  x.add_header("Content-Type", "application/x-www-form-urlencoded");
  x.add_header("Cookie", "sid=abc; theme=dark").add_header("x-thing", "yes");
  x.set_body("name=J%C3%BCrgen&city=New+York");
  ask(x, [](Context& c) {
    EXPECT_EQ(c.query("a"), "1+1");
    EXPECT_EQ(c.query("b", "fallback"), "");
    EXPECT_EQ(c.query("c", "fallback"), "fallback");
    EXPECT_FALSE(c.find_query("c"));
    EXPECT_EQ(c.form("name"), "Jürgen");
    EXPECT_EQ(c.form("city"), "New York");
    EXPECT_EQ(c.form("none", "-"), "-");
    EXPECT_EQ(c.cookie("theme"), "dark");
    EXPECT_FALSE(c.cookie("none"));
    EXPECT_EQ(c.header("X-Thing"), "yes");
    EXPECT_EQ(c.header("X-None"), "");
    c.status(204);
  });
  EXPECT_EQ(x.status, 204);
}

TEST(Context, form_wants_its_content_type) {
  FakeExchange x("POST", "/t");
  x.set_body("a=1");
  ask(x, [](Context& c) { c.string(200, c.form("a", "none")); });
  EXPECT_EQ(x.body, "none");
}

TEST(Context, echo_of_the_body_is_not_copied) {
  FakeExchange x("POST", "/t");
  x.set_body(std::string(1000, 'b'));
  const char* at = nullptr;
  ask(x, [&at](Context& c) {
    at = c.body().data();
    c.data(200, "application/octet-stream", c.body());
  });
  EXPECT_EQ(x.body_data, at);
  EXPECT_EQ(x.body, std::string(1000, 'b'));
}

TEST(Context, other_bytes_are_copied_or_taken_over) {
  FakeExchange copied("GET", "/t");
  ask(copied, [](Context& c) {
    const std::string local(500, 'l');
    c.data(200, "text/x", local);
  });
  EXPECT_EQ(copied.body, std::string(500, 'l'));
  FakeExchange owned("GET", "/t");
  const char* at = nullptr;
  ask(owned, [&at](Context& c) {
    std::string local(500, 'o');
    at = local.data();
    c.data_owned(200, "text/x", std::move(local));
  });
  EXPECT_EQ(owned.body_data, at);
}

TEST(Context, a_body_in_pieces_is_gathered_before_a_plain_handler) {
  Engine engine;
  int calls = 0;
  engine.post("/t", [&calls](Context& c) {
    ++calls;
    c.string(200, c.body());
  });
  FakeExchange x("POST", "/t");
  x.expect_body();
  engine.handle(x);
  x.feed("one ");
  EXPECT_EQ(calls, 0);
  x.feed("two");
  x.end_body();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(x.body, "one two");
}

TEST(Context, a_cut_body_never_reaches_a_plain_handler) {
  Engine engine;
  engine.post("/t", [](Context&) { FAIL() << "the handler ran"; });
  FakeExchange x("POST", "/t");
  x.expect_body();
  engine.handle(x);
  x.feed("one ");
  x.leave(record::Cause::client_body_truncated);
  EXPECT_EQ(x.aborted, record::Cause::client_body_truncated);
  EXPECT_EQ(x.touched_after_end, 0);
}

TEST(Context, json_of_values_and_described_structs) {
  FakeExchange value("GET", "/t");
  ask(value, [](Context& c) { c.json(200, {{"message", "pong"}}); });
  EXPECT_EQ(value.body, R"({"message":"pong"})");
  EXPECT_EQ(value.content_type, "application/json; charset=utf-8");
  FakeExchange described("GET", "/t");
  ask(described, [](Context& c) { c.json(201, Point{3, "p"}); });
  EXPECT_EQ(described.body, R"({"x":3,"label":"p"})");
  EXPECT_EQ(described.status, 201);
  FakeExchange list("GET", "/t");
  ask(list, [](Context& c) { c.json(200, std::vector<Point>{{1, "a"}, {2, "b"}}); });
  EXPECT_EQ(list.body, R"([{"x":1,"label":"a"},{"x":2,"label":"b"}])");
  FakeExchange large("GET", "/t");
  ask(large, [](Context& c) { c.json(200, std::string(20'000, 'j')); });
  EXPECT_EQ(large.body.size(), 20'002U);
}

TEST(Context, response_headers) {
  FakeExchange x("GET", "/t");
  ask(x, [](Context& c) {
    c.header("X-One", "1");
    c.header("x-one", "2");
    c.header("X-Gone", "1");
    c.header("X-Gone", "");
    c.add_header("X-Many", "a");
    c.add_header("X-Many", "b");
    c.string(200, "body");
    c.header("Content-Type", "text/x");
    c.close_after();
  });
  ASSERT_EQ(x.headers.size(), 3U);
  EXPECT_EQ(x.header_sent("X-One"), "2");
  EXPECT_EQ(x.headers[1].second + x.headers[2].second, "ab");
  EXPECT_EQ(x.content_type, "text/x");
  EXPECT_TRUE(x.close);
}

TEST(Context, set_cookie) {
  FakeExchange x("GET", "/t");
  ask(x, [](Context& c) {
    Cookie cookie;
    cookie.name = "sid";
    cookie.value = "abc";
    cookie.max_age = std::chrono::seconds(60);
    cookie.secure = true;
    cookie.same_site = "Lax";
    c.set_cookie(cookie);
    c.status(200);
  });
  EXPECT_EQ(x.header_sent("Set-Cookie"),
            "sid=abc; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax");
  for (const char* value : {"a;b", "a b", "a\r\nX: y"}) {
    FakeExchange bad("GET", "/t");
    ask(bad, [value](Context& c) {
      Cookie cookie;
      cookie.name = "sid";
      cookie.value = value;
      c.set_cookie(cookie);
      c.status(200);
    });
    EXPECT_EQ(bad.aborted, record::Cause::app_failed) << value;
  }
}

TEST(Context, redirect_and_causes) {
  FakeExchange x("GET", "/t");
  ask(x, [](Context& c) { c.redirect(302, "/elsewhere"); });
  EXPECT_EQ(x.status, 302);
  EXPECT_EQ(x.header_sent("Location"), "/elsewhere");
  FakeExchange denied("GET", "/t");
  ask(denied, [](Context& c) {
    c.string(403, "no");
    c.set_cause(record::Cause::policy_denied);
  });
  EXPECT_EQ(denied.cause, record::Cause::policy_denied);
  FakeExchange fine("GET", "/t");
  ask(fine, [](Context& c) {
    c.set_cause(record::Cause::policy_denied);
    c.string(200, "yes");
  });
  EXPECT_EQ(fine.cause, record::Cause::unknown);
}

TEST(Context, the_last_answer_counts) {
  FakeExchange x("GET", "/t");
  ask(x, [](Context& c) {
    c.json(500, {{"a", 1}});
    c.string(200, "second");
  });
  EXPECT_EQ(x.status, 200);
  EXPECT_EQ(x.body, "second");
}

TEST(Context, files) {
  char name[] = "/tmp/finack_context_XXXXXX.html";
  const int file = ::mkstemps(name, 5);
  ASSERT_GE(file, 0);
  ASSERT_EQ(::write(file, "<p>", 3), 3);
  ::close(file);
  FakeExchange x("GET", "/t");
  ask(x, [&name](Context& c) { c.file(name); });
  EXPECT_EQ(x.body, "<p>");
  EXPECT_EQ(x.content_type, "text/html; charset=utf-8");
  ::unlink(name);
  for (const char* path : {"/nowhere/at/all", "/tmp"}) {
    FakeExchange missing("GET", "/t");
    ask(missing, [path](Context& c) { c.file(path); });
    EXPECT_EQ(missing.status, 404) << path;
  }
}

TEST(Context, typed_values) {
  FakeExchange x("GET", "/t");
  ask(x, [](Context& c) {
    c.set("n", 7);
    c.set("s", std::string("text"));
    EXPECT_EQ(*c.get<int>("n"), 7);
    EXPECT_EQ(c.get<long>("n"), nullptr);
    EXPECT_EQ(c.get<int>("none"), nullptr);
    EXPECT_EQ(*c.get<std::string>("s"), "text");
    c.status(200);
  });
  EXPECT_EQ(x.status, 200);
}

TEST(Context, wildcard_and_broken_escapes) {
  Engine engine;
  engine.get("/f/*path", [](Context& c) { c.string(200, c.param("path")); });
  FakeExchange x("GET", "/f/a%2Fb/%41");
  engine.handle(x);
  EXPECT_EQ(x.body, "/a/b/A");
  FakeExchange bad("GET", "/f/%zz");
  engine.handle(bad);
  EXPECT_EQ(bad.body, "/%zz");
}

}  // namespace
}  // namespace finack::route
