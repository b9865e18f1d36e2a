#pragma once
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/loop.h"
#include "net/sockets.h"
#include "net/tcp_stream.h"

/// What the suites of the two backends share: a loop, real sockets, an observer that writes down
/// what it is told.
namespace finack::net::testing {

using namespace std::chrono_literals;

/// Writes down everything a stream tells, in order: "bytes", "fin", "rst", "sent", "writable", …
class Recorder final : public StreamObserver {
 public:
  void on_bytes(Buffer chunk) override {
    bytes += chunk.view();
    note("bytes");
    if (keep_buffers) kept.push_back(std::move(chunk));
    if (when_bytes) when_bytes();
  }
  void on_end(StreamEnd end) override {
    ends.push_back(end);
    note(word(end.kind));
  }
  void on_sent(SendResult result) override {
    sent.push_back(result);
    note("sent");
  }
  void on_writable() override {
    ++writable;
    if (when_writable) when_writable();
  }
  void on_closed() override {
    closed = true;
    note("closed");
  }

  static std::string word(EndKind kind) {
    static constexpr const char* kWords[] = {"none",        "fin",    "rst",       "timed_out",
                                             "unreachable", "killed", "truncated", "no_memory",
                                             "error",       "alert"};
    return kWords[static_cast<std::size_t>(kind)];
  }
  void note(std::string word) {
    if (!log.empty() && log.back() == word && word == "bytes") return;
    log.push_back(std::move(word));
  }
  StreamEnd last_end() const { return ends.empty() ? StreamEnd{} : ends.back(); }

  std::string bytes;
  std::vector<std::string> log;
  std::vector<StreamEnd> ends;
  std::vector<SendResult> sent;
  std::vector<Buffer> kept;
  int writable = 0;
  bool closed = false;
  bool keep_buffers = false;
  std::function<void()> when_bytes;
  std::function<void()> when_writable;
};

class Conformance : public ::testing::TestWithParam<Backend> {
 protected:
  void SetUp() override { make_loop({}); }

  void make_loop(LoopOptions options) {
    options.backend = GetParam();
    auto made = Loop::create(options);
    if (!made && GetParam() == Backend::io_uring) {
      GTEST_SKIP() << "\n*** SKIPPED: io_uring is refused on this host: " << made.error().what
                   << "\n*** Its backend was NOT tested.\n";
    }
    ASSERT_TRUE(made) << made.error().what;
    loop = std::move(*made);
  }

  /// Runs turns until `done` or two seconds have passed.
  bool run_until(const std::function<bool()>& done, Nanos limit = 2s) {
    const auto give_up = std::chrono::steady_clock::now() + limit;
    while (!done()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      loop->run_once(20ms);
    }
    return true;
  }
  /// Runs turns for a while: for what must not happen.
  void run_for(Nanos time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) loop->run_once(5ms);
  }

  std::unique_ptr<Loop> loop;
};

/// A stream with its recorder and the peer's socket; closes itself at the end.
class Connected {
 public:
  Connected(Loop& loop, SocketPair pair)
      : peer(std::move(pair.peer)), stream(loop, std::move(pair.ours)), loop_(loop) {
    stream.start(seen);
  }
  ~Connected() {
    stream.close();
    for (int turns = 0; turns < 400 && !seen.closed; ++turns) loop_.run_once(5ms);
    EXPECT_TRUE(seen.closed) << "on_closed never came";
  }
  SendResult send(std::string_view bytes, bool more = false) {
    const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    return stream.send({&part, 1}, more);
  }

  Fd peer;
  Recorder seen;
  TcpStream stream;

 private:
  Loop& loop_;
};

inline std::string backend_name(const ::testing::TestParamInfo<Backend>& info) {
  return std::string(name(info.param));
}

}  // namespace finack::net::testing

#define FINACK_BOTH_BACKENDS(Suite)                                                            \
  INSTANTIATE_TEST_SUITE_P(                                                                    \
      , Suite, ::testing::Values(finack::net::Backend::epoll, finack::net::Backend::io_uring), \
      finack::net::testing::backend_name)
