// Where in a turn of the epoll backend the work runs that a stream's event deferred.
#include "net/conformance.h"

namespace finack::net::testing {
namespace {

using Log = std::vector<std::string>;

class EpollTurn : public Conformance {};
INSTANTIATE_TEST_SUITE_P(, EpollTurn, ::testing::Values(Backend::epoll), backend_name);

/// Says when it runs.
class Noted final : public Deferred {
 public:
  Noted(Log& log, std::string word) : log_(log), word_(std::move(word)) {}
  void run_deferred() override { log_.push_back(word_); }

 private:
  Log& log_;
  std::string word_;
};

TEST_P(EpollTurn, WorkRunsBehindTheEventThatDeferredIt) {
  Log log;
  Noted first_work(log, "first work");
  Noted second_work(log, "second work");
  Connected first(*loop, tcp_pair());
  Connected second(*loop, tcp_pair());
  run_for(5ms);
  first.seen.when_bytes = [&] {
    log.emplace_back("first");
    loop->defer(first_work);
  };
  second.seen.when_bytes = [&] {
    log.emplace_back("second");
    loop->defer(second_work);
  };
  write_all(first.peer.get(), "a");
  write_all(second.peer.get(), "b");
  loop->run_once(1s);
  EXPECT_EQ(log, (Log{"first", "first work", "second", "second work"}));
}

TEST_P(EpollTurn, WorkThatWaitsForTheNextEventOfANewStreamStillDoes) {
  Connected other(*loop, tcp_pair());
  run_for(5ms);
  Noted other_work(other.seen.log, "work");
  other.seen.when_bytes = [&] { loop->defer(other_work); };
  SocketPair pair = tcp_pair();
  write_all(pair.peer.get(), "GET /");
  Connected fresh(*loop, std::move(pair));
  Noted work(fresh.seen.log, "work");
  fresh.seen.when_bytes = [&] { loop->defer(work); };
  loop->run_once(0ms);  // its first read ends the turn
  ASSERT_EQ(fresh.seen.log, Log{"bytes"});
  write_all(other.peer.get(), "b");
  reset(fresh.peer);
  loop->run_once(1s);
  EXPECT_EQ(fresh.seen.log, (Log{"bytes", "rst", "work"}));
  EXPECT_EQ(other.seen.log, (Log{"bytes", "work"}));
}

}  // namespace
}  // namespace finack::net::testing
