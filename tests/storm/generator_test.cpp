#include "storm/generator.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <set>
#include <string>
#include <utility>

#include "finack/base/fd.h"

namespace finack::storm {
namespace {

/// Listens, and accepts only when asked to.
class Listening {
 public:
  Listening() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(fd_.get(), generic, size), 0);
    EXPECT_EQ(::listen(fd_.get(), 1024), 0);
    EXPECT_EQ(::getsockname(fd_.get(), generic, &size), 0);
    port_ = ntohs(address.sin_port);
  }

  std::uint16_t port() const { return port_; }

  /// Address and port of everyone that waits, in the order of arrival.
  std::vector<std::pair<std::uint32_t, std::uint16_t>> accept_all() {
    std::vector<std::pair<std::uint32_t, std::uint16_t>> out;
    for (;;) {
      sockaddr_in peer{};
      socklen_t size = sizeof peer;
      const Fd one(::accept(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &size));
      if (!one) return out;
      out.emplace_back(ntohl(peer.sin_addr.s_addr), ntohs(peer.sin_port));
    }
  }
  void close() { fd_.reset(); }

 private:
  Fd fd_;
  std::uint16_t port_ = 0;
};

StormResult run(StormOptions options) {
  auto generator = Generator::create(std::move(options));
  EXPECT_TRUE(generator);
  auto result = (*generator)->run();
  EXPECT_TRUE(result);
  return std::move(*result);
}

TEST(Generator, CountsWhatTheKernelConnected) {
  Listening server;
  StormOptions options;
  options.port = server.port();
  options.connections = 300;
  options.concurrency = 16;
  options.sources = 3;
  options.only = {Behaviour::silent_fin, Behaviour::silent_rst, Behaviour::head_cut_fin};
  const StormResult result = run(options);
  EXPECT_EQ(result.connects_completed, 300U);
  EXPECT_EQ(result.connects_failed, 0U);
  EXPECT_EQ(result.surprised(), 0U);
  EXPECT_FALSE(result.out_of_time);
  const auto accepted = server.accept_all();
  ASSERT_EQ(accepted.size(), result.contacts.size());
  std::multiset<std::pair<std::uint32_t, std::uint16_t>> theirs(accepted.begin(), accepted.end());
  std::set<std::uint32_t> sources;
  for (const Contact& contact : result.contacts) {
    const auto it = theirs.find({contact.source, contact.port});
    ASSERT_NE(it, theirs.end()) << to_string(contact);
    theirs.erase(it);
    sources.insert(contact.source);
  }
  EXPECT_EQ(sources.size(), 3U);
}

TEST(Generator, DrawsTheSameMixFromTheSameSeed) {
  const auto drawn = [](std::uint64_t seed) {
    Listening server;
    StormOptions options;
    options.port = server.port();
    options.connections = 50;
    options.concurrency = 1;
    options.seed = seed;
    options.only = {Behaviour::silent_fin, Behaviour::head_cut_rst, Behaviour::body_cut_fin};
    std::string out;
    for (const Contact& contact : run(options).contacts) out += name(contact.behaviour);
    return out;
  };
  EXPECT_EQ(drawn(3), drawn(3));
  EXPECT_NE(drawn(3), drawn(4));
}

TEST(Generator, CountsRefusedConnectsApart) {
  Listening server;
  server.close();
  StormOptions options;
  options.port = server.port();
  options.connections = 20;
  options.concurrency = 4;
  const StormResult result = run(options);
  EXPECT_EQ(result.connects_completed, 0U);
  EXPECT_EQ(result.connects_failed, 20U);
  EXPECT_TRUE(result.contacts.empty());
  EXPECT_NE(result.first_failure.find("connect"), std::string::npos) << result.first_failure;
}

TEST(Generator, GivesUpOnASilentServerAndSaysSo) {
  Listening server;
  StormOptions options;
  options.port = server.port();
  options.connections = 4;
  options.concurrency = 4;
  options.patience = std::chrono::milliseconds(50);
  options.only = {Behaviour::get_close};
  const StormResult result = run(options);
  EXPECT_EQ(result.connects_completed, 4U);
  EXPECT_EQ(result.surprised(), 4U);
  for (const Contact& contact : result.contacts) EXPECT_TRUE(contact.surprised);
  const auto& count = result.behaviours[static_cast<std::size_t>(Behaviour::get_close)];
  EXPECT_NE(count.first_surprise.find("in time"), std::string::npos) << count.first_surprise;
}

TEST(Generator, StopsDialingWhenItsTimeIsOver) {
  Listening server;
  StormOptions options;
  options.port = server.port();
  options.connections = 1'000'000;
  options.concurrency = 2;
  options.patience = std::chrono::milliseconds(20);
  options.time_limit = std::chrono::milliseconds(30);
  options.only = {Behaviour::get_close};
  const StormResult result = run(options);
  EXPECT_TRUE(result.out_of_time);
  EXPECT_LT(result.connects_completed, 1000U);
}

TEST(Generator, RefusesOptionsThatCannotWork) {
  StormOptions none;
  none.concurrency = 0;
  EXPECT_FALSE(Generator::create(none));
  StormOptions many;
  many.sources = 255;
  EXPECT_FALSE(Generator::create(many));
}

}  // namespace
}  // namespace finack::storm
