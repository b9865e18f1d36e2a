#include "finack/route/engine.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "finack/route/middleware.h"
#include "support/fake_exchange.h"

namespace finack::route {
namespace {

using tests::FakeExchange;

FakeExchange& run(Engine& engine, FakeExchange& exchange) {
  engine.handle(exchange);
  EXPECT_TRUE(exchange.ended);
  EXPECT_EQ(exchange.touched_after_end, 0);
  return exchange;
}

void answer_method(Context& c) { c.string(200, c.method()); }

TEST(Engine, answers_and_names_the_route) {
  Engine engine;
  engine.get("/users/:id", [](Context& c) {
    EXPECT_EQ(c.route(), "/users/:id");
    c.string(200, c.param("id"));
  });
  FakeExchange x("GET", "/users/a%20b");
  run(engine, x);
  EXPECT_EQ(x.status, 200);
  EXPECT_EQ(x.body, "a b");
  EXPECT_EQ(x.route, "/users/:id");
  EXPECT_EQ(x.content_type, "text/plain; charset=utf-8");
  EXPECT_EQ(x.content_length, 3U);
  EXPECT_EQ(x.cause, record::Cause::unknown);
}

TEST(Engine, methods_are_apart) {
  Engine engine;
  engine.get("/m", answer_method).post("/m", answer_method).put("/m", answer_method);
  engine.patch("/m", answer_method).delete_("/m", answer_method).options("/m", answer_method);
  engine.handle("PURGE", "/m", answer_method);
  for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"}) {
    FakeExchange x(method, "/m");
    run(engine, x);
    EXPECT_EQ(x.body, method);
  }
}

TEST(Engine, head_falls_to_get_unless_it_has_a_route) {
  Engine engine;
  engine.get("/a", answer_method).get("/b", answer_method);
  engine.head("/b", [](Context& c) { c.string(200, "own"); });
  FakeExchange a("HEAD", "/a");
  EXPECT_EQ(run(engine, a).status, 200);
  EXPECT_EQ(a.body, "HEAD");
  FakeExchange b("HEAD", "/b");
  EXPECT_EQ(run(engine, b).body, "own");
}

TEST(Engine, no_route_is_404_with_its_cause) {
  Engine engine;
  engine.get("/a", answer_method);
  FakeExchange x("GET", "/b");
  run(engine, x);
  EXPECT_EQ(x.status, 404);
  EXPECT_EQ(x.cause, record::Cause::policy_no_route);
  EXPECT_EQ(x.route, "");
}

TEST(Engine, another_method_is_405_with_allow) {
  Engine engine;
  engine.get("/a", answer_method).post("/a", answer_method).handle("PURGE", "/a", answer_method);
  for (const char* method : {"DELETE", "OPTIONS", "BREW"}) {
    FakeExchange x(method, "/a");
    run(engine, x);
    EXPECT_EQ(x.status, 405) << method;
    EXPECT_EQ(x.header_sent("Allow"), "GET, HEAD, POST, PURGE") << method;
  }
  EngineOptions options;
  options.method_not_allowed = false;
  Engine plain(options);
  plain.get("/a", answer_method);
  FakeExchange x("DELETE", "/a");
  EXPECT_EQ(run(plain, x).status, 404);
}

TEST(Engine, options_asterisk_lists_all_methods) {
  Engine engine;
  engine.get("/a", answer_method).put("/b", answer_method);
  FakeExchange x("OPTIONS", "*");
  EXPECT_EQ(run(engine, x).status, 204);
  EXPECT_EQ(x.header_sent("Allow"), "GET, HEAD, PUT");
}

TEST(Engine, trailing_slash_redirects) {
  Engine engine;
  engine.get("/a", answer_method).get("/b/", answer_method).post("/c", answer_method);
  engine.get("/evil.example", answer_method);
  struct Case {
    const char* method;
    const char* target;
    int status;
    const char* location;
  };
  for (const Case& c : {Case{"GET", "/a/?q=1", 301, "/a?q=1"}, Case{"GET", "/b", 301, "/b/"},
                        Case{"HEAD", "/a/", 301, "/a"}, Case{"POST", "/c/", 308, "/c"},
                        Case{"GET", "/a//", 404, ""}, Case{"GET", "//evil.example/", 404, ""},
                        Case{"POST", "/a/", 404, ""}, Case{"GET", "/", 404, ""}}) {
    FakeExchange x(c.method, c.target);
    run(engine, x);
    EXPECT_EQ(x.status, c.status) << c.target;
    EXPECT_EQ(x.header_sent("Location"), c.location) << c.target;
  }
  EngineOptions options;
  options.redirect_trailing_slash = false;
  Engine plain(options);
  plain.get("/a", answer_method);
  FakeExchange x("GET", "/a/");
  EXPECT_EQ(run(plain, x).status, 404);
}

TEST(Engine, own_no_route_handler_runs_behind_the_middleware) {
  Engine engine;
  engine.use([](Context& c) { c.header("X-Seen", "yes"); });
  engine.no_route([](Context& c) { c.string(200, "index"); });
  FakeExchange x("GET", "/anything");
  run(engine, x);
  EXPECT_EQ(x.status, 200);
  EXPECT_EQ(x.cause, record::Cause::unknown);
  EXPECT_EQ(x.header_sent("X-Seen"), "yes");
}

TEST(Engine, own_no_route_and_no_method_handlers_get_the_body) {
  Engine engine;
  engine.get("/a", answer_method);
  engine.no_route([](Context& c) { c.data(200, "text/x", c.body()); });
  engine.no_method([](Context& c) { c.data(405, "text/x", c.body()); });
  FakeExchange whole("POST", "/anything");
  whole.set_body("at hand");
  EXPECT_EQ(run(engine, whole).body, "at hand");
  FakeExchange pieces("POST", "/a");
  pieces.expect_body();
  engine.handle(pieces);
  EXPECT_FALSE(pieces.ended);
  pieces.feed("in ");
  pieces.feed("pieces");
  pieces.end_body();
  EXPECT_TRUE(pieces.ended);
  EXPECT_EQ(pieces.status, 405);
  EXPECT_EQ(pieces.body, "in pieces");
  EXPECT_EQ(pieces.header_sent("Allow"), "GET, HEAD");
}

TEST(Engine, the_default_404_waits_for_no_body) {
  Engine engine;
  engine.get("/a", answer_method);
  FakeExchange x("POST", "/b");
  x.expect_body();
  EXPECT_EQ(run(engine, x).status, 404);
}

TEST(Engine, a_request_leaves_nothing_to_the_next) {
  Engine engine;
  engine.use(request_id());
  engine.get("/first", [](Context& c) {
    c.set("key", 1);
    c.set_cause(record::Cause::app_failed);
    c.close_after();
    c.add_trailer("X-Trailer", "t");
    c.add_header("X-Large", std::string(2000, 'x'));
    c.on_finished([](Context& done) { done.header("X-Hook", "ran"); });
    c.data(500, "text/first", std::string(100'000, 'b'));
  });
  engine.get("/second", [](Context& c) {
    EXPECT_EQ(c.get<int>("key"), nullptr);
    EXPECT_EQ(c.response_status(), 0);
    EXPECT_TRUE(c.body().empty());
    c.status(204);
  });
  engine.get("/thrown", [](Context&) { throw std::runtime_error("x"); });
  engine.get("/left/:id", [](Context& c) { c.abort_connection(); });
  for (const char* before : {"/first", "/thrown", "/left/1", "/none"}) {
    FakeExchange first("GET", before);
    run(engine, first);
    FakeExchange second("GET", "/second");
    run(engine, second);
    EXPECT_EQ(second.status, 204) << before;
    EXPECT_EQ(second.content_type, "") << before;
    EXPECT_EQ(second.body, "") << before;
    EXPECT_EQ(second.content_length, 0U) << before;
    EXPECT_EQ(second.headers.size(), 1U) << before;
    EXPECT_EQ(second.cause, record::Cause::unknown) << before;
    EXPECT_FALSE(second.close) << before;
    EXPECT_FALSE(second.aborted) << before;
    EXPECT_NE(second.request_id, first.request_id) << before;
  }
}

TEST(Engine, groups_have_prefix_and_middleware) {
  Engine engine;
  engine.use([](Context& c) { c.add_header("X-Way", "engine"); });
  auto api = engine.group("/api", [](Context& c) { c.add_header("X-Way", "api"); });
  auto v1 = api.group("/v1");
  v1.use([](Context& c) { c.add_header("X-Way", "v1"); });
  v1.get("/x", [](Context& c) { c.status(204); });
  api.any("/y", answer_method);
  FakeExchange x("GET", "/api/v1/x");
  run(engine, x);
  ASSERT_EQ(x.headers.size(), 3U);
  EXPECT_EQ(x.headers[0].second, "engine");
  EXPECT_EQ(x.headers[1].second, "api");
  EXPECT_EQ(x.headers[2].second, "v1");
  FakeExchange y("TRACE", "/api/y");
  EXPECT_EQ(run(engine, y).body, "TRACE");
  EXPECT_EQ(engine.routes().front(), "GET /api/v1/x");
}

TEST(Engine, registration_refuses_mistakes) {
  Engine engine;
  engine.get("/a", answer_method);
  EXPECT_THROW(engine.get("/a", answer_method), RouteConflict);
  EXPECT_THROW(engine.handle("BAD METHOD", "/x", answer_method), RouteConflict);
  EXPECT_THROW(engine.use(blocking(answer_method)), std::invalid_argument);
  EXPECT_THROW(engine.get("/b", blocking(answer_method), answer_method), std::invalid_argument);
  for (const std::string bad : {"10.0.0.0/33", "10.0.0.0:80/8", "10.0.0.1:80", "[::1]:80", "[::1"})
    EXPECT_THROW(engine.trust_proxies({&bad, 1}), std::invalid_argument) << bad;
  const std::string good[] = {"[::1]", "[fd00::]/8", "10.0.0.0/8"};
  EXPECT_NO_THROW(engine.trust_proxies(good));
  EXPECT_EQ(engine.routes().size(), 1U);
}

TEST(Engine, client_ip_believes_only_trusted_proxies) {
  Engine engine;
  engine.get("/ip", [](Context& c) { c.string(200, c.client_ip()); });
  const auto ask = [&engine](std::initializer_list<const char*> forwarded) {
    FakeExchange x("GET", "/ip");
    for (const char* value : forwarded) x.add_header("x-forwarded-for", value);
    engine.handle(x);
    return x.body;
  };
  EXPECT_EQ(ask({"1.2.3.4"}), "127.0.0.1");
  const std::string networks[] = {"127.0.0.0/8", "10.0.0.0/8", "::1"};
  engine.trust_proxies(networks);
  EXPECT_EQ(ask({}), "127.0.0.1");
  EXPECT_EQ(ask({"1.2.3.4"}), "1.2.3.4");
  EXPECT_EQ(ask({"6.6.6.6, 1.2.3.4, 10.1.1.1"}), "1.2.3.4");
  EXPECT_EQ(ask({"6.6.6.6", "1.2.3.4:5000 , 10.1.1.1"}), "1.2.3.4");
  EXPECT_EQ(ask({"6.6.6.6, junk, 10.1.1.1"}), "10.1.1.1");
  EXPECT_EQ(ask({"[2001:db8::1]:443"}), "2001:db8::1");
  // A port that is none says nothing against the address.
  EXPECT_EQ(ask({"6.6.6.6, 1.2.3.4:99999"}), "1.2.3.4");
  EXPECT_EQ(ask({"6.6.6.6, 1.2.3.4:_a1"}), "1.2.3.4");
  EXPECT_EQ(ask({"6.6.6.6, [2001:db8::1]:"}), "2001:db8::1");
  EXPECT_EQ(ask({"6.6.6.6, 2001:db8::zz"}), "127.0.0.1");
  EXPECT_EQ(ask({"10.2.2.2, 10.1.1.1"}), "10.2.2.2");
}

}  // namespace
}  // namespace finack::route
