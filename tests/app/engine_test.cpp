// The facade as a program uses it: run() in a process of its own, which signals end.
#include "finack/app/engine.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>

#include "finack/base/fd.h"
#include "finack/base/task.h"
#include "finack/record/cause.h"
#include "finack/route/handler.h"
#include "support/ask_once.h"
#include "support/fake_exchange.h"

namespace finack::app {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using route::Context;
using std::chrono::steady_clock;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr auto kPatience = 20s;

/// A forked process that runs `program` and ends with what it returns. Its standard error is ours
/// to read. Fork before any thread is made: this test makes none.
class Program {
 public:
  explicit Program(const std::function<int()>& program) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    errors_ = Fd(ends[0]);
    const Fd theirs(ends[1]);
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(theirs.get(), STDERR_FILENO);
    ::_exit(program());
  }
  ~Program() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// Waits until it has said `words` `times` times; false when it ends or nothing comes for long.
  bool says(std::string_view words, std::size_t times = 1) {
    return read_until([&] {
      std::size_t found = 0;
      for (std::size_t at = said_.find(words); at != std::string::npos;
           at = said_.find(words, at + 1))
        ++found;
      return found >= times;
    });
  }
  /// The port it says it listens on, the `nth` time.
  std::uint16_t port(std::size_t nth = 1) {
    EXPECT_TRUE(says(", backend ", nth)) << said_;
    std::size_t at = 0;
    for (std::size_t i = 0; i < nth && at != std::string::npos; ++i)
      at = said_.find("listening on 127.0.0.1:", at + 1);
    if (at == std::string::npos) return 0;
    return static_cast<std::uint16_t>(
        std::stoi(said_.substr(at + std::string_view("listening on 127.0.0.1:").size())));
  }
  void signal(int number) { ::kill(pid_, number); }
  /// Its exit status; 128 + the signal that killed it; -1: it did not end.
  int status() {
    if (!read_until([] { return false; }) && !ended_) return -1;
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  const std::string& said() const { return said_; }

 private:
  template <class Done>
  bool read_until(Done done) {
    const auto give_up = steady_clock::now() + kPatience;
    while (!done()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(give_up - steady_clock::now());
      pollfd p{errors_.get(), POLLIN, 0};
      if (left.count() <= 0 || ::poll(&p, 1, static_cast<int>(left.count())) <= 0) return false;
      char chunk[4096];
      const ssize_t n = ::read(errors_.get(), chunk, sizeof chunk);
      if (n <= 0) {
        ended_ = true;
        return false;
      }
      said_.append(chunk, static_cast<std::size_t>(n));
    }
    return true;
  }

  pid_t pid_ = -1;
  Fd errors_;
  std::string said_;
  bool ended_ = false;
};

/// Routes and settings of the programs below: one worker, no admin listener, a silent console.
void furnish(Engine& app) {
  app.process().admin.clear();
  app.process().workers = 1;
  app.process().console = Console::off;
  app.get("/ping", [](Context& c) { c.string(200, "pong"); });
  app.get("/slow", [](Context& c) -> Task<> {
    co_await c.sleep(600s);
    c.string(200, "never");
  });
}

int serve(const std::string& address) {
  Engine app = default_engine();
  furnish(app);
  return app.run(address);
}

TEST(DefaultEngine, has_request_ids_and_recovery_and_takes_options) {
  route::EngineOptions options;
  options.method_not_allowed = false;
  Engine app = default_engine(options);
  app.get("/panic", [](Context&) { throw std::runtime_error("boom"); });
  tests::FakeExchange panic("GET", "/panic");
  app.handle(panic);
  EXPECT_EQ(panic.aborted, record::Cause::app_failed);
  EXPECT_EQ(panic.exception, "boom");
  EXPECT_FALSE(panic.request_id.empty());
  tests::FakeExchange other("POST", "/panic");
  app.handle(other);
  EXPECT_EQ(other.status, 404) << "405 was switched off";
}

TEST(EngineRun, serves_on_an_address_until_a_signal_and_says_how_it_went) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Program program([] { return serve("127.0.0.1:0"); });
    const std::uint16_t port = program.port();
    EXPECT_THAT(tests::ask_once(port, "/ping"), EndsWith("\r\n\r\npong"));
    program.signal(SIGHUP);  // nothing in this release
    EXPECT_THAT(tests::ask_once(port, "/ping"), EndsWith("\r\n\r\npong"));
    program.signal(signal);
    EXPECT_EQ(program.status(), 0) << program.said();
    EXPECT_THAT(program.said(), HasSubstr("finack: draining; once more to cut what is left\n"));
    EXPECT_THAT(program.said(), Not(HasSubstr("had to be cut")));
    EXPECT_EQ(tests::ask_once(port, "/ping"), "refused");
  }
}

TEST(EngineRun, a_second_signal_cuts_what_is_left) {
  Program program([] { return serve("127.0.0.1:0"); });
  const Fd client = tests::connect_blocking(program.port());
  const std::string_view request = "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n";
  ASSERT_EQ(::write(client.get(), request.data(), request.size()), ssize_t(request.size()));
  program.signal(SIGTERM);
  ASSERT_TRUE(program.says("draining")) << program.said();
  program.signal(SIGTERM);
  EXPECT_EQ(program.status(), 1);
  EXPECT_THAT(program.said(), HasSubstr("finack: 1 connection had to be cut\n"));
}

