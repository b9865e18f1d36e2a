#include "admin/same_site.h"

#include <gtest/gtest.h>

namespace finack::admin {
namespace {

bool trusted(std::string_view host, std::vector<std::string_view> origins = {},
             std::string_view name = "") {
  http::RequestHead head;
  head.host = host;
  for (const std::string_view origin : origins)
    head.headers.push_back({.name = "origin", .value = origin});
  return foreign(head, name).empty();
}

TEST(SameSite, AddressesAndLocalhostAreAskedFor) {
  for (const char* host : {"127.0.0.1:9090", "127.0.0.1", "[::1]:9090", "[::1]", "10.1.2.3:80",
                           "localhost:9090", "LocalHost"})
    EXPECT_TRUE(trusted(host)) << host;
}

/// A page of evil.test, whose name was made to resolve to 127.0.0.1.
TEST(SameSite, OtherNamesAreNot) {
  for (const char* host :
       {"evil.test", "evil.test:9090", "127.0.0.1.evil.test", "localhost.evil.test", "localhost.",
        "", "xlocalhost", "[::1].evil.test", "127.0.0.1@evil.test", "gateway.internal"})
    EXPECT_FALSE(trusted(host)) << host;
}

TEST(SameSite, ButTheNameThatIsConfigured) {
  EXPECT_TRUE(trusted("gateway.internal:9090", {}, "gateway.internal"));
  EXPECT_TRUE(trusted("Gateway.Internal", {}, "gateway.internal"));
  EXPECT_FALSE(trusted("gateway.internal.evil.test", {}, "gateway.internal"));
}

/// A form or a fetch() of any page reaches any address; its browser says where it comes from.
TEST(SameSite, OriginsAreOurs) {
  EXPECT_TRUE(trusted("127.0.0.1:9090", {"http://127.0.0.1:9090"}));
  for (const char* origin : {"http://evil.test", "https://evil.test:9090", "null", "",
                             "http://127.0.0.1", "http://127.0.0.1:8080", "http://localhost:9090",
                             "127.0.0.1:9090", "http://127.0.0.1:9090/", "http://[::1]:9090"})
    EXPECT_FALSE(trusted("127.0.0.1:9090", {origin})) << origin;
  EXPECT_FALSE(trusted("127.0.0.1:9090", {"http://127.0.0.1:9090", "http://evil.test"}));
}

}  // namespace
}  // namespace finack::admin
