#include "gateway/forwarding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "gateway/header_edits.h"
#include "gateway/proxy_status.h"

namespace finack::gateway {
namespace {

using http::Header;
using record::Cause;

std::string lines(const std::vector<Header>& headers) {
  std::string out;
  for (const Header& field : headers) {
    out.append(field.name).append(": ").append(field.value).append("\n");
  }
  return out;
}

/// RFC 9110 9.3.8: a client must not send content in a TRACE.
TEST(Forwarding, ATraceHasNoBody) {
  GatewaySettings settings;
  const Forwarding forwarding(settings, "7f");
  const auto refused = [&](http::Method method, http::Framing framing, std::uint64_t length) {
    http::RequestHead head;
    head.method = method;
    head.framing = framing;
    head.content_length = length;
    route::ByteArena arena;
    std::vector<Header> out;
    const ForwardedRequest request = forwarding.prepare(head, {}, {}, {}, arena, out);
    EXPECT_EQ(request.reason == nullptr, request.refused == Cause::unknown);
    return request.refused;
  };
  using http::Framing, http::Method;
  EXPECT_EQ(refused(Method::trace, Framing::none, 0), Cause::unknown);
  EXPECT_EQ(refused(Method::trace, Framing::length, 0), Cause::unknown);
  EXPECT_EQ(refused(Method::trace, Framing::length, 1), Cause::policy_bad_request);
  EXPECT_EQ(refused(Method::trace, Framing::chunked, 0), Cause::policy_bad_request);
  EXPECT_EQ(refused(Method::options, Framing::length, 1), Cause::unknown);
}

/// A server that makes variables of fields (CGI) takes one for the other.
TEST(Forwarding, EditsOfARequestKnowUnderscores) {
  GatewaySettings settings;
  const Forwarding forwarding(settings, "7f");
  const std::vector<Header> fields = {
      {"X_Auth_User", "root"}, {"x-auth_USER", "root"}, {"X_Key", "mine"}, {"X_Other", "stays"}};
  http::RequestHead head;
  head.headers = fields;
  RouteSettings route;
  route.headers.request.remove = {"X-Auth-User"};
  route.headers.request.set = {{"X-Key", "ours"}};
  route::ByteArena arena;
  std::vector<Header> out;
  forwarding.prepare(head, {}, route, {}, arena, out);
  EXPECT_THAT(lines(out), testing::Not(testing::HasSubstr("root")));
  EXPECT_THAT(lines(out), testing::Not(testing::HasSubstr("mine")));
  EXPECT_THAT(lines(out), testing::HasSubstr("X-Key: ours\n"));
  EXPECT_THAT(lines(out), testing::HasSubstr("X_Other: stays\n"));
}

TEST(Via, FindsLoops) {
  struct Row {
    std::vector<std::string_view> lines;
    bool marked, unmarked;  ///< Whether it is one with and without a mark of ours.
  };
  const Row rows[] = {
      {{}, false, false},
      {{"1.1 other"}, false, false},
      {{"1.1 finack"}, false, true},
      {{"1.1 FINACK (7f)"}, true, true},
      {{"1.1 finack (80)"}, false, true},
      {{"1.0 fred, HTTP/1.1 p.example.net (Apache, (7f)), 1.1\tfinack\t(7f)"}, true, true},
      {{"1.1 a (finack, 1.1 finack (7f))"}, false, false},
      {{"1.1 a (\\), 1.1 finack (7f))"}, false, false},
      // What a client leaves open hides nothing behind it.
      {{"1.1 a (x, 1.1 finack (7f)"}, true, true},
      {{"1.1 a (x\\", "1.1 b (((, 1.1 c, 1.1 finack (7f)"}, true, true},
      {{"1.1 a", ", ,1.1 finack (7f)"}, true, true},
      {{"1.1 finack2 (7f)"}, false, false},
      {{"1.1 finack:80 (7f)"}, false, false},
      {{"finack", "1.1", "(", "1.1 (", ",", "1.1 finack("}, false, true},
  };
  const Via marked("finack", "7f"), unmarked("finack", ""), none("", "7f");
  for (const Row& row : rows) {
    std::vector<Header> headers;
    for (const std::string_view line : row.lines) headers.push_back({"via", line});
    EXPECT_EQ(marked.looped(headers), row.marked) << lines(headers);
    EXPECT_EQ(unmarked.looped(headers), row.unmarked) << lines(headers);
    EXPECT_FALSE(none.looped(headers));
  }
  EXPECT_EQ(marked.line(1), "1.1 finack (7f)");
  EXPECT_EQ(marked.line(0), "1.0 finack (7f)");
  EXPECT_EQ(unmarked.line(1), "1.1 finack");
  EXPECT_EQ(none.line(1), "");
}

TEST(Via, EndsALoopWhoseCommentsAreDropped) {
  const Via via("finack", "7f");
  std::vector<Header> headers(Via::kMostPasses - 1, Header{"Via", "1.1 finack"});
  EXPECT_FALSE(via.looped(headers));
  headers.push_back({"Via", "1.1 x, 1.1 finack"});
  EXPECT_TRUE(via.looped(headers));
}

TEST(ApplyEdits, RemovesThenSetsThenAdds) {
  const HeaderEdits edits{.set = {{"A", "new"}, {"Z", "z"}, {"gone", "back"}},
                          .add = {{"b", "2"}, {"B", "3"}},
                          .remove = {"GONE", "absent"}};
  std::vector<Header> headers = {{"a", "1"}, {"Gone", "x"}, {"B", "1"}, {"A", "2"}, {"gone", "y"}};
  apply_edits(edits, headers);
  EXPECT_EQ(lines(headers), "A: new\nB: 1\nZ: z\ngone: back\nb: 2\nB: 3\n");
}

TEST(AllowedUpgrade, IsTheFirstThatIsAllowed) {
  const std::vector<std::string> allowed = {"websocket", "foo/2"};
  EXPECT_EQ(allowed_upgrade("websocket", allowed), "websocket");
  EXPECT_EQ(allowed_upgrade("h2c, WebSocket/13", allowed), "WebSocket/13");
  EXPECT_EQ(allowed_upgrade("foo/1, foo/2", allowed), "foo/2");
  EXPECT_EQ(allowed_upgrade("foo", allowed), "");
  EXPECT_EQ(allowed_upgrade("", allowed), "");
  EXPECT_EQ(allowed_upgrade("websocket", {}), "");
}

struct Asked {
  GatewaySettings settings;
  RouteSettings route;
  http::RequestHead head;
  Hop hop;
  std::optional<Forwarding> forwarding;
  route::ByteArena arena;
  std::vector<Header> headers;

