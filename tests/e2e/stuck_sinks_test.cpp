// Nobody reads: what a full pipe behind standard error, the records or the console may cost.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "e2e/support/demo_server.h"
#include "e2e/support/peer.h"
#include "e2e/support/spawn.h"
#include "finack/finack.h"
#include "sinks/pipes.h"
#include "sinks/samples.h"

namespace finack::e2e {
namespace {

namespace fs = std::filesystem;
using sinks::test::FullPipe;

constexpr Millis kLong{30000};
constexpr const char* kNoCommand =
    "\n*** SKIPPED: FINACK does not name the finack command: nothing was tested\n";

class StuckSinks : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "finack-stuck-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    if (const char* program = std::getenv("FINACK")) program_ = program;
  }
  void TearDown() override { fs::remove_all(folder_); }

  DemoOptions options(std::vector<std::string> flags) const {
    return {program_, folder_, "epoll", std::move(flags), 0};
  }

  std::string folder_;
  std::string program_;
};

/// A blocking client of a Unix socket; every read is bounded.
class UnixClient {
 public:
  explicit UnixClient(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    const timeval limit{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    connected_ = ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  bool connected() const { return connected_; }

  /// Sends a request and reads until `end` was seen or the stream ended.
  std::string ask(const std::string& target, std::string_view end, bool close = false) {
    const std::string request = fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", target,
                                            close ? "Connection: close\r\n" : "");
    if (::send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return {};
    std::string text;
    while (end.empty() || !text.ends_with(end)) {
      char bytes[4096];
      const ssize_t n = ::recv(fd_.get(), bytes, sizeof(bytes), 0);
      if (n <= 0) break;
      text.append(bytes, static_cast<std::size_t>(n));
    }
    return text;
  }

 private:
  Fd fd_;
  bool connected_ = false;
};

/// The sum of the samples of that name.
std::uint64_t metric(const std::string& page, std::string_view name) {
  double total = 0;
  for (std::size_t at = 0; at < page.size();) {
    const std::size_t end = std::min(page.find('\n', at), page.size());
    const std::string_view line(page.data() + at, end - at);
    at = end + 1;
    if (!line.starts_with(name) || line.find_first_of("{ ") > name.size()) continue;
    total += std::stod(std::string(line.substr(line.rfind(' ') + 1)));
  }
  return static_cast<std::uint64_t>(total);
}

std::string metrics_page(const DemoServer& server) {
  Peer peer(server.admin_port(), Deadline(Millis(10000)));
  peer.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  return peer.read_response(Millis(10000)).body;
}

std::uint64_t count_of(std::string_view text, std::string_view what) {
  std::uint64_t count = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1))
    ++count;
  return count;
}

[[noreturn]] void serve_behind(int standard_error, const std::string& folder) {
  ::dup2(standard_error, STDERR_FILENO);
  Engine app = default_engine();
  app.get("/*any", [](Context& c) { c.string(200, "pong"); });
  app.process().admin = "unix:" + folder + "/admin";
  app.process().workers = 1;
  ::_exit(app.run("unix:" + folder + "/main"));
}

