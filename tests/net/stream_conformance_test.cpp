#include <fcntl.h>
#include <sys/mman.h>

#include <cstdlib>

#include "net/address.h"
#include "net/conformance.h"

namespace finack::net::testing {
namespace {

using Log = std::vector<std::string>;

class StreamConformance : public Conformance {};
FINACK_BOTH_BACKENDS(StreamConformance);

TEST_P(StreamConformance, DeliversBytesInOrderAndNeverFromInsideStart) {
  SocketPair pair = tcp_pair();
  write_all(pair.peer.get(), "first ");
  Connected c(*loop, std::move(pair));
  EXPECT_TRUE(c.seen.log.empty());
  EXPECT_TRUE(run_until([&] { return c.seen.bytes == "first "; }));
  write_all(c.peer.get(), "second");
  EXPECT_TRUE(run_until([&] { return c.seen.bytes == "first second"; }));
  EXPECT_EQ(loop->buffers().leased(), 0u);
}

TEST_P(StreamConformance, CarriesMegabytesBothWays) {
  Connected c(*loop, tcp_pair());
  std::string big(3'000'000, 'x');
  for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>('a' + i % 23);
  std::string echoed;
  std::string_view left = big;
  ::fcntl(c.peer.get(), F_SETFL, O_NONBLOCK);
  EXPECT_TRUE(run_until(
      [&] {
        const ssize_t n = ::send(c.peer.get(), left.data(), left.size(), MSG_NOSIGNAL);
        if (n > 0) left.remove_prefix(static_cast<std::size_t>(n));
        return c.seen.bytes.size() == big.size();
      },
      10s));
  EXPECT_TRUE(c.seen.bytes == big);
}

TEST_P(StreamConformance, FinIsAnEndAndOurDirectionGoesOn) {
  Connected c(*loop, tcp_pair());
  write_all(c.peer.get(), "hello");
  ::shutdown(c.peer.get(), SHUT_WR);
  EXPECT_TRUE(run_until([&] { return !c.seen.ends.empty(); }));
  EXPECT_EQ(c.seen.log, (Log{"bytes", "fin"}));
  EXPECT_EQ(c.stream.peek_end().kind, EndKind::fin);
  c.send("answer");
  c.stream.shutdown_write();
  run_for(20ms);
  EXPECT_EQ(read_all(c.peer.get()), "answer");
}

TEST_P(StreamConformance, RstIsAnEnd) {
  Connected c(*loop, tcp_pair());
  run_for(5ms);
  reset(c.peer);
  EXPECT_TRUE(run_until([&] { return !c.seen.ends.empty(); }));
  EXPECT_EQ(c.seen.log, Log{"rst"});
  EXPECT_EQ(c.seen.last_end().error, ECONNRESET);
  run_for(20ms);
  EXPECT_EQ(c.seen.ends.size(), 1u);
  const SendResult result = c.send("late");
  EXPECT_EQ(result.kind, SendResult::Kind::failed);
  EXPECT_EQ(result.end.kind, EndKind::rst);
}

TEST_P(StreamConformance, RstBeforeTheFirstRead) {
  SocketPair pair = tcp_pair();
  reset(pair.peer);
  Connected c(*loop, std::move(pair));
  EXPECT_TRUE(run_until([&] { return !c.seen.ends.empty(); }));
  EXPECT_EQ(c.seen.log, Log{"rst"});
}

TEST_P(StreamConformance, FinThenRst) {
  Connected c(*loop, tcp_pair());
  ::shutdown(c.peer.get(), SHUT_WR);
  EXPECT_TRUE(run_until([&] { return c.seen.ends.size() == 1; }));
  reset(c.peer);
  EXPECT_TRUE(run_until([&] { return c.seen.ends.size() == 2; }));
  EXPECT_EQ(c.seen.log, (Log{"fin", "rst"}));
}

TEST_P(StreamConformance, BytesAndRstAreToldBeforeDeferredWork) {
  class Handler final : public Deferred {
   public:
    explicit Handler(Recorder& seen) : seen_(seen) {}
    void run_deferred() override { seen_.note("handler"); }

   private:
    Recorder& seen_;
  };
  for (const bool before_start : {true, false}) {
    SocketPair pair = tcp_pair();
    Recorder* seen = nullptr;
    if (before_start) {
      write_all(pair.peer.get(), "GET /");
      reset(pair.peer);
    }
    Connected c(*loop, std::move(pair));
    seen = &c.seen;
    Handler handler(*seen);
    c.seen.when_bytes = [&] { loop->defer(handler); };
    if (!before_start) {
      run_for(5ms);
      write_all(c.peer.get(), "GET /");
      reset(c.peer);
    }
    EXPECT_TRUE(run_until([&] { return c.seen.log.size() >= 3; }));
    EXPECT_EQ(c.seen.log, (Log{"bytes", "rst", "handler"})) << before_start;
    c.seen.when_bytes = nullptr;
  }
}

TEST_P(StreamConformance, PausedReadingStillSeesTheFinBehindBytes) {
  Connected c(*loop, tcp_pair());
  run_for(5ms);
  c.stream.pause_reading();
  write_all(c.peer.get(), "unread");
  run_for(10ms);
  ::shutdown(c.peer.get(), SHUT_WR);
  EXPECT_TRUE(run_until([&] { return !c.seen.ends.empty(); }));
  EXPECT_EQ(c.seen.log, Log{"fin"});
  run_for(10ms);
  EXPECT_EQ(c.seen.bytes, "");
  c.stream.resume_reading();
  EXPECT_TRUE(run_until([&] { return c.seen.bytes == "unread"; }));
  run_for(10ms);
  EXPECT_EQ(c.seen.log, (Log{"fin", "bytes"}));
}

TEST_P(StreamConformance, PausedReadingStillSeesTheRst) {
  Connected c(*loop, tcp_pair());
  run_for(5ms);
  c.stream.pause_reading();
  write_all(c.peer.get(), "unread");
  run_for(10ms);
  reset(c.peer);
  EXPECT_TRUE(run_until([&] { return !c.seen.ends.empty(); }));
  EXPECT_EQ(c.seen.log, Log{"rst"});
}

TEST_P(StreamConformance, ResumedReadingGoesOn) {
  Connected c(*loop, tcp_pair());
  for (int round = 0; round < 5; ++round) {
    c.stream.pause_reading();
    write_all(c.peer.get(), "abc");
    run_for(5ms);
    write_all(c.peer.get(), "def");
    run_for(5ms);
    EXPECT_EQ(c.seen.bytes, "");
    c.stream.resume_reading();
    EXPECT_TRUE(run_until([&] { return c.seen.bytes == "abcdef"; })) << round;
    c.seen.bytes.clear();
    write_all(c.peer.get(), "g");
    EXPECT_TRUE(run_until([&] { return c.seen.bytes == "g"; })) << round;
    c.seen.bytes.clear();
  }
}

TEST_P(StreamConformance, PausingFromInsideOnBytesStops) {
  Connected c(*loop, tcp_pair());
  c.seen.when_bytes = [&] { c.stream.pause_reading(); };
  write_all(c.peer.get(), std::string(200'000, 'x'));
  EXPECT_TRUE(run_until([&] { return !c.seen.bytes.empty(); }));
  const std::size_t first = c.seen.bytes.size();
  run_for(20ms);
  EXPECT_EQ(c.seen.bytes.size(), first);
  c.seen.when_bytes = nullptr;
  c.stream.resume_reading();
  EXPECT_TRUE(run_until([&] { return c.seen.bytes.size() == 200'000; }));
}

/// Sends all of `bytes` as an owner does: after a short send it waits for on_writable.
class Sender {
 public:
  Sender(Connected& c, std::string_view bytes) : c_(c), left_(bytes) {
    c_.seen.when_writable = [this] { go(); };
    go();
  }
  ~Sender() { c_.seen.when_writable = nullptr; }
  bool done() {
    if (waiting_ && c_.seen.sent.size() > seen_) {
      waiting_ = false;
      count(c_.seen.sent[seen_++]);
      // A full one goes on at once, after a short one on_writable comes.
    }
    return left_.empty() && !waiting_;
  }
  std::size_t left() const { return left_.size(); }

 private:
  void go() {
    (void)done();
    if (left_.empty() || waiting_) return;
    const SendResult result = c_.send(left_);
    if (result.kind == SendResult::Kind::pending) {
      waiting_ = true;
    } else {
      count(result);
    }
  }
  void count(SendResult result) {
    EXPECT_EQ(result.kind, SendResult::Kind::sent);
    left_.remove_prefix(result.bytes);
  }

  Connected& c_;
  std::string_view left_;
  std::size_t seen_ = 0;
  bool waiting_ = false;
};

TEST_P(StreamConformance, AShortSendIsFollowedByOnWritable) {
  Connected c(*loop, tcp_pair(4096));
  const std::string big(8'000'000, 'y');
  Sender sender(c, big);
  run_for(30ms);
  EXPECT_FALSE(sender.done());
  EXPECT_GT(sender.left(), 0u);
  EXPECT_GT(c.stream.unacknowledged(), 0u);
  ::fcntl(c.peer.get(), F_SETFL, O_NONBLOCK);
  std::size_t got = 0;
  std::vector<char> chunk(1 << 20);
  EXPECT_TRUE(run_until(
      [&] {
        for (ssize_t n = 0; (n = ::recv(c.peer.get(), chunk.data(), chunk.size(), 0)) > 0;) {
          got += static_cast<std::size_t>(n);
        }
        return sender.done() && got == big.size();
      },
      10s));
  EXPECT_EQ(got, big.size());
}

TEST_P(StreamConformance, SendsSeveralPartsAsOne) {
  Connected c(*loop, tcp_pair());
  std::string a = "head ", b = "body ", d = "tail";
  const iovec parts[] = {{a.data(), a.size()}, {b.data(), b.size()}, {d.data(), d.size()}};
  const SendResult result = c.stream.send(parts, false);
  if (result.kind == SendResult::Kind::pending) {
    ASSERT_TRUE(run_until([&] { return !c.seen.sent.empty(); }));
    EXPECT_EQ(c.seen.sent[0].bytes, 14u);
  } else {
    EXPECT_EQ(result.bytes, 14u);
  }
  char got[32];
  EXPECT_EQ(::recv(c.peer.get(), got, sizeof got, 0), 14);
  EXPECT_EQ(std::string_view(got, 14), "head body tail");
}

TEST_P(StreamConformance, OurFinComesAfterAPendingSend) {
  Connected c(*loop, tcp_pair());
  c.send("all of it", true);
  c.stream.shutdown_write();
  run_for(20ms);
  EXPECT_EQ(read_all(c.peer.get()), "all of it");
  c.peer.reset();
  EXPECT_TRUE(run_until([&] { return !c.seen.ends.empty(); }));
  EXPECT_EQ(c.seen.last_end().kind, EndKind::fin);
  EXPECT_EQ(c.stream.unacknowledged(), 0u);
  run_for(20ms);
  EXPECT_EQ(c.seen.ends.size(), 1u);  // both FINs exchanged is no reset
}

TEST_P(StreamConformance, RstAfterBothHaveFinished) {
  Connected c(*loop, tcp_pair(4096));
  run_for(5ms);
  ::shutdown(c.peer.get(), SHUT_WR);
  EXPECT_TRUE(run_until([&] { return !c.seen.ends.empty(); }));
  const std::string big(100'000, 'z');
  const SendResult result = c.send(big, true);
  c.stream.shutdown_write();
  run_for(20ms);
  EXPECT_GT(c.stream.unacknowledged(), 0u) << static_cast<int>(result.kind);
  reset(c.peer);
  EXPECT_TRUE(run_until([&] { return c.seen.last_end().kind == EndKind::rst; }));
  EXPECT_EQ(c.seen.ends.size(), 2u);
  EXPECT_GT(c.stream.unacknowledged(), 0u);
}

TEST_P(StreamConformance, UndeliveredBytesAreCountedAfterARst) {
  Connected c(*loop, tcp_pair(4096));
  run_for(5ms);
  const std::string big(1'000'000, 'z');
  c.send(big);
  run_for(20ms);
  const std::size_t before = c.stream.unacknowledged();
  EXPECT_GT(before, 0u);
  reset(c.peer);
  EXPECT_TRUE(run_until([&] {
    return !c.seen.ends.empty() ||
           (!c.seen.sent.empty() && c.seen.sent.back().kind == SendResult::Kind::failed);
  }));
  EXPECT_EQ(c.stream.unacknowledged(), before);
  EXPECT_TRUE(c.stream.tcp_facts().valid);
}

TEST_P(StreamConformance, TheFirstErrorWinsOverWhatLaterCallsSay) {
  Connected c(*loop, tcp_pair());
  run_for(5ms);
  reset(c.peer);
  const auto wait_end = std::chrono::steady_clock::now() + 20ms;  // let the RST arrive, unseen
  while (std::chrono::steady_clock::now() < wait_end) ::usleep(1000);
  const SendResult result = c.send("x");
  run_for(20ms);
  if (result.kind == SendResult::Kind::failed) {
    EXPECT_EQ(result.end.kind, EndKind::rst);
    EXPECT_TRUE(c.seen.ends.empty());
  } else {
    ASSERT_EQ(c.seen.sent.size() + c.seen.ends.size(), c.seen.ends.empty() ? 1u : 2u);
    EXPECT_EQ(c.seen.sent[0].kind, SendResult::Kind::failed);
    EXPECT_EQ(c.seen.sent[0].end.kind, EndKind::rst);
  }
  for (const StreamEnd& end : c.seen.ends) EXPECT_EQ(end.kind, EndKind::rst);
}

TEST_P(StreamConformance, CloseSendsAFinAndResetARst) {
  for (const bool hard : {false, true}) {
    Connected c(*loop, tcp_pair());
    run_for(5ms);
    hard ? c.stream.reset() : c.stream.close();
    EXPECT_FALSE(c.seen.closed) << "never from inside the call";
    EXPECT_TRUE(run_until([&] { return c.seen.closed; }));
    char byte;
    const ssize_t n = ::recv(c.peer.get(), &byte, 1, 0);
    if (hard) {
      EXPECT_EQ(n, -1);
      EXPECT_EQ(errno, ECONNRESET);
    } else {
      EXPECT_EQ(n, 0);
    }
    EXPECT_EQ(c.seen.log, Log{"closed"});
  }
}

TEST_P(StreamConformance, ClosingAtOnceStillReportsClosed) {
  Connected never_run(*loop, tcp_pair());
  never_run.stream.close();
  Connected sending(*loop, tcp_pair(4096));
  const std::string big(4'000'000, 'w');
  sending.send(big);
  sending.stream.close();
  EXPECT_TRUE(run_until([&] { return never_run.seen.closed && sending.seen.closed; }));
  Connected in_bytes(*loop, tcp_pair());
  in_bytes.seen.when_bytes = [&] { in_bytes.stream.close(); };
  write_all(in_bytes.peer.get(), "x");
  EXPECT_TRUE(run_until([&] { return in_bytes.seen.closed; }));
  EXPECT_EQ(in_bytes.seen.log, (Log{"bytes", "closed"}));
}

TEST_P(StreamConformance, SendsFiles) {
  Connected c(*loop, tcp_pair());
  const Fd file(::memfd_create("finack-test", MFD_CLOEXEC));
  std::string content(300'000, 'f');
  content.replace(0, 5, "start");
  write_all(c.peer.get(), "");
  ASSERT_EQ(::write(file.get(), content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  ::fcntl(c.peer.get(), F_SETFL, O_NONBLOCK);
  std::string got;
  std::size_t offset = 2;
  std::size_t counted = 0;
  bool waiting = false;
  bool blocked = false;
  c.seen.when_writable = [&] { blocked = false; };
  EXPECT_TRUE(run_until(
      [&] {
        char chunk[65536];
        for (ssize_t n = 0; (n = ::recv(c.peer.get(), chunk, sizeof chunk, 0)) > 0;) {
          got.append(chunk, static_cast<std::size_t>(n));
        }
        if (waiting && c.seen.sent.size() > counted) {
          waiting = false;
          offset += c.seen.sent[counted++].bytes;
        }
        if (!waiting && !blocked && offset < content.size()) {
          const std::size_t left = content.size() - offset;
          blocked = true;
          const SendResult result = c.stream.send_file(file.get(), offset, left);
          waiting = result.kind == SendResult::Kind::pending;
          offset += result.bytes;
        }
        return got.size() == content.size() - 2;
      },
      5s));
  EXPECT_TRUE(got == content.substr(2));
  c.seen.when_writable = nullptr;
  run_for(5ms);
  SendResult past = c.stream.send_file(file.get(), content.size() + 5, 10);
  if (past.kind == SendResult::Kind::pending) {
    const std::size_t before = c.seen.sent.size();
    ASSERT_TRUE(run_until([&] { return c.seen.sent.size() > before; }));
    past = c.seen.sent.back();
  }
  EXPECT_EQ(past.kind, SendResult::Kind::sent);
  EXPECT_EQ(past.bytes, 0u);
  EXPECT_EQ(past.end.error, ENODATA);
}

TEST_P(StreamConformance, ColdFilesAreSentAndMayBeClosedOn) {
  std::string path = ::testing::TempDir() + "finack-cold-XXXXXX";
  const Fd file(::mkstemp(path.data()));
  ::unlink(path.c_str());
  const std::string content(100'000, 'c');
  ASSERT_EQ(::write(file.get(), content.data(), content.size()), 100'000);
  for (const bool close_at_once : {false, true}) {
    ::fdatasync(file.get());
    ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
    Connected c(*loop, tcp_pair());
    run_for(5ms);
    const SendResult result = c.stream.send_file(file.get(), 0, content.size());
    ASSERT_NE(result.kind, SendResult::Kind::failed);
    if (close_at_once) continue;  // Connected closes while the read is under way
    ASSERT_TRUE(
        run_until([&] { return result.kind == SendResult::Kind::sent || !c.seen.sent.empty(); }));
    const std::size_t taken = c.seen.sent.empty() ? result.bytes : c.seen.sent[0].bytes;
    EXPECT_GT(taken, 0u);
    c.stream.shutdown_write();
    EXPECT_EQ(read_all(c.peer.get()), content.substr(0, taken));
  }
}

TEST_P(StreamConformance, WithoutBuffersTheEndIsStillSeen) {
  loop.reset();
  make_loop({.buffer_bytes = 1024, .max_buffers = 4});
  Connected hog(*loop, tcp_pair());
  hog.seen.keep_buffers = true;
  write_all(hog.peer.get(), std::string(64 * 1024, 'h'));
  EXPECT_TRUE(run_until([&] { return hog.seen.bytes.size() >= 4 * 1024; }));
  run_for(10ms);
  EXPECT_EQ(hog.seen.bytes.size(), 4 * 1024u);
  Connected quits(*loop, tcp_pair());
  Connected resets(*loop, tcp_pair());
  Connected waits(*loop, tcp_pair());
  run_for(10ms);
  write_all(waits.peer.get(), "later");
  write_all(quits.peer.get(), "later");
  ::shutdown(quits.peer.get(), SHUT_WR);
  write_all(resets.peer.get(), "never");
  reset(resets.peer);
  EXPECT_TRUE(run_until([&] { return !quits.seen.ends.empty() && !resets.seen.ends.empty(); }));
  EXPECT_EQ(quits.seen.log, Log{"fin"});
  EXPECT_EQ(resets.seen.log, Log{"rst"});
  hog.seen.keep_buffers = false;
  hog.seen.kept.clear();
  EXPECT_TRUE(run_until([&] {
    return waits.seen.bytes == "later" && quits.seen.bytes == "later" &&
           hog.seen.bytes.size() == 64 * 1024;
  }));
}

TEST_P(StreamConformance, UnixSockets) {
  int fds[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  Connected c(*loop, SocketPair{Fd(fds[0]), Fd(fds[1])});
  write_all(c.peer.get(), "hi");
  EXPECT_TRUE(run_until([&] { return c.seen.bytes == "hi"; }));
  EXPECT_EQ(c.stream.unacknowledged(), 0u);
  c.send("ho");
  run_for(5ms);
  char got[4];
  EXPECT_EQ(::recv(c.peer.get(), got, sizeof got, 0), 2);
  EXPECT_FALSE(c.stream.tcp_facts().valid);
  c.peer.reset();
  EXPECT_TRUE(run_until([&] { return !c.seen.ends.empty(); }));
  EXPECT_EQ(c.seen.ends[0].kind, EndKind::fin);
}

TEST_P(StreamConformance, KilledFromOutside) {
  if (::geteuid() != 0 || std::system("command -v ss >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "\n*** SKIPPED: `ss -K` needs root and iproute2\n";
  }
  Connected c(*loop, tcp_pair());
  run_for(5ms);
  const int port = ntohs(address_of(c.peer.get()).sin_port);
  const std::string kill =
      "ss -K dst 127.0.0.1 dport = " + std::to_string(port) + " >/dev/null 2>&1";
  if (std::system(kill.c_str()) != 0) GTEST_SKIP() << "\n*** SKIPPED: `ss -K` is refused here\n";
  if (!run_until([&] { return !c.seen.ends.empty(); }, 500ms)) {
    GTEST_SKIP() << "\n*** SKIPPED: this kernel has no CONFIG_INET_DIAG_DESTROY\n";
  }
  EXPECT_EQ(c.seen.ends[0].kind, EndKind::killed);
  EXPECT_EQ(c.seen.ends[0].error, ECONNABORTED);
}

TEST_P(StreamConformance, AfterAFailedSendWhatWasReceivedIsStillDelivered) {
  Connected c(*loop, tcp_pair());
  run_for(5ms);
  // An answer and a reset behind it, both before the loop looks again.
  const std::string answer(40'000, 'a');
  write_all(c.peer.get(), answer);
  reset(c.peer);
  SendResult result = c.send("request");
  for (int i = 0; i < 200 && result.kind == SendResult::Kind::pending; ++i) {
    loop->run_once(5ms);
    if (!c.seen.sent.empty()) result = c.seen.sent.back();
  }
  ASSERT_EQ(result.kind, SendResult::Kind::failed);
  EXPECT_EQ(result.end.kind, EndKind::rst);
  EXPECT_TRUE(run_until([&] { return c.seen.bytes.size() == answer.size(); }))
      << c.seen.bytes.size();
  EXPECT_FALSE(c.stream.readable());
}

TEST_P(StreamConformance, AddressesAreKnownAfterAReset) {
  Connected c(*loop, tcp_pair());
  const std::string before = to_string(peer_address(c.stream.fd()));
  EXPECT_NE(before, "");
  EXPECT_NE(to_string(local_address(c.stream.fd())), "");
  run_for(5ms);
  reset(c.peer);
  EXPECT_TRUE(run_until([&] { return !c.seen.ends.empty(); }));
  EXPECT_EQ(to_string(peer_address(c.stream.fd())), before);
}

}  // namespace
}  // namespace finack::net::testing
