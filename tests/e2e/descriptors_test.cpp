// Traffic may use up its share of the descriptors: health and metrics still answer. FINACK names
// the command.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <string>
#include <string_view>

#include "e2e/support/bounded.h"
#include "e2e/support/demo_server.h"
#include "e2e/support/peer.h"

namespace finack::e2e {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t kDescriptors = 64;
constexpr int kClients = 100;

class Descriptors : public ::testing::TestWithParam<const char*> {
 protected:
  void start(std::vector<std::string> flags) {
    // UBSan looks at an object's type through a pipe: without descriptors every object looks
    // broken.
    const char* sanitizers = std::getenv("FINACK_SANITIZE");
    if (sanitizers != nullptr &&
        std::string_view(sanitizers).find("undefined") != std::string::npos)
      GTEST_SKIP() << "\n*** SKIPPED: UBSan itself needs descriptors; the release build tests it\n";
    const char* program = std::getenv("FINACK");
    ASSERT_NE(program, nullptr) << "FINACK must name the finack command";
    std::string pattern = testing::TempDir() + "finack-descriptors-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    DemoOptions options;
    options.program = program;
    options.directory = folder_;
    options.backend = GetParam();
    options.flags = std::move(flags);
    options.descriptors = kDescriptors;
    server_ = std::make_unique<DemoServer>(options, deadline_);
  }
  void TearDown() override {
    server_.reset();
    if (!folder_.empty() && !HasFailure()) std::filesystem::remove_all(folder_);
  }
  Peer& connect() { return peers_.emplace_back(server_->port(), deadline_); }
  static std::string get(std::string_view target) {
    return "GET " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  }
  Response ask_admin(std::string_view target) {
    Peer peer(server_->admin_port(), deadline_);
    peer.send(get(target));
    return peer.read_response(Millis(3000));
  }
  /// A scrape, and two probes beside it.
  void expect_admin_answers() {
    Peer scrape(server_->admin_port(), deadline_);
    scrape.send(get("/metrics"));
    const Response metrics = scrape.read_response(Millis(3000));
    EXPECT_EQ(metrics.status, 200);
    EXPECT_THAT(metrics.body, HasSubstr("cause=\"resource.descriptors\""));
    EXPECT_THAT(metrics.body, HasSubstr("finack_process_open_fds"));
    EXPECT_EQ(ask_admin("/readyz").status, 200);
    EXPECT_EQ(ask_admin("/livez").status, 200);
  }
  std::size_t shut_out() {
    std::size_t count = 0;
    for (Peer& peer : peers_) count += peer.read_to_end(Millis(0)) != StreamSight::nothing;
    return count;
  }

  Deadline deadline_{Millis(30000)};
  std::string folder_;
  std::unique_ptr<DemoServer> server_;
  std::deque<Peer> peers_;
};
INSTANTIATE_TEST_SUITE_P(Backends, Descriptors, ::testing::Values("epoll", "io_uring"),
                         [](const auto& one) { return std::string(one.param); });

/// Every place is taken by a request in progress, so that nobody can be evicted.
TEST_P(Descriptors, admin_answers_while_busy_connections_use_up_theirs) {
  start({});
  if (IsSkipped() || HasFatalFailure()) return;
  for (int i = 0; i < kClients; ++i) connect().try_send(get("/slow?ms=20000"));
  ASSERT_TRUE(eventually(deadline_, [this] { return shut_out() >= kClients - kDescriptors; }));
  expect_admin_answers();
  EXPECT_THAT(server_->standard_error(), HasSubstr("connections at most"));
}

/// Evicted connections whose clients do not close give up their place, but not their descriptor.
TEST_P(Descriptors, admin_answers_while_evicted_connections_linger) {
  start({"--max-connections", "20"});
  if (IsSkipped() || HasFatalFailure()) return;
  EXPECT_THAT(server_->standard_error(), Not(HasSubstr("connections at most")))
      << "what fits needs no word";
  for (int i = 0; i < kClients; ++i) {
    Peer& peer = connect();
    if (peer.try_send(get("/ping"))) {
      try {
        peer.read_response(Millis(500));
      } catch (const Failure&) {
      }
    }
  }
  expect_admin_answers();
}

/// There is room again when clients have left.
TEST_P(Descriptors, service_goes_on_when_there_is_room_again) {
  start({});
  if (IsSkipped() || HasFatalFailure()) return;
  for (int i = 0; i < kClients; ++i) connect();
  ASSERT_TRUE(eventually(deadline_, [this] { return shut_out() >= kClients - kDescriptors; }));
  for (Peer& peer : peers_) peer.close();
  EXPECT_TRUE(eventually(deadline_, [this] {
    Peer& late = connect();
    if (!late.try_send(get("/ping"))) return false;
    try {
      return late.read_response(Millis(1000)).status == 200;
    } catch (const Failure&) {
      return false;
    }
  }));
}

}  // namespace
}  // namespace finack::e2e
