#include "cli/reloader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>

#include "net/tls_certificates.h"

namespace finack::cli {
namespace {

using server::ListenerOptions;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kFile =
    "listeners: [ { address: ':1', timeouts: { idle: 75s } }, ':2' ]\n"
    "clusters: { a: { servers: '127.0.0.1:1' }, b: { servers: '127.0.0.1:2' } }\n"
    "routes: [ { cluster: a }, { cluster: b, match: { prefix: /b } } ]\n"
    "workers: 2\n";

/// A gateway whose file a test rewrites; nothing is served, and its listeners are those that were
/// put in force last.
class ReloaderTest : public testing::Test {
 protected:
  ReloaderTest() { write(kFile); }
  ~ReloaderTest() override { std::filesystem::remove(path_); }

  void write(std::string_view text) { std::ofstream(path_) << text; }
  static std::string with(std::string_view old_text, std::string_view new_text) {
    std::string text(kFile);
    const std::size_t at = text.find(old_text);
    EXPECT_NE(at, std::string::npos);
    return text.replace(at, old_text.size(), new_text);
  }
  /// Starts with the file as it is.
  void start(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(), {"serve", "--config", path_});
    command_ = {.arguments = std::move(arguments), .environment = {}};
    auto reading = std::make_unique<ServeReading>(command_);
    ASSERT_EQ(reading->line().errors, "");
    auto plan = gateway::Plan::create(reading->settings().gateway, "mark");
    ASSERT_TRUE(plan);
    board_.emplace(*plan);
    reloader_.emplace(command_, std::move(reading), *board_, "mark",
                      [this](std::vector<ListenerOptions> next) { return check(std::move(next)); });
  }
  std::expected<ReadyListeners, server::ListenerTrouble> check(std::vector<ListenerOptions> next) {
    if (trouble_) return std::unexpected(*trouble_);
    return ReadyListeners{{.kept = 1, .changed = 2, .added = 3, .gone = 4},
                          [this, next = std::move(next)] {
                            plan_of_listeners_ = board_->number();
                            listeners_ = next;
                          }};
  }
  std::vector<std::string> specs() const {
    std::vector<std::string> out;
    for (const ListenerOptions& one : listeners_) out.push_back(one.spec);
    return out;
  }
  /// What a changed file is refused with, without the file's name.
  std::vector<std::string> refused(std::string_view text) {
    write(text);
    const auto before = board_->current();
    const ReloadOutcome outcome = reloader_->reload();
    EXPECT_TRUE(board_->current() == before) << "nothing has changed";
    EXPECT_THAT(listeners_, IsEmpty());
    std::vector<std::string> out;
    for (const config::Problem& problem : outcome.problems)
      out.push_back((problem.where + ": " + problem.what).substr(path_.size()));
    return out;
  }

