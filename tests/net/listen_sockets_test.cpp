#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstdlib>
#include <fstream>

#include "net/address.h"
#include "net/conformance.h"
#include "net/dial.h"
#include "net/listener.h"

namespace finack::net::testing {
namespace {

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  ::getsockopt(fd, level, name, &value, &size);
  return value;
}

std::string error_of(std::string_view spec) {
  auto bound = ListenSockets::bind(spec, 1, {});
  return bound ? "" : bound.error().what;
}

TEST(ListenSockets, PortZeroTakesOnePortForAllWorkers) {
  auto bound = ListenSockets::bind("127.0.0.1:0", 3, {});
  ASSERT_TRUE(bound) << bound.error().what;
  EXPECT_NE(bound->local().port, 0);
  EXPECT_EQ(bound->name(), to_string(bound->local()));
  EXPECT_FALSE(bound->shared());
  for (std::uint32_t worker = 0; worker < 3; ++worker) {
    const Fd fd = bound->take(worker);
    ASSERT_TRUE(fd);
    EXPECT_EQ(local_address(fd.get()), bound->local());
  }
  EXPECT_FALSE(bound->take(3));
}

TEST(ListenSockets, AnAddressInUseIsSaidSo) {
  auto first = ListenSockets::bind("127.0.0.1:0", 2, {});
  ASSERT_TRUE(first);
  for (const std::uint32_t workers : {1u, 2u}) {
    auto second = ListenSockets::bind(first->name(), workers, {});
    ASSERT_FALSE(second) << "SO_REUSEPORT must not share with a stranger";
    EXPECT_EQ(second.error().code, EADDRINUSE);
    EXPECT_NE(second.error().what.find("in use"), std::string::npos);
    EXPECT_NE(second.error().what.find("ss -ltnp"), std::string::npos);
  }
}

TEST(ListenSockets, AllAddressesDualStack) {
  auto bound = ListenSockets::bind(":0", 1, {});
  ASSERT_TRUE(bound) << bound.error().what;
  EXPECT_EQ(bound->local().family, Address::Family::none);
  const Fd fd = bound->take(0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(local_address(fd.get()).port);
  connect_to(address);
  EXPECT_EQ(bound->name(), ":" + std::to_string(local_address(fd.get()).port));
}

TEST(ListenSockets, Ipv6) {
  auto bound = ListenSockets::bind("[::1]:0", 1, {});
  if (!bound) GTEST_SKIP() << "\n*** SKIPPED: no IPv6 here: " << bound.error().what << "\n";
  EXPECT_EQ(bound->local().family, Address::Family::v6);
  EXPECT_EQ(bound->name().substr(0, 6), "[::1]:");
}

TEST(ListenSockets, WrongSpecsSayWhatIsExpected) {
  for (const char* spec : {"", "8080", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:70000",
                           "example.com:80", "[::1:80", "fd:", "fd:x", "fd:-1", "unix:"}) {
    EXPECT_FALSE(error_of(spec).empty()) << spec;
  }
  EXPECT_NE(error_of("nowhere:80").find("expected IP:PORT"), std::string::npos);
  EXPECT_NE(error_of("192.0.2.77:0").find("no such address"), std::string::npos);
  EXPECT_NE(error_of("unix:/" + std::string(200, 'x')).find("bytes"), std::string::npos);
  EXPECT_NE(error_of("fd:0").find("not a listening socket"), std::string::npos);
}

TEST(ListenSockets, OptionsAreInheritedByWhatIsAccepted) {
  auto bound =
      ListenSockets::bind("127.0.0.1:0", 1, {.tcp_keepalive_s = 90, .tcp_user_timeout_ms = 12'000});
  ASSERT_TRUE(bound);
  const Fd listener = bound->take(0);
  const Fd client = connect_to(address_of(listener.get()));
  const Fd ours(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_EQ(option(ours.get(), IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option(ours.get(), SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(ours.get(), IPPROTO_TCP, TCP_KEEPIDLE), 90);
  EXPECT_EQ(option(ours.get(), IPPROTO_TCP, TCP_KEEPINTVL), 30);
  EXPECT_EQ(option(ours.get(), IPPROTO_TCP, TCP_KEEPCNT), 3);
  EXPECT_EQ(option(ours.get(), IPPROTO_TCP, TCP_USER_TIMEOUT), 12'000);
}

TEST(ListenSockets, UnixPathsAreTakenOverOnlyWhenStale) {
  const std::string path = ::testing::TempDir() + "finack-unix-" + std::to_string(::getpid());
  const std::string spec = "unix:" + path;
  {
    auto bound = ListenSockets::bind(spec, 2, {.unix_mode = 0600});
    ASSERT_TRUE(bound) << bound.error().what;
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    EXPECT_EQ(bound->local().family, Address::Family::unix_socket);
    EXPECT_NE(error_of(spec).find("in use"), std::string::npos);
  }
  auto again = ListenSockets::bind(spec, 1, {});  // its owner is gone, the path is still there
  ASSERT_TRUE(again) << again.error().what;
  again->unlink_path();
  {
    std::ofstream(path) << "a file, no socket";
  }
  EXPECT_FALSE(error_of(spec).empty());
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << "somebody's file must not be removed";
  ::unlink(path.c_str());
}

TEST(ListenSockets, AbstractNamesMeanWhatTheyMeanToADial) {
  const std::string name = "@finack-abstract-" + std::to_string(::getpid());
  auto bound = ListenSockets::bind("unix:" + name, 1, {});
  ASSERT_TRUE(bound) << bound.error().what;
  const Fd listening = bound->take(0);
  EXPECT_NE(::access(name.c_str(), F_OK), 0) << "no file";
  sockaddr_storage address{};
  socklen_t size = 0;
  ASSERT_TRUE(to_sockaddr({.address = {.family = Address::Family::unix_socket}, .unix_path = name},
                          address, size));
  const Fd dialed(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  EXPECT_EQ(::connect(dialed.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  bound->unlink_path();
}

TEST(ListenSockets, InheritedDescriptors) {
  sockaddr_in address;
  const Fd listener = listen_on_loopback(address);
  ASSERT_EQ(::fcntl(listener.get(), F_SETFD, 0), 0);
  auto bound = ListenSockets::bind("fd:" + std::to_string(listener.get()), 2, {});
  ASSERT_TRUE(bound) << bound.error().what;
  EXPECT_NE(::fcntl(listener.get(), F_GETFD) & FD_CLOEXEC, 0) << "a child would inherit it too";
  EXPECT_TRUE(bound->shared());
  EXPECT_TRUE(bound->inherited());
  EXPECT_EQ(bound->local().port, ntohs(address.sin_port));
  EXPECT_TRUE(bound->take(0));
  EXPECT_TRUE(bound->take(1));
}

TEST(ListenSockets, SystemdIsBelievedOnlyForThisProcess) {
  ::unsetenv("LISTEN_FDS");
  EXPECT_NE(error_of("systemd").find("LISTEN_FDS"), std::string::npos);
  ::setenv("LISTEN_FDS", "1", 1);
  ::setenv("LISTEN_PID", "1", 1);
  EXPECT_NE(error_of("systemd").find("LISTEN_PID"), std::string::npos);
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_NE(error_of("systemd:1").find("1 socket(s)"), std::string::npos);
  sockaddr_in address;
  const Fd listener = listen_on_loopback(address);
  const int saved = ::dup(3);
  ASSERT_EQ(::dup2(listener.get(), 3), 3);
  auto bound = ListenSockets::bind("systemd", 1, {});
  if (saved >= 0) ::dup2(saved, 3);
  if (saved >= 0) ::close(saved);
  ASSERT_TRUE(bound) << bound.error().what;
  EXPECT_EQ(bound->local().port, ntohs(address.sin_port));
  ::unsetenv("LISTEN_FDS");
  ::unsetenv("LISTEN_PID");
}

}  // namespace
}  // namespace finack::net::testing
