// The service's parts that an Engine has no use for: a handler of each worker's, listeners with
// settings of their own, admin routes, and what SIGHUP does.
#include "app/service.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "support/ask_once.h"

namespace finack::app {
namespace {

using namespace std::chrono_literals;

std::uint16_t port_of(const std::string& address) {
  return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

void answer(http::Exchange& x, std::string_view text) {
  http::ResponseHead head;
  head.content_length = text.size();
  x.respond(head, text);
}

class Own final : public server::WorkerHandler {
 public:
  explicit Own(std::atomic<int>& closed) : closed_(closed) {}
  void handle(http::Exchange& x) override { answer(x, "own"); }
  void close(record::Cause) override { ++closed_; }
  void cut(record::Cause) override {}
  bool empty() const override { return true; }

 private:
  std::atomic<int>& closed_;
};

class More final : public http::Handler {
 public:
  void handle(http::Exchange& x) override {
    answer(x, x.request().path == "/clusters" ? "clusters" : "more");
  }
};

/// Signals reach the service alone: it takes them by name, and everybody else keeps them blocked.
class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() {
    sigset_t ours;
    ::sigemptyset(&ours);
    for (const int number : {SIGTERM, SIGINT, SIGUSR1, SIGHUP}) ::sigaddset(&ours, number);
    ::pthread_sigmask(SIG_BLOCK, &ours, &before_);
    options_.workers = 2;
    options_.console = Console::off;
    options_.listen = {"127.0.0.1:0"};
    options_.admin = "127.0.0.1:0";
    parts_.name = "test";
    parts_.make_handler = [this](const server::Seat&) { return make(); };
  }
  ~ServiceTest() override { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  Expected<std::unique_ptr<server::WorkerHandler>> make() {
    ++made_;
    return std::make_unique<Own>(closed_);
  }
  /// Runs the service; `act` on a thread beside it, which then ends it.
  int run(const std::function<void(Service&)>& act) {
    auto service = Service::create(settings_, options_, parts_);
    EXPECT_TRUE(service) << service.error().what;
    if (!service) return -1;
    std::jthread beside([&] {
      act(**service);
      ::kill(::getpid(), SIGTERM);
    });
    return (*service)->run();
  }

  server::Settings settings_;
  ProcessOptions options_;
  Service::Parts parts_;
  std::atomic<int> made_{0};
  std::atomic<int> closed_{0};

 private:
  sigset_t before_{};
};

TEST_F(ServiceTest, each_worker_has_a_handler_of_its_own) {
  std::string answered;
  EXPECT_EQ(run([&](Service& s) { answered = tests::ask_once(port_of(s.addresses()[0]), "/"); }),
            0);
  EXPECT_TRUE(answered.ends_with("own")) << answered;
  EXPECT_EQ(made_, 2);
  EXPECT_EQ(closed_, 2);
}

TEST_F(ServiceTest, listeners_replace_the_addresses_of_the_options) {
  options_.listen = {"300.0.0.1:1"};  // nobody looks at it
  parts_.listeners.resize(2);
  for (server::ListenerOptions& listener : parts_.listeners) listener.spec = "127.0.0.1:0";
  parts_.listeners[1].settings.server_header = "second";
  std::string first, second;
  EXPECT_EQ(run([&](Service& s) {
              ASSERT_EQ(s.addresses().size(), 2U);
              first = tests::ask_once(port_of(s.addresses()[0]), "/");
              second = tests::ask_once(port_of(s.addresses()[1]), "/");
            }),
            0);
  EXPECT_EQ(first.find("Server:"), std::string::npos);
  EXPECT_NE(second.find("Server: second\r\n"), std::string::npos);
}

TEST_F(ServiceTest, listeners_come_and_go_while_it_runs) {
  parts_.listeners.resize(2);
  parts_.listeners[0].spec = "127.0.0.1:0";
  parts_.listeners[1].spec = "localhost:0";
  std::string stays, comes, gone, held;
  EXPECT_EQ(run([&](Service& s) {
              const std::vector<std::string> before = s.addresses();
              auto next = parts_.listeners;
              next[1].spec = before[0];
              const auto refused = s.check_listeners(next);
              EXPECT_FALSE(refused);
              EXPECT_EQ(refused.error().index, 1U);
              held = refused.error().error.what;
              EXPECT_EQ(s.addresses(), before);
              next[1].spec = "127.0.0.1:0";
              auto change = s.check_listeners(next);
              ASSERT_TRUE(change) << change.error().error.what;
              s.change_listeners(std::move(*change));
              const std::vector<std::string> after = s.addresses();
              ASSERT_EQ(after.size(), 2U);
              EXPECT_EQ(after[0], before[0]);
              stays = tests::ask_once(port_of(after[0]), "/");
              comes = tests::ask_once(port_of(after[1]), "/");
              gone = tests::ask_once(port_of(before[1]), "/");
            }),
            0);
  EXPECT_TRUE(stays.ends_with("own"));
  EXPECT_TRUE(comes.ends_with("own"));
  EXPECT_EQ(gone, "refused");
  EXPECT_NE(held.find("this process listens there itself, as 127.0.0.1:"), std::string::npos)
      << held;
}

TEST_F(ServiceTest, admin_routes_stand_beside_the_built_in_ones) {
  More more;
  parts_.admin = &more;
  std::string clusters, unknown, live;
  EXPECT_EQ(run([&](Service& s) {
              const std::uint16_t port = port_of(s.admin_address());
              clusters = tests::ask_once(port, "/clusters");
              unknown = tests::ask_once(port, "/livez/x");
              live = tests::ask_once(port, "/livez");
            }),
            0);
  EXPECT_TRUE(clusters.ends_with("clusters"));
  EXPECT_TRUE(unknown.ends_with("more"));
  EXPECT_TRUE(live.ends_with("alive\n"));
}

TEST_F(ServiceTest, a_hangup_reloads_until_the_drain_begins) {
  std::atomic<int> reloads{0};
  std::thread::id thread;
  parts_.on_reload = [&] {
    thread = std::this_thread::get_id();
    ++reloads;
  };
  EXPECT_EQ(run([&](Service&) {
              for (int wanted = 1; wanted <= 2; ++wanted) {
                ::kill(::getpid(), SIGHUP);
                const auto give_up = std::chrono::steady_clock::now() + 5s;
                while (reloads < wanted && std::chrono::steady_clock::now() < give_up)
                  std::this_thread::sleep_for(1ms);
              }
            }),
            0);
  EXPECT_EQ(reloads, 2);
  EXPECT_EQ(thread, std::this_thread::get_id()) << "it runs beside the signals";
}

TEST_F(ServiceTest, a_hangup_that_reloads_nothing_ends_nothing) {
  std::string answered;
  EXPECT_EQ(run([&](Service& s) {
              ::kill(::getpid(), SIGHUP);
              std::this_thread::sleep_for(60ms);
              answered = tests::ask_once(port_of(s.addresses()[0]), "/");
            }),
            0);
  EXPECT_TRUE(answered.ends_with("own"));
}

}  // namespace
}  // namespace finack::app