  Asked() {
    settings.forwarded = ForwardedHeaders::none;
    settings.request_id = false;
    settings.via.clear();
    head.host = "a.test";
    hop.host = head.host;
    hop.peer = parse_address("203.0.113.9").value();
  }
  ForwardedRequest prepare() {
    forwarding.emplace(settings, "7f");
    return forwarding->prepare(head, hop, route, {0x0123456789abcdef, 0xfe}, arena, headers);
  }
};

TEST(Forwarding, CarriesOnWhatIsMeantForTheServer) {
  Asked asked;
  asked.head.headers = {{"Host", "a.test"},         {"Accept", "*/*"},
                        {"Connection", "x-hop"},    {"X-Hop", "1"},
                        {"TE", "trailers, gzip"},   {"Content-Length", "3"},
                        {"Expect", "100-continue"}, {"Transfer-Encoding", "chunked"},
                        {"Keep-Alive", "5"},        {"Trailer", "T"},
                        {"X-Request-Id", "theirs"}};
  const ForwardedRequest request = asked.prepare();
  EXPECT_EQ(request.refused, Cause::unknown);
  EXPECT_EQ(request.host, "a.test");
  EXPECT_TRUE(request.te_trailers);
  EXPECT_EQ(request.upgrade, "");
  EXPECT_EQ(request.request_id, "theirs");
  EXPECT_EQ(host_string(request.client), "203.0.113.9");
  EXPECT_EQ(lines(asked.headers), "Accept: */*\nTrailer: T\nX-Request-Id: theirs\n");
}

TEST(Forwarding, AddsItsFieldsAndThenTheRoutes) {
  Asked asked;
  asked.settings.forwarded = ForwardedHeaders::x_forwarded;
  asked.settings.request_id = true;
  asked.settings.via = "edge";
  asked.settings.trusted_proxies = {"203.0.113.0/24"};
  asked.route.headers.request.set = {{"x-forwarded-proto", "https"}};
  asked.route.headers.request.remove = {"Cookie"};
  asked.head.minor = 0;
  asked.head.headers = {
      {"Cookie", "a=b"}, {"X-Forwarded-For", "198.51.100.7"}, {"Via", "1.1 other"}};
  const ForwardedRequest request = asked.prepare();
  EXPECT_EQ(host_string(request.client), "198.51.100.7");
  EXPECT_EQ(request.request_id, "0123456789abcdef00000000000000fe");
  EXPECT_EQ(lines(asked.headers),
            "Via: 1.1 other\n"
            "X-Forwarded-For: 198.51.100.7, 203.0.113.9\n"
            "X-Forwarded-Host: a.test\n"
            "x-forwarded-proto: https\n"
            "X-Request-Id: 0123456789abcdef00000000000000fe\n"
            "Via: 1.0 edge (7f)\n");
}

TEST(Forwarding, LetsNoClientTakeAwayWhatItAdds) {
  Asked asked;
  asked.settings.forwarded = ForwardedHeaders::x_forwarded;
  asked.settings.via = "edge";
  asked.head.headers = {{"Connection", "close, X-Forwarded-For, Via, X-Forwarded-Proto"},
                        {"Via", "1.1 edge (7f)"}};
  EXPECT_EQ(asked.prepare().refused, Cause::policy_loop) << "nor hide a loop";
  asked.head.headers.pop_back();
  EXPECT_EQ(asked.prepare().refused, Cause::unknown);
  EXPECT_EQ(lines(asked.headers),
            "X-Forwarded-For: 203.0.113.9\n"
            "X-Forwarded-Host: a.test\n"
            "X-Forwarded-Proto: http\n"
            "Via: 1.1 edge (7f)\n");
}

TEST(Forwarding, KeepsSaneRequestIdsOnly) {
  const auto id = [](std::vector<Header> headers) {
    Asked asked;
    asked.settings.request_id = true;
    asked.head.headers = std::move(headers);
    const std::string name(asked.prepare().request_id);
    EXPECT_EQ(lines(asked.headers), "X-Request-Id: " + name + "\n");
    return name;
  };
  const std::string made = "0123456789abcdef00000000000000fe", longest(128, 'a');
  EXPECT_EQ(id({}), made);
  EXPECT_EQ(id({{"x-request-id", "a-1_b.c:d+/=@~"}}), "a-1_b.c:d+/=@~");
  EXPECT_EQ(id({{"x-request-id", "one"}, {"X-Request-ID", "two"}}), "one");
  EXPECT_EQ(id({{"x-request-id", longest}}), longest);
  EXPECT_EQ(id({{"x-request-id", longest + "a"}}), made);
  EXPECT_EQ(id({{"x-request-id", "a b"}}), made);
  EXPECT_EQ(id({{"x-request-id", "a\"b"}}), made);
}

TEST(Forwarding, AsksForAnUpgradeThatTheRouteAllows) {
  Asked asked;
  asked.head.headers = {
      {"Connection", "Upgrade"}, {"Upgrade", "h2c, websocket"}, {"Sec-WebSocket-Key", "k"}};
  asked.head.upgrade = true;
  EXPECT_EQ(asked.prepare().upgrade, "websocket");
  EXPECT_EQ(lines(asked.headers), "Sec-WebSocket-Key: k\n");
  asked.head.framing = http::Framing::length;
  EXPECT_EQ(asked.prepare().upgrade, "websocket") << "Content-Length: 0";
  asked.head.content_length = 1;
  EXPECT_EQ(asked.prepare().upgrade, "") << "a body comes first";
  asked.head.framing = http::Framing::chunked;
  asked.head.content_length = 0;
  EXPECT_EQ(asked.prepare().upgrade, "") << "nobody knows";
  asked.head.framing = http::Framing::none;
  asked.route.upgrade.clear();
  EXPECT_EQ(asked.prepare().upgrade, "");
  asked.route.upgrade = {"websocket"};
  asked.head.upgrade = false;
  EXPECT_EQ(asked.prepare().upgrade, "") << "HTTP/1.0";
}

TEST(Forwarding, PreparesResponses) {
  Asked asked;
  asked.settings.via = "edge";
  asked.route.headers.response.set = {{"Server", "none"}};
  asked.route.headers.response.add = {{"Set-Cookie", "c=d"}};
  const Forwarding forwarding(asked.settings, "");
  std::vector<Header> headers = {{"Server", "nginx"},     {"Content-Length", "5"},
                                 {"Connection", "close"}, {"Keep-Alive", "timeout=5"},
                                 {"Set-Cookie", "a=b"},   {"Transfer-Encoding", "chunked"}};
  EXPECT_EQ(forwarding.prepare_response(1, asked.route, {"s=1", "id"}, headers), "");
  EXPECT_EQ(lines(headers),
            "Server: none\nSet-Cookie: a=b\nVia: 1.1 edge\nX-Request-Id: id\nSet-Cookie: s=1\n"
            "Set-Cookie: c=d\n");
  headers = {{"Upgrade", "websocket"}, {"Connection", "upgrade"}, {"x-request-id", "own"}};
  asked.route.headers = {};
  EXPECT_EQ(forwarding.prepare_response(0, asked.route, {"", "id"}, headers), "websocket");
  EXPECT_EQ(lines(headers), "x-request-id: own\nVia: 1.0 edge\n");
}

TEST(ProxyStatus, NamesTheCause) {
  route::ByteArena arena;
  EXPECT_EQ(write_proxy_status("finack", Cause::upstream_refused, arena),
            "finack; error=connection_refused; details=\"upstream.refused\"");
  EXPECT_EQ(write_proxy_status("1edge", Cause::timeout_connect, arena),
            "\"1edge\"; error=connection_timeout; details=\"timeout.connect\"");
  EXPECT_EQ(write_proxy_status("e", Cause::upstream_retries_spent, arena),
            "e; details=\"upstream.retries_spent\"");
  Asked asked;
  EXPECT_EQ(Forwarding(asked.settings, "").proxy_status(Cause::policy_loop, arena), "");
  asked.settings.proxy_status = true;
  EXPECT_EQ(Forwarding(asked.settings, "").proxy_status(Cause::policy_loop, arena),
            "finack; error=proxy_loop_detected; details=\"policy.loop\"");
}

}  // namespace
}  // namespace finack::gateway