TEST_F(StuckSinks, AFullStandardErrorStopsNoRequestOfADefaultEngine) {
  FullPipe pipe;
  const Fd end = pipe.writer();
  const pid_t server = ::fork();
  if (server == 0) serve_behind(end.get(), folder_);
  ASSERT_GT(server, 0);
  EXPECT_TRUE(
      eventually(Deadline(kLong), [&] { return UnixClient(folder_ + "/main").connected(); }));
  constexpr std::uint64_t kRequests = 1000;
  const std::string target = "/" + std::string(3000, 'x');
  {
    UnixClient client(folder_ + "/main");
    std::uint64_t answered = 0;
    while (answered < kRequests && client.ask(target, "pong").contains("200 OK")) ++answered;
    EXPECT_EQ(answered, kRequests);
  }
  const auto page = [&] { return UnixClient(folder_ + "/admin").ask("/metrics", "", true); };
  const std::uint64_t dropped = metric(page(), "finack_log_lines_dropped_total");
  EXPECT_GT(dropped, kRequests / 3) << "3 MB do not fit into a lane";
  EXPECT_LT(dropped, kRequests) << "but something does";
  pipe.start_reading();
  EXPECT_TRUE(eventually(Deadline(kLong), [&] {
    return sinks::test::sum_between(pipe.text(), "Z ", " lines dropped\n") == dropped;
  }));
  EXPECT_EQ(count_of(pipe.text(), " GET /xxx"), kRequests - dropped);
  ::kill(server, SIGTERM);
  int status = -1;
  ::waitpid(server, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST_F(StuckSinks, RecordsThatNobodyReadsHoldUpNeitherConsoleNorMetricsNorRequests) {
  if (program_.empty()) GTEST_SKIP() << kNoCommand;
  FullPipe records(folder_ + "/records");
  DemoServer server(options({"--console", "plain", "--log-level", "info"}), Deadline(kLong));
  constexpr int kPanics = 50;
  for (int i = 0; i < kPanics; ++i) {
    Peer peer(server.port(), Deadline(kLong));
    peer.send("GET /panic HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(peer.read_response().status, 500);
  }
  EXPECT_TRUE(eventually(Deadline(kLong), [&] {
    return server.standard_error().contains("app.failed");
  })) << "the console goes on";
  EXPECT_TRUE(eventually(Deadline(kLong), [&] {
    return metric(metrics_page(server), "finack_connections_ended_total") == kPanics;
  }));
  records.start_reading();
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait_exit(Deadline(kLong)), 0) << server.standard_error();
  const std::string text = records.text();
  EXPECT_EQ(count_of(text, R"("kind":"request")"), std::uint64_t{kPanics}) << "none is lost";
  EXPECT_EQ(count_of(text, R"("kind":"connection","id")"), count_of(text, R"("purpose")"));
}

TEST_F(StuckSinks, AConsoleThatNobodyReadsHoldsUpNoRecords) {
  if (program_.empty()) GTEST_SKIP() << kNoCommand;
  FullPipe console(folder_ + "/stderr");
  const Fd end = console.writer();
  const pid_t server = spawn([&] {
    ::dup2(end.get(), STDERR_FILENO);
    const std::string listen = "unix:" + folder_ + "/main";
    const std::string records = folder_ + "/records";
    ::execl(program_.c_str(), "finack", "demo", "--listen", listen.c_str(), "--records",
            records.c_str(), "--console", "plain", "--admin", "127.0.0.1:0", nullptr);
  });
  ASSERT_GT(server, 0);
  EXPECT_TRUE(
      eventually(Deadline(kLong), [&] { return UnixClient(folder_ + "/main").connected(); }));
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(UnixClient(folder_ + "/main").ask("/panic", "", true).contains(" 500 "));
  }
  EXPECT_TRUE(eventually(Deadline(kLong), [&] {
    return count_of(read_text_file(folder_ + "/records"), "app.failed") >= 20;
  }));
  ::kill(server, SIGTERM);
  int status = -1;
  ::waitpid(server, &status, 0);  // It gives the console up after its grace.
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << status;
}

/// Asks until answers stop coming.
class Flood {
 public:
  explicit Flood(std::uint16_t port) : peer_(port, Deadline(Millis(120000))) {}

  /// False: no answer within `limit`.
  bool go_on(Millis limit) {
    if (sent_ == received_) {
      std::string batch;
      for (int i = 0; i < 64; ++i) batch += "GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n";
      peer_.send(batch);
      sent_ += 64;
    }
    try {
      while (received_ < sent_) {
        if (peer_.read_response(limit).status != 200) return false;
        ++received_;
      }
    } catch (const Failure&) {
      return false;
    }
    return true;
  }
  void until_blocked(const Deadline& bound) {
    while (go_on(Millis(1000)) && !bound.passed()) {
    }
  }
  std::uint64_t received() const { return received_; }

 private:
  Peer peer_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
};

TEST_F(StuckSinks, BlockWaitsForTheRecordsAndLosesNoneUntilTheShutdownIsOver) {
  if (program_.empty()) GTEST_SKIP() << kNoCommand;
  FullPipe records(folder_ + "/records");
  DemoServer server(options({"--records-overflow", "block", "--record-ring-bytes", "64KiB",
                             "--timeout-drain", "200ms"}),
                    Deadline(kLong));
  Flood flood(server.port());
  const Deadline bound(Millis(60000));
  flood.until_blocked(bound);
  ASSERT_FALSE(bound.passed()) << "nothing blocks";
  EXPECT_GT(flood.received(), 10'000U) << "a queue of lines comes first";
  EXPECT_EQ(metric(metrics_page(server), "finack_records_dropped_total"), 0U);
  records.start_reading();
  EXPECT_TRUE(flood.go_on(Millis(10000))) << "the reader frees the worker";
  EXPECT_TRUE(eventually(Deadline(kLong), [&] {
    return count_of(records.text(), R"("target":"/ping")") == flood.received();
  })) << "every record came";
  records.stop_reading();
  flood.until_blocked(bound);
  const std::string page = metrics_page(server);
  EXPECT_EQ(metric(page, "finack_records_dropped_total"), 0U);
  EXPECT_EQ(metric(page, "finack_record_lines_dropped_total"), 0U);
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait_exit(Deadline(kLong)), 1) << "and the end is bounded";
  EXPECT_TRUE(server.standard_error().contains("records could not be written out"))
      << server.standard_error();
}

/// --timeout-drain 0 is no limit: what blocks may block until its reader comes back.
TEST_F(StuckSinks, BlockWithoutALimitOfTheDrainWaitsForTheReader) {
  if (program_.empty()) GTEST_SKIP() << kNoCommand;
  FullPipe records(folder_ + "/records");
  DemoServer server(options({"--records-overflow", "block", "--record-ring-bytes", "64KiB",
                             "--timeout-drain", "0"}),
                    Deadline(kLong));
  Flood flood(server.port());
  const Deadline bound(Millis(60000));
  flood.until_blocked(bound);
  ASSERT_FALSE(bound.passed()) << "nothing blocks";
  server.signal(SIGTERM);
  EXPECT_THROW(server.wait_exit(Deadline(Millis(7000))), Failure) << "longer than any grace";
  EXPECT_FALSE(server.exited()) << server.standard_error();
  records.start_reading();
  EXPECT_EQ(server.wait_exit(Deadline(kLong)), 0) << server.standard_error();
  EXPECT_FALSE(server.standard_error().contains("could not be written out"));
  const std::string text = records.text();
  EXPECT_GE(count_of(text, R"("target":"/ping")"), flood.received())
      << "every answer's record came";
  EXPECT_EQ(count_of(text, R"("kind":"dropped")"), 0U) << "nobody was told to wait no longer";
}

}  // namespace
}  // namespace finack::e2e
