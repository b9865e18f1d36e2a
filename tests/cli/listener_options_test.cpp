// No setting of a listener is forgotten on its way to the server.
#include "cli/listener_options.h"

#include <gtest/gtest.h>

#include <array>

namespace finack::cli {
namespace {

// One more field on either side, and these bindings do not compile.
std::array<Nanos, 15> all(const server::Timeouts& timeouts) {
  const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = timeouts;
  return {a, b, c, d, e, f, g, h, i, j, k, l, m, n, o};
}

std::array<Nanos*, 15> all(gateway::ListenerTimeouts& timeouts) {
  auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = timeouts;
  return {&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o};
}

std::array<std::uint64_t, 11> all(const server::Limits& limits) {
  const auto& [a, b, c, d, e, f, g, h, i, j, k] = limits;
  return {a, b, c, d, e, f, g, h, i, j, k};
}

TEST(ListenerOptions, CarriesEveryWait) {
  gateway::ListenerSettings from;
  const auto fields = all(from.timeouts);
  for (std::size_t i = 0; i < fields.size(); ++i) *fields[i] = Nanos(1000 + i);
  const auto carried = all(listener_options(from, 2).settings.timeouts);
  for (std::size_t i = 0; i < fields.size(); ++i) EXPECT_EQ(carried[i], Nanos(1000 + i)) << i;
}

TEST(ListenerOptions, CarriesEveryLimit) {
  gateway::ListenerSettings from;
  auto& [a, b, c, d, e, f, g, h, i, j, k] = from.limits;
  a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8, i = 9, j = 10, k = 11;
  const auto carried = all(listener_options(from, 2).settings.limits);
  for (std::uint64_t n = 0; n < carried.size(); ++n) EXPECT_EQ(carried[n], n + 1);
}

TEST(ListenerOptions, CarriesTheRest) {
  gateway::ListenerSettings from;
  auto& [address, name, timeouts, limits, half_close, keepalive, user_timeout, backlog, header,
         server_header] = from;
  address = "127.0.0.1:1";
  name = "front";
  half_close = gateway::ClientHalfClose::tolerate;
  keepalive = Nanos(1);
  user_timeout = Nanos(2);
  backlog = 3;
  header = false;
  server_header = "us";
  const server::ListenerOptions to = listener_options(from, 2);
  EXPECT_EQ(to.spec, "127.0.0.1:1");
  EXPECT_EQ(to.name, "front");
  const auto& [t, l, to_half_close, to_keepalive, to_user_timeout, loop_blocked, to_backlog,
               to_header, to_server_header, to_path] = to.settings;
  EXPECT_EQ(to_half_close, server::HalfClose::tolerate);
  EXPECT_EQ(to_keepalive, Nanos(1));
  EXPECT_EQ(to_user_timeout, Nanos(2));
  EXPECT_EQ(loop_blocked, server::Settings().loop_blocked);
  EXPECT_EQ(to_backlog, 3);
  EXPECT_FALSE(to_header);
  EXPECT_EQ(to_server_header, "us");
  EXPECT_STREQ(to_path, "listeners[2].");
  half_close = gateway::ClientHalfClose::cancel;
  EXPECT_EQ(listener_options(from, 2).settings.client_half_close, server::HalfClose::cancel);
  half_close = gateway::ClientHalfClose::probe;
  EXPECT_EQ(listener_options(from, 2).settings.client_half_close, server::HalfClose::probe);
}

TEST(ListenerOptions, HasTheServersDefaults) {
  const server::ListenerOptions to = listener_options(gateway::ListenerSettings(), 0);
  EXPECT_EQ(all(to.settings.timeouts), all(server::Timeouts()));
  EXPECT_EQ(all(to.settings.limits), all(server::Limits()));
  const server::Settings defaults;
  EXPECT_EQ(to.settings.client_half_close, defaults.client_half_close);
  EXPECT_EQ(to.settings.tcp_keepalive, defaults.tcp_keepalive);
  EXPECT_EQ(to.settings.tcp_user_timeout, defaults.tcp_user_timeout);
  EXPECT_EQ(to.settings.backlog, defaults.backlog);
  EXPECT_EQ(to.settings.keep_alive_header, defaults.keep_alive_header);
  EXPECT_EQ(to.settings.server_header, defaults.server_header);
}

}  // namespace
}  // namespace finack::cli
