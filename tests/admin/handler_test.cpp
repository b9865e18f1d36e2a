#include "finack/admin/handler.h"

#include <gtest/gtest.h>

#include <string>

#include "support/fake_exchange.h"

namespace finack::admin {
namespace {

using tests::FakeExchange;

class AdminTest : public ::testing::Test {
 protected:
  /// What the handler answered; it must have ended the exchange once and let go of it.
  template <class Handler>
  static void ask(Handler& handler, FakeExchange& exchange) {
    handler.handle(exchange);
    EXPECT_TRUE(exchange.ended);
    EXPECT_EQ(exchange.touched_after_end, 0);
    EXPECT_EQ(exchange.content_length, exchange.body.size());
    EXPECT_EQ(exchange.header_sent("Cache-Control"), "no-store");
  }
  int status(const char* path) {
    FakeExchange exchange("GET", path);
    ask(admin_, exchange);
    return exchange.status;
  }

  Health health_;
  int scrapes_ = 0;
  AdminHandler admin_{{.health = &health_,
                       .metrics =
                           [this] {
                             ++scrapes_;
                             return std::string("# HELP finack_workers Workers.\n");
                           },
                       .version = "1.2.3",
                       .revision = "abc",
                       .loop_backend = "epoll"}};
  ProbeHandler probe_{health_};
};

TEST_F(AdminTest, MetricsInTheTextFormat) {
  FakeExchange exchange("GET", "/metrics");
  ask(admin_, exchange);
  EXPECT_EQ(exchange.status, 200);
  EXPECT_EQ(exchange.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(exchange.body, "# HELP finack_workers Workers.\n");
  EXPECT_EQ(scrapes_, 1);
}

TEST_F(AdminTest, QueriesDoNotMatter) {
  EXPECT_EQ(status("/metrics?name=x"), 200);
  EXPECT_EQ(status("/livez?verbose"), 200);
}

TEST_F(AdminTest, ReadinessFollowsStartDrainAndHealth) {
  const auto readyz = [&] {
    FakeExchange exchange("GET", "/readyz");
    ask(admin_, exchange);
    return std::to_string(exchange.status) + ' ' + exchange.body;
  };
  EXPECT_EQ(readyz(), "503 starting\n");
  health_.set_ready(true);
  EXPECT_EQ(readyz(), "200 ready\n");
  health_.set_alive(false);
  EXPECT_EQ(readyz(), "503 broken\n");
  EXPECT_EQ(status("/livez"), 503);
  health_.set_alive(true);
  health_.start_draining();
  EXPECT_EQ(readyz(), "503 draining\n");
  EXPECT_EQ(status("/livez"), 200) << "a draining process is not to be killed";
  health_.set_ready(true);
  EXPECT_EQ(readyz(), "503 draining\n") << "a drain has no way back";
}

TEST_F(AdminTest, IndexAndVersion) {
  FakeExchange index("GET", "/");
  ask(admin_, index);
  EXPECT_EQ(index.status, 200);
  for (const char* path : {"/metrics", "/livez", "/readyz", "/version"}) {
    EXPECT_NE(index.body.find(path), std::string::npos) << path;
    EXPECT_NE(status(path), 404) << "the index names what is there: " << path;
  }
  FakeExchange version("GET", "/version");
  ask(admin_, version);
  EXPECT_EQ(version.content_type, "application/json");
  EXPECT_EQ(version.body, R"({"version":"1.2.3","revision":"abc","loop_backend":"epoll"})"
                          "\n");
}

TEST_F(AdminTest, HeadGetsTheHeadOfGet) {
  FakeExchange get("GET", "/metrics");
  FakeExchange head("HEAD", "/metrics");
  ask(admin_, get);
  ask(admin_, head);
  EXPECT_EQ(head.status, get.status);
  EXPECT_EQ(head.content_type, get.content_type);
  EXPECT_EQ(head.content_length, get.content_length);
}

TEST_F(AdminTest, OtherMethodsAreNotAllowed) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"}) {
    for (const char* path : {"/metrics", "/nothing"}) {
      FakeExchange exchange(method, path);
      ask(admin_, exchange);
      EXPECT_EQ(exchange.status, 405) << method << ' ' << path;
      EXPECT_EQ(exchange.header_sent("Allow"), "GET, HEAD");
    }
  }
  EXPECT_EQ(scrapes_, 0);
}

TEST_F(AdminTest, UnknownPathsAreNotFound) {
  for (const char* path : {"/metrics/", "/Metrics", "/live", "/%6detrics", "//"}) {
    FakeExchange exchange("GET", path);
    ask(admin_, exchange);
    EXPECT_EQ(exchange.status, 404) << path;
    EXPECT_EQ(exchange.cause, record::Cause::policy_no_route);
  }
}

TEST_F(AdminTest, ProbeHandlerShowsNothingElse) {
  health_.set_ready(true);
  for (const auto& [path, expected] :
       {std::pair{"/livez", 200}, std::pair{"/readyz", 200}, std::pair{"/metrics", 404},
        std::pair{"/version", 404}, std::pair{"/", 404}}) {
    FakeExchange exchange("GET", path);
    ask(probe_, exchange);
    EXPECT_EQ(exchange.status, expected) << path;
  }
  FakeExchange post("POST", "/livez");
  ask(probe_, post);
  EXPECT_EQ(post.status, 405);
}

/// Whatever the method: what else there is knows its own.
TEST_F(AdminTest, OtherPathsGoToTheOtherHandler) {
  class Other final : public http::Handler {
    void handle(http::Exchange& exchange) override { exchange.abort(record::Cause::app_abort); }
  } other;
  AdminHandler admin({.health = &health_,
                      .metrics = {},
                      .more = &other,
                      .more_index = "\n  POST /reload\n",
                      .version = "",
                      .revision = "",
                      .loop_backend = ""});
  for (const char* method : {"GET", "POST"}) {
    FakeExchange theirs(method, "/reload?now");
    admin.handle(theirs);
    EXPECT_TRUE(theirs.aborted) << method;
    FakeExchange ours(method, "/livez");
    admin.handle(ours);
    EXPECT_FALSE(ours.aborted) << method;
    EXPECT_EQ(ours.status, std::string_view(method) == "GET" ? 200 : 405);
  }
  FakeExchange index("GET", "/");
  ask(admin, index);
  EXPECT_TRUE(index.body.ends_with("what runs, as JSON\n\n  POST /reload\n")) << index.body;
}

}  // namespace
}  // namespace finack::admin