TEST(EngineRun, engines_may_follow_each_other_in_one_process) {
  Program program([] {
    const int first = serve("127.0.0.1:0");
    return 10 * first + serve("127.0.0.1:0");
  });
  for (const std::size_t nth : {1U, 2U}) {
    EXPECT_THAT(tests::ask_once(program.port(nth), "/ping"), EndsWith("\r\n\r\npong"));
    program.signal(SIGTERM);
  }
  EXPECT_EQ(program.status(), 0) << program.said();
}

TEST(EngineRun, gives_the_signals_back_when_it_returns) {
  Program program([] {
    if (serve("127.0.0.1:0") != 0) return 1;
    sigset_t blocked;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
    for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGHUP})
      if (::sigismember(&blocked, signal) != 0) return signal;
    return 0;
  });
  program.port();
  program.signal(SIGTERM);
  EXPECT_EQ(program.status(), 0) << program.said();
}

TEST(EngineRun, what_cannot_be_bound_is_an_error_that_names_it) {
  Program owner([] { return serve("127.0.0.1:0"); });
  const std::string taken = "127.0.0.1:" + std::to_string(owner.port());
  const std::pair<std::string, std::string> cases[] = {
      {taken, "in use"},
      {"300.0.0.1:80", "expected IP:PORT"},
      {"example.org:80", "names are not resolved"},
      {"127.0.0.1", "expected IP:PORT"},
      {"unix:", "path"},
      {"fd:250", "not a listening socket"},
      {"systemd", "LISTEN_FDS"},
  };
  for (const auto& [address, why] : cases) {
    Program program([&address] { return serve(address); });
    EXPECT_EQ(program.status(), 2) << address;
    EXPECT_THAT(program.said(), StartsWith("finack: ")) << address;
    EXPECT_THAT(program.said(), EndsWith("\n")) << address;
    EXPECT_THAT(program.said(), HasSubstr(address));
    EXPECT_THAT(program.said(), HasSubstr(why)) << address;
  }
}

template <class Condition>
bool eventually(Condition condition) {
  const auto give_up = steady_clock::now() + kPatience;
  while (!condition()) {
    if (steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

/// A folder for records that goes with the test.
class RecordsFile {
 public:
  RecordsFile() {
    std::string name = (fs::temp_directory_path() / "finack-engine-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~RecordsFile() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  RecordsFile(const RecordsFile&) = delete;
  RecordsFile& operator=(const RecordsFile&) = delete;
  std::string path(std::string_view name = "records") const { return folder_ / name; }
  std::string text(std::string_view name = "records") const {
    std::ifstream in(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  /// Waits until a file of that name holds `words`.
  bool comes(std::string_view name, std::string_view words) const {
    return eventually([&] { return text(name).find(words) != std::string::npos; });
  }

 private:
  fs::path folder_;
};

TEST(EngineRun, sigusr1_opens_the_records_file_again) {
  const RecordsFile records;
  Program program([&] {
    Engine app = default_engine();
    furnish(app);
    app.process().records = records.path();
    app.process().record_every = 1;
    return app.run("127.0.0.1:0");
  });
  const std::uint16_t port = program.port();
  tests::ask_once(port, "/ping?before");
  ASSERT_TRUE(records.comes("records", "/ping?before"));
  fs::rename(records.path(), records.path("records.1"));
  program.signal(SIGUSR1);
  ASSERT_TRUE(eventually([&] { return fs::exists(records.path()); })) << "no new file";
  tests::ask_once(port, "/ping?after");
  EXPECT_TRUE(records.comes("records", "/ping?after"));
  program.signal(SIGTERM);
  EXPECT_EQ(program.status(), 0) << program.said();
  EXPECT_EQ(records.text("records.1").find("/ping?after"), std::string::npos);
  EXPECT_EQ(records.text().find("/ping?before"), std::string::npos);
}

/// Counts, in the process that runs the engine.
struct CountingSink final : record::Sink {
  void on_connection(const record::ConnectionRecord&) override { ++connections; }
  void on_request(const record::RequestRecord& record) override {
    if (record.target == "/ping" && record.ending.cause == record::Cause::ok_completed) ++requests;
  }
  void on_finding(const record::FindingRecord&) override {}
  void on_dropped(std::uint64_t) override {}
  void flush(WallTime) override {}
  int connections = 0;
  int requests = 0;
};

TEST(EngineRun, all_records_have_reached_sinks_and_hooks_when_it_returns) {
  Program program([] {
    CountingSink sink;
    std::atomic<int> opened{0};
    int ended = 0;
    Engine app = default_engine();
    furnish(app);
    app.process().record_every = 1;
    app.add_sink(sink);
    route::ConnectionMonitor::Hooks hooks;
    hooks.on_connection_open = [&](const auto&, const auto&) { ++opened; };
    hooks.on_connection_end = [&](const auto&) { ++ended; };
    app.monitor(std::move(hooks));
    const int status = app.run("127.0.0.1:0");
    fmt::print(stderr, "seen: {} {} {} {}\n", sink.connections, sink.requests, opened.load(),
               ended);
    return status;
  });
  const std::uint16_t port = program.port();
  for (int i = 0; i < 3; ++i) tests::ask_once(port, "/ping");
  program.signal(SIGTERM);
  EXPECT_EQ(program.status(), 0);
  EXPECT_THAT(program.said(), HasSubstr("seen: 3 3 3 3\n"));
}

}  // namespace
}  // namespace finack::app