  std::string path_ = testing::TempDir() + "finack_reload_" + std::to_string(::getpid()) + ".yaml";
  ServeCommand command_;
  std::optional<PlanBoard> board_;
  std::optional<Reloader> reloader_;
  std::optional<server::ListenerTrouble> trouble_;
  std::vector<ListenerOptions> listeners_;
  std::uint64_t plan_of_listeners_ = 0;
};

TEST_F(ReloaderTest, TheSameFileKeepsEveryCluster) {
  start();
  const auto before = board_->current();
  const ReloadOutcome outcome = reloader_->reload();
  EXPECT_THAT(outcome.problems, IsEmpty());
  EXPECT_EQ(outcome.kept, 2U);
  EXPECT_EQ(outcome.made + outcome.gone, 0U);
  EXPECT_NE(board_->current().first, before.first);
  EXPECT_EQ(board_->number(), before.second + 1);
  EXPECT_EQ(board_->current().first->clusters(), before.first->clusters());
}

TEST_F(ReloaderTest, ClustersComeGoAndChange) {
  start();
  write(with("b: { servers: '127.0.0.1:2' }", "b: { servers: '127.0.0.1:3' }"));
  const ReloadOutcome outcome = reloader_->reload();
  EXPECT_EQ(reload_text(outcome),
            "reloaded: 2 routes; clusters: 1 kept, 1 new, 1 gone; listeners: 1 kept, 2 changed, "
            "3 new, 4 gone\n");
  EXPECT_EQ(boost::json::serialize(reload_json(outcome)),
            "{\"reloaded\":true,\"routes\":2,\"clusters\":{\"kept\":1,\"new\":1,\"gone\":1},"
            "\"listeners\":{\"kept\":1,\"changed\":2,\"new\":3,\"gone\":4},\"warnings\":[]}");
  write(kFile);
  EXPECT_EQ(reloader_->reload().kept, 1U) << "compared with what is in force, not with the start";
}

TEST_F(ReloaderTest, ListenersAreThoseOfTheFileNow) {
  start();
  write(with("{ address: ':1', timeouts: { idle: 75s } }, ':2'",
             "':2', { address: ':3', timeouts: { idle: 70s } }"));
  EXPECT_THAT(reloader_->reload().problems, IsEmpty());
  EXPECT_THAT(specs(), ElementsAre(":2", ":3"));
  EXPECT_EQ(listeners_.at(1).settings.timeouts.idle, std::chrono::seconds(70));
  EXPECT_EQ(plan_of_listeners_, board_->number()) << "their first request goes by the new plan";
}

TEST_F(ReloaderTest, AListenerThatCannotBeBoundIsNamedAndChangesNothing) {
  start();
  trouble_ = {.index = 1, .error = {.what = "the address is in use"}};
  EXPECT_THAT(refused(with("':2' ]", "{ address: ':3' } ]")),
              ElementsAre(":1:69: the address is in use"));
  trouble_.reset();
  EXPECT_THAT(reloader_->reload().problems, IsEmpty());
  EXPECT_THAT(specs(), ElementsAre(":1", ":3"));
}

TEST_F(ReloaderTest, ListenersAreAskedForOnlyWhenAllElseIsRight) {
  start();
  trouble_ = {.index = 0, .error = {.what = "not reached"}};
  EXPECT_THAT(refused(with("workers: 2", "workers: 3")),
              ElementsAre(":4:10: workers has changed: that needs a restart"));
  EXPECT_THAT(refused(with("127.0.0.1:2' }", "127.0.0.1:2', tls: { ca: /no/such } }")),
              ElementsAre(testing::HasSubstr("/no/such")));
}

TEST_F(ReloaderTest, InheritedSocketsComeAndGoWithTheProcess) {
  const std::string file = with("':2' ]", "systemd, 'fd:5' ]");
  write(file);
  start();
  EXPECT_THAT(refused(kFile),
              ElementsAre(":1:14: the listener systemd is gone, and its socket inherited: that "
                          "needs a restart",
                          ":1:14: the listener fd:5 is gone, and its socket inherited: that needs "
                          "a restart"));
  EXPECT_THAT(refused(with("':2' ]", "systemd, 'fd:5', 'systemd:1' ]")),
              ElementsAre(":1:75: the listener systemd:1 is new, and its socket inherited: it "
                          "needs a restart"));
  write(with("':2' ]", "systemd, { address: 'fd:5', name: five } ]"));
  EXPECT_THAT(reloader_->reload().problems, IsEmpty());
}

TEST_F(ReloaderTest, ARenewedCertificateIsTaken) {
  const std::string ca = path_ + ".pem";
  const auto renew = [&ca](const char* from) {
    std::filesystem::remove(ca);
    std::filesystem::copy_file(net::testing::Certificates::get().file(from), ca);
  };
  renew("ca");
  write(with("'127.0.0.1:2' }", "'127.0.0.1:2', tls: { ca: " + ca + " } }"));
  start();
  EXPECT_EQ(reloader_->reload().kept, 2U);
  renew("server");
  const ReloadOutcome outcome = reloader_->reload();
  EXPECT_THAT(outcome.problems, IsEmpty());
  EXPECT_EQ(outcome.kept, 1U);
  EXPECT_EQ(outcome.made, 1U);
  EXPECT_EQ(reloader_->reload().kept, 2U);
  std::filesystem::remove(ca);
}

TEST_F(ReloaderTest, TheProcessesOwnSettings) {
  start();
  EXPECT_THAT(refused(with("workers: 2", "workers: 3")),
              ElementsAre(":4:10: workers has changed: that needs a restart"));
  EXPECT_THAT(refused(with("workers: 2", "admin: ''")),
              ElementsAre(":4:8: admin has changed: that needs a restart",
                          ":1:1: workers has changed: that needs a restart"));
}

TEST_F(ReloaderTest, AFlagStillWins) {
  start({"--workers", "4"});
  write(with("workers: 2", "workers: 3"));
  EXPECT_TRUE(reloader_->reload().done());
}

TEST_F(ReloaderTest, MistakesAndUnreadableFiles) {
  start();
  EXPECT_THAT(refused("routs: []\n"),
              ElementsAre(":1:1: unknown key 'routs'; did you mean routes?"));
  EXPECT_THAT(refused(with("127.0.0.1:2' }", "127.0.0.1:2', tls: { ca: /no/such } }")),
              ElementsAre(testing::HasSubstr("/no/such")));
  std::filesystem::remove(path_);
  const ReloadOutcome outcome = reloader_->reload();
  EXPECT_EQ(reload_text(outcome), "not reloaded, nothing has changed:\n" + path_ +
                                      ": cannot be read: No such file or directory\n");
}

TEST(PlanBoard, TellsItsReadersWhileTheyLive) {
  PlanBoard board(nullptr);
  int news = 0;
  {
    const PlanBoard::Reader reader(board, [&] { ++news; });
    board.publish(nullptr);
    EXPECT_EQ(news, 1);
    EXPECT_EQ(board.number(), 2U);
  }
  board.publish(nullptr);
  EXPECT_EQ(news, 1);
}

}  // namespace
}  // namespace finack::cli
