#include "gateway/forwarded.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace finack::gateway {
namespace {

using http::Header;
using enum ForwardedHeaders;

Address address(std::string_view text) {
  if (text == "unix") {
    Address unix_socket;
    unix_socket.family = Address::Family::unix_socket;
    return unix_socket;
  }
  return parse_address(text).value();
}

const std::vector<std::string> kNetworks = {"10.0.0.0/8", "192.0.2.1", "fd00::/8"};

TEST(TrustedProxies, AreAddressesAndRanges) {
  const TrustedProxies trusted(kNetworks);
  for (const std::string_view text :
       {"10.0.0.1", "10.255.0.1", "192.0.2.1", "fd12::1", "::ffff:10.1.2.3"}) {
    EXPECT_TRUE(trusted.contains(address(text))) << text;
  }
  for (const std::string_view text : {"11.0.0.1", "192.0.2.2", "fe80::1", "::1", "unix"}) {
    EXPECT_FALSE(trusted.contains(address(text))) << text;
  }
  EXPECT_FALSE(TrustedProxies().contains(address("10.0.0.1")));
}

TEST(BelievedClient, IsTheRightMostThatIsNotTrusted) {
  struct Row {
    std::string_view peer;
    std::vector<std::string_view> lines;
    std::string_view client;
  };
  const Row rows[] = {
      {"198.51.100.7", {"203.0.113.9"}, "198.51.100.7"},
      {"10.0.0.1", {}, "10.0.0.1"},
      {"10.0.0.1", {"203.0.113.9"}, "203.0.113.9"},
      {"10.0.0.1", {"1.1.1.1, 203.0.113.9,10.0.0.2"}, "203.0.113.9"},
      {"10.0.0.1", {"1.1.1.1", "203.0.113.9", "10.0.0.2"}, "203.0.113.9"},
      {"10.0.0.1", {"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
      {"10.0.0.1", {"203.0.113.9, nonsense, 10.0.0.2"}, "10.0.0.2"},
      {"10.0.0.1", {"203.0.113.9, nonsense"}, "10.0.0.1"},
      {"10.0.0.1", {"203.0.113.9:4711"}, "203.0.113.9"},
      {"10.0.0.1", {"1.1.1.1, 203.0.113.9:99999"}, "203.0.113.9"},
      {"10.0.0.1", {"1.1.1.1, 203.0.113.9:"}, "203.0.113.9"},
      {"10.0.0.1", {"[2001:db8::1]:_x"}, "2001:db8::1"},
      {"10.0.0.1", {"203.0.113.9, 2001:db8::zz"}, "10.0.0.1"},
      {"10.0.0.1", {"2001:db8::1"}, "2001:db8::1"},
      {"fd00::1", {"[2001:db8::1]:80"}, "2001:db8::1"},
      {"10.0.0.1", {"\"x, 203.0.113.9"}, "203.0.113.9"},
      {"10.0.0.1", {", ,203.0.113.9,"}, "203.0.113.9"},
  };
  const TrustedProxies trusted(kNetworks);
  for (const Row& row : rows) {
    std::vector<Header> headers;
    for (const std::string_view line : row.lines) headers.push_back({"X-Forwarded-For", line});
    const Address client = believed_client(address(row.peer), headers, trusted, x_forwarded);
    EXPECT_EQ(host_string(client), row.client);
    EXPECT_EQ(believed_client(address(row.peer), headers, trusted, forwarded), address(row.peer));
  }
}

TEST(BelievedClient, IsReadFromForwarded) {
  struct Row {
    std::string_view value, client;
  };
  const Row rows[] = {
      {"for=203.0.113.9", "203.0.113.9"},
      {"proto=http; For=\"203.0.113.9:80\" ;by=x", "203.0.113.9"},
      {"for=1.1.1.1, for=203.0.113.9;host=\"a,b\", for=10.0.0.2", "203.0.113.9"},
      {"for=\"[2001:db8::1]:4711\"", "2001:db8::1"},
      {"for=1.1.1.1, for=\"203.0.113.9:_a1\"", "203.0.113.9"},
      {"for=203.0.113.9, for=unknown", "10.0.0.1"},
      {"for=203.0.113.9, for=_hidden, for=10.0.0.2", "10.0.0.2"},
      {"proto=http", "10.0.0.1"},
      // What a client sends cannot hide what a proxy added.
      {"for=\"x, for=203.0.113.9", "203.0.113.9"},
      {"for=\"x, for=\"[2001:db8::1]\"", "2001:db8::1"},
      {"for=\"x\\, for=\"[2001:db8::1]\";host=\"h:80\"", "2001:db8::1"},
  };
  const TrustedProxies trusted(kNetworks);
  for (const Row& row : rows) {
    const std::vector<Header> headers = {{"Forwarded", row.value}};
    const Address client = believed_client(address("10.0.0.1"), headers, trusted, forwarded);
    EXPECT_EQ(host_string(client), row.client) << row.value;
    EXPECT_EQ(believed_client(address("10.0.0.1"), headers, trusted, both), address("10.0.0.1"));
  }
}

/// The shortest of some runs.
std::chrono::nanoseconds time_to_read(std::string_view value) {
  const TrustedProxies trusted(kNetworks);
  const std::vector<Header> headers = {{"Forwarded", value}};
  auto shortest = std::chrono::nanoseconds::max();
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(believed_client(address("10.0.0.1"), headers, trusted, forwarded),
              address("203.0.113.9"));
    shortest =
        std::min<std::chrono::nanoseconds>(shortest, std::chrono::steady_clock::now() - start);
  }
  return shortest;
}

TEST(BelievedClient, IsFoundInLinearTime) {
  // Each is a quote without an end, whichever of them is read first.
  for (const std::string_view open : {"\"\\\",", "\"\\\";"}) {
    const auto hostile = [&](std::size_t times) {
      std::string value;
      for (std::size_t i = 0; i < times; ++i) value += open;
      return value + ", for=203.0.113.9";
    };
    EXPECT_LT(time_to_read(hostile(8192)) / time_to_read(hostile(512)), 64) << open;
  }
}

TEST(TellsOfClient, KnowsTheFamily) {
  for (const std::string_view field : {"Forwarded", "X-Forwarded-For", "x_forwarded_proto",
                                       "X-FORWARDED-SSL", "X-Real-IP", "X_Real-Ip"}) {
    EXPECT_TRUE(tells_of_client(field)) << field;
  }
  for (const std::string_view field : {"X-Forwarded-", "X-Forward", "For", "X-Real-IPs", "Via"}) {
    EXPECT_FALSE(tells_of_client(field)) << field;
  }
}

/// The fields after write_forwarded, a line each.
std::string written(std::vector<Header> headers, const Hop& hop, bool trusted,
                    ForwardedHeaders policy) {
  route::ByteArena arena;
  write_forwarded(headers, hop, trusted, policy, arena);
  std::string out;
  for (const Header& field : headers) {
    out.append(field.name).append(": ").append(field.value).append("\n");
  }
  return out;
}

TEST(WriteForwarded, ReplacesWhatStrangersSay) {
  const std::vector<Header> lies = {{"X-Forwarded-For", "1.1.1.1"}, {"A", "b"},
                                    {"x_forwarded_for", "1.1.1.1"}, {"X-Forwarded-Port", "1"},
                                    {"X-Real-IP", "1.1.1.1"},       {"Forwarded", "for=1.1.1.1"}};
  const Hop hop{address("203.0.113.9"), "a.test:8080", false};
  EXPECT_EQ(written(lies, hop, false, none), "A: b\n");
  EXPECT_EQ(written(lies, hop, false, x_forwarded),
            "A: b\n"
            "X-Forwarded-For: 203.0.113.9\n"
            "X-Forwarded-Host: a.test:8080\n"
            "X-Forwarded-Proto: http\n");
  EXPECT_EQ(written(lies, hop, false, forwarded),
            "A: b\n"
            "Forwarded: for=203.0.113.9;host=\"a.test:8080\";proto=http\n");
  EXPECT_EQ(written(lies, hop, false, both),
            "A: b\n"
            "X-Forwarded-For: 203.0.113.9\n"
            "X-Forwarded-Host: a.test:8080\n"
            "X-Forwarded-Proto: http\n"
            "Forwarded: for=203.0.113.9;host=\"a.test:8080\";proto=http\n");
}

TEST(WriteForwarded, ContinuesWhatTrustedProxiesSay) {
  const std::vector<Header> before = {{"X-Forwarded-For", "1.1.1.1, 2.2.2.2"},
                                      {"X-Forwarded-Proto", "https"},
                                      {"x-forwarded-for", "3.3.3.3"},
                                      {"X-Forwarded-Host", "b.test"},
                                      {"X-Forwarded-For", ""},
                                      {"X-Real-IP", "1.1.1.1"},
                                      {"X_Forwarded_For", "9.9.9.9"},
                                      {"Forwarded", "for=1.1.1.1"}};
  const Hop hop{address("10.0.0.1"), "a.test", false};
  EXPECT_EQ(written(before, hop, true, x_forwarded),
            "X-Real-IP: 1.1.1.1\n"
            "Forwarded: for=1.1.1.1\n"
            "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, 10.0.0.1\n"
            "X-Forwarded-Host: b.test\n"
            "X-Forwarded-Proto: https\n");
  const std::string standard = written(before, hop, true, forwarded);
  EXPECT_TRUE(standard.ends_with("Forwarded: for=1.1.1.1, for=10.0.0.1;host=a.test;proto=http\n"))
      << standard;
  EXPECT_EQ(written({{"X-Forwarded-For", "1.1.1.1"}}, hop, true, none),
            "X-Forwarded-For: 1.1.1.1\n");
}

TEST(WriteForwarded, WritesEveryKindOfPeer) {
  EXPECT_EQ(written({}, {address("2001:db8::1"), "[::1]", true}, false, both),
            "X-Forwarded-For: 2001:db8::1\n"
            "X-Forwarded-Host: [::1]\n"
            "X-Forwarded-Proto: https\n"
            "Forwarded: for=\"[2001:db8::1]\";host=\"[::1]\";proto=https\n");
  EXPECT_EQ(written({}, {address("unix"), "", false}, false, both),
            "X-Forwarded-Proto: http\n"
            "Forwarded: for=unknown;proto=http\n");
  EXPECT_EQ(
      written({{"X-Forwarded-For", "1.1.1.1"}}, {address("unix"), "", false}, true, x_forwarded),
      "X-Forwarded-For: 1.1.1.1\n"
      "X-Forwarded-Proto: http\n");
}

}  // namespace
}  // namespace finack::gateway
