// Requests that are taken in before a server is asked, and responses that wait for slow clients.
#include <dirent.h>
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>

#include "gateway/gateway_rig.h"

namespace finack::gateway::tests {
namespace {

using record::Cause;

constexpr std::uint64_t kMemory = 4096;
constexpr std::uint64_t kDisk = 256 * 1024;

/// Files can grow to `bytes` only, as if the disk were full.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

/// No file can be opened, as if the process had all it may have.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit limit{0, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

std::size_t files_in(const std::string& directory) {
  std::size_t count = 0;
  DIR* const folder = ::opendir(directory.c_str());
  while (const dirent* entry = ::readdir(folder)) count += entry->d_name[0] != '.' ? 1 : 0;
  ::closedir(folder);
  return count;
}

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    text[i] = static_cast<char>('a' + i * 7 % 26 + i / 9973 % 3);
  return text;
}

class ProxyBufferTest : public GatewayTest {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "finack-buffer-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override {
    EXPECT_EQ(files_in(directory_), 0U) << "a buffer has no name";
    ::rmdir(directory_.c_str());
  }
  void buffering(std::uint64_t disk, const GatewayRig::Change& change = {}) {
    proxying(2, [&](GatewaySettings& s) {
      s.buffer_directory = directory_;
      s.clusters[0].retry.backoff = {.base = 0ns, .most = 0ns};
      s.routes[0].buffer_request = BufferSettings{.memory = kMemory, .disk = disk};
      s.routes[0].buffer_response = BufferSettings{.memory = kMemory, .disk = disk};
      if (change) change(s);
    });
  }
  void feed(FakeExchange& exchange, const std::string& body, std::size_t piece = 1000) {
    for (std::size_t at = 0; at < body.size(); at += piece) exchange.feed(body.substr(at, piece));
  }
  bool connected(std::size_t server) {
    return rig().until([&] {
      rig().clock().advance(1ms);
      return !rig().upstreams[server]->peers.empty();
    });
  }
  bool received(std::size_t server, const std::string& body) {
    return connected(server) && rig().until([&] {
      return rig().upstreams[server]->peer().received.ends_with("\r\n\r\n" + body);
    });
  }

  std::string directory_;
};

#define BUFFERING(...)                            \
  do {                                            \
    buffering(__VA_ARGS__);                       \
    if (IsSkipped() || HasFatalFailure()) return; \
  } while (false)

