// Runs N requests through a route::Engine and an exchange that does next to nothing, so that a
// counter (callgrind, perf stat) sees the cost of routing and chain as the difference of two runs:
// route_count plain|middleware|params|echo <N>.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "finack/route/engine.h"
#include "finack/route/middleware.h"

namespace finack::bench {
namespace {

/// Has one request and swallows its answers.
class SilentExchange final : public http::Exchange {
 public:
  SilentExchange(http::Method method, std::string_view path, std::string_view body) : body_(body) {
    head_.method = method;
    head_.method_name = http::name(method);
    head_.path = head_.target = path;
    head_.headers = {{"Host", "127.0.0.1:8080"}, {"Accept", "text/plain, */*"}, {"X-Id", "12345"}};
    head_.framing = body.empty() ? http::Framing::none : http::Framing::length;
    head_.content_length = body.size();
  }
  std::uint64_t bytes() const { return bytes_; }

  const http::RequestHead& request() const override { return head_; }
  const Address& peer() const override { return address_; }
  const Address& local() const override { return address_; }
  record::ConnectionId connection() const override { return {}; }
  std::uint32_t number() const override { return 1; }
  http::BodyRead read_body() override { return {http::BodyRead::Kind::end, {}}; }
  void on_body_ready(Callback) override {}
  std::span<const http::Header> trailers() const override { return {}; }
  bool body_at_hand(std::string_view& out) override {
    out = body_;
    return true;
  }
  void inform(int, std::span<const http::Header>) override {}
  bool respond(const http::ResponseHead& head, std::string_view body) override {
    bytes_ += body.size() + head.headers.size();
    return true;
  }
  bool respond_owned(const http::ResponseHead&, std::string&&) override { return true; }
  bool respond_file(const http::ResponseHead&, int, std::uint64_t, std::uint64_t) override {
    return true;
  }
  bool start(const http::ResponseHead&) override { return true; }
  http::WriteState write(std::string_view) override { return http::WriteState::ready; }
  void on_write_ready(Callback) override {}
  void finish(std::span<const http::Header>) override {}
  void abort(record::Cause, std::string_view) override {}
  bool started() const override { return false; }
  bool upgrade(const http::ResponseHead&, http::TunnelObserver&) override { return false; }
  void pause_reading() override {}
  void resume_reading() override {}
  void sleep(Nanos, Callback) override {}
  void post(Callback) override {}
  Instant now() const override { return {}; }
  std::stop_token stop_token() override { return {}; }
  http::Departure left() override { return {}; }
  void set_route(const http::RouteLabel&) override {}
  void set_request_id(std::string_view) override {}
  void set_upstream(std::span<const record::UpstreamTry>) override {}
  void set_queued(bool) override {}

 private:
  http::RequestHead head_;
  std::string_view body_;
  Address address_;
  std::uint64_t bytes_ = 0;
};

void add_routes(route::Engine& app) {
  app.get("/ping", [](route::Context& c) { c.string(200, "pong"); });
  app.get("/", [](route::Context& c) { c.string(200, "home"); });
  app.get("/articles", [](route::Context& c) { c.string(200, "all"); });
  app.get("/articles/:id", [](route::Context& c) { c.string(200, c.param("id")); });
  app.get("/articles/:id/comments", [](route::Context& c) { c.string(200, c.param("id")); });
  app.get("/pictures/*path", [](route::Context& c) { c.string(200, c.param("path")); });
  app.post("/echo", [](route::Context& c) { c.data(200, "application/octet-stream", c.body()); });
}

int serve(std::string_view what, long times) {
  route::Engine app;
  if (what == "middleware") app.use(route::request_id(), route::recovery());
  add_routes(app);
  SilentExchange exchange(what == "echo" ? http::Method::post : http::Method::get,
                          what == "echo"     ? "/echo"
                          : what == "params" ? "/articles/4711/comments"
                                             : "/ping",
                          what == "echo" ? "twenty bytes of body" : "");
  for (long i = 0; i < times; ++i) app.handle(exchange);
  return exchange.bytes() >= static_cast<std::uint64_t>(times) ? 0 : 1;
}

}  // namespace
}  // namespace finack::bench

int main(int argc, char** argv) {
  const std::string_view what = argc == 3 ? argv[1] : "";
  if (what == "plain" || what == "middleware" || what == "params" || what == "echo") {
    return finack::bench::serve(what, std::strtol(argv[2], nullptr, 10));
  }
  std::fputs("usage: route_count plain|middleware|params|echo <times>\n", stderr);
  return 2;
}