TEST_P(ProxyBufferTest, no_server_is_asked_before_the_body_is_whole) {
  for (const std::uint64_t disk : {std::uint64_t{0}, kDisk}) {
    BUFFERING(disk);
    const std::string body = pattern(disk == 0 ? 4000 : 200'000);
    FakeExchange& exchange = rig().ask(rig().make("POST", "/x").expect_body());
    feed(exchange, body);
    rig().settle();
    EXPECT_TRUE(rig().upstreams[0]->peers.empty());
    exchange.end_body();
    ASSERT_TRUE(received(0, body));
    EXPECT_NE(rig().upstreams[0]->peer().received.find(
                  fmt::format("Content-Length: {}\r\n", body.size())),
              std::string::npos)
        << "what has come whole needs no chunks";
    rig().serve(kOk);
    ASSERT_TRUE(rig().ended(exchange));
    EXPECT_EQ(exchange.status, 200);
  }
}

TEST_P(ProxyBufferTest, a_large_body_is_sent_again_from_disk) {
  BUFFERING(kDisk);
  const std::string body = pattern(200'000);
  FakeExchange& exchange = rig().ask(rig().make("PUT", "/x").set_content_length(body.size()));
  feed(exchange, body);
  exchange.end_body();
  ASSERT_TRUE(received(0, body));
  rig().upstreams[0]->peer().reset();
  ASSERT_TRUE(received(1, body));
  rig().serve(kOk, 1);
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.status, 200);
  EXPECT_EQ(causes(exchange), "upstream.closed_no_head ok.completed");
}

TEST_P(ProxyBufferTest, what_does_not_fit_streams) {
  BUFFERING(0);
  const std::string body = pattern(20'000);
  FakeExchange& exchange = rig().ask(rig().make("PUT", "/x").set_content_length(body.size()));
  feed(exchange, body);
  exchange.end_body();
  ASSERT_TRUE(received(0, body));
  rig().upstreams[0]->peer().reset();
  ASSERT_TRUE(rig().ended(exchange));
  EXPECT_EQ(exchange.status, 502);
  EXPECT_EQ(exchange.cause, Cause::upstream_replay_impossible);
}

TEST_P(ProxyBufferTest, trailers_need_chunks) {
  BUFFERING(0);
  FakeExchange& exchange =
      rig().ask(rig().make("POST", "/x").expect_body().add_trailer("X-Sum", "1"));
  exchange.feed("abc");
  exchange.end_body();
  ASSERT_TRUE(received(0, "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"));
}

TEST_P(ProxyBufferTest, the_client_leaves_while_its_body_is_taken_in) {
  BUFFERING(kDisk);
  FakeExchange& exchange = rig().ask(rig().make("POST", "/x").expect_body());
  feed(exchange, pattern(100'000));
  exchange.leave(Cause::client_body_truncated);
  EXPECT_EQ(exchange.aborted, Cause::client_body_truncated);
  EXPECT_TRUE(exchange.upstream.empty());
}

TEST_P(ProxyBufferTest, a_full_disk_ends_the_request) {
  BUFFERING(kDisk);
  const FileLimit full(50'000);
  FakeExchange& exchange = rig().ask(rig().make("POST", "/x").expect_body());
  feed(exchange, pattern(40'000));
  EXPECT_FALSE(exchange.ended);
  for (int i = 0; i < 20 && !exchange.ended; ++i) exchange.feed(pattern(1000));
  EXPECT_EQ(exchange.status, 503);
  EXPECT_EQ(exchange.cause, Cause::resource_disk);
  EXPECT_EQ(exchange.header_sent("Retry-After"), "1");
}

TEST_P(ProxyBufferTest, a_folder_that_is_not_there_ends_the_request) {
  BUFFERING(kDisk, [](GatewaySettings& s) { s.buffer_directory += "/none"; });
  FakeExchange& exchange = rig().ask(rig().make("POST", "/x").expect_body());
  for (int i = 0; i < 20 && !exchange.ended; ++i) exchange.feed(pattern(1000));
  EXPECT_EQ(exchange.status, 503);
  EXPECT_EQ(exchange.cause, Cause::resource_disk);
}

TEST_P(ProxyBufferTest, want_of_descriptors_is_no_want_of_disk) {
  BUFFERING(kDisk);
  FakeExchange& exchange = rig().ask(rig().make("POST", "/x").expect_body());
  {
    const NoDescriptors none;
    for (int i = 0; i < 20 && !exchange.ended; ++i) exchange.feed(pattern(1000));
  }
  EXPECT_EQ(exchange.status, 503);
  EXPECT_EQ(exchange.cause, Cause::resource_descriptors);
  EXPECT_EQ(exchange.evidence.error, EMFILE);
  EXPECT_STREQ(exchange.evidence.resource, "descriptors");
}

TEST_P(ProxyBufferTest, the_evidence_says_what_the_disk_said) {
  BUFFERING(kDisk);
  const FileLimit full(20'000);
  FakeExchange& exchange = rig().ask(rig().make("POST", "/x").expect_body());
  for (int i = 0; i < 40 && !exchange.ended; ++i) exchange.feed(pattern(1000));
  EXPECT_EQ(exchange.cause, Cause::resource_disk);
  EXPECT_EQ(exchange.evidence.error, EFBIG);
  EXPECT_STREQ(exchange.evidence.resource, "disk");
}

// ---- Responses

TEST_P(ProxyBufferTest, a_slow_client_does_not_hold_the_server) {
  BUFFERING(kDisk);
  const std::string body = pattern(200'000);
  FakeExchange& slow = rig().make("GET", "/x");
  slow.close_window();
  rig().ask(slow);
  rig().serve("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  auto& peer = rig().upstreams[0]->peer();
  for (std::size_t at = 0; at < body.size(); at += 10'000)
    peer.send(fmt::format("{:x}\r\n{}\r\n", 10'000, body.substr(at, 10'000)));
  peer.send("0\r\nX-Sum: 3\r\n\r\n");
  ASSERT_TRUE(rig().until([&] { return rig().server().requests_live == 0U; }));
  EXPECT_EQ(rig().cluster().requests.count(), 0U) << "the slot is free, too";
  EXPECT_FALSE(slow.ended);
  EXPECT_LT(slow.body.size(), body.size());
  rig().server(1).health.set_drained(true, rig().clock().now());
  FakeExchange& next = rig().get();
  rig().serve(kOk);
  ASSERT_TRUE(rig().ended(next));
  EXPECT_TRUE(next.upstream[0].reused) << "the connection went back to the pool";
  slow.open_window();
  ASSERT_TRUE(rig().ended(slow));
  EXPECT_TRUE(slow.body == body);
  EXPECT_THAT(slow.trailers_sent, testing::ElementsAre(std::pair("X-Sum", "3")));
  EXPECT_EQ(causes(slow), "ok.completed");
}

TEST_P(ProxyBufferTest, a_full_buffer_holds_the_server) {
  BUFFERING(0);
  const std::string body = pattern(8 * 1024 * 1024);
  FakeExchange& slow = rig().make("GET", "/x");
  slow.close_window();
  rig().ask(slow);
  rig().serve(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.size()));
  rig().upstreams[0]->peer().send(body);
  rig().settle(50);
  EXPECT_FALSE(rig().upstreams[0]->peer().sent_all());
  for (int i = 0; i < 5; ++i) {  // A window that opens for a moment.
    slow.open_window();
    slow.close_window();
    rig().settle();
  }
  slow.open_window();
  ASSERT_TRUE(rig().ended(slow));
  EXPECT_TRUE(slow.body == body);
}

TEST_P(ProxyBufferTest, a_slow_client_that_leaves) {
  BUFFERING(kDisk);
  FakeExchange& slow = rig().make("GET", "/x");
  slow.close_window();
  rig().ask(slow);
  const std::string body = pattern(100'000);
  rig().serve(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body));
  ASSERT_TRUE(rig().until([&] { return rig().server().requests_live == 0U; }));
  slow.leave(Cause::client_left_receiving);
  EXPECT_EQ(slow.aborted, Cause::client_left_receiving);
  EXPECT_EQ(causes(slow), "ok.completed");
  EXPECT_TRUE(rig().connections.empty());
}

TEST_P(ProxyBufferTest, a_full_disk_cuts_the_response) {
  BUFFERING(kDisk);
  const FileLimit full(20'000);
  FakeExchange& slow = rig().make("GET", "/x");
  slow.close_window();
  rig().ask(slow);
  const std::string body = pattern(200'000);
  rig().serve(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body));
  ASSERT_TRUE(rig().ended(slow));
  EXPECT_EQ(slow.aborted, Cause::resource_disk);
  rig().settle();
  // As much as what it was ended for.
  EXPECT_THAT(rig().connections, testing::ElementsAre("policy.other_leg"));
  EXPECT_THAT(rig().severities, testing::ElementsAre(record::Severity::fault));
}

TEST_P(ProxyBufferTest, want_of_descriptors_cuts_the_response) {
  BUFFERING(kDisk);
  FakeExchange& slow = rig().make("GET", "/x");
  slow.close_window();
  rig().ask(slow);
  const std::string body = pattern(200'000);
  rig().serve(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body));
  const NoDescriptors none;
  ASSERT_TRUE(rig().ended(slow));
  EXPECT_EQ(slow.aborted, Cause::resource_descriptors);
}

FINACK_GATEWAY_SUITE(ProxyBufferTest);

}  // namespace
}  // namespace finack::gateway::tests
