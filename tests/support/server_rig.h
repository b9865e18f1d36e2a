#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "finack/base/clock.h"
#include "finack/base/fd.h"
#include "finack/http/exchange.h"
#include "finack/record/ring.h"
#include "server/admission.h"
#include "server/listener_set.h"
#include "server/worker.h"

// Failures name endings by their words.
namespace finack::record {
inline void PrintTo(Cause value, std::ostream* out) { *out << name(value); }
inline void PrintTo(Phase value, std::ostream* out) { *out << name(value); }
inline void PrintTo(How value, std::ostream* out) { *out << name(value); }
inline void PrintTo(EndedBy value, std::ostream* out) { *out << name(value); }
inline void PrintTo(Delivered value, std::ostream* out) { *out << name(value); }
inline void PrintTo(Linger value, std::ostream* out) { *out << name(value); }
inline void PrintTo(Severity value, std::ostream* out) { *out << name(value); }
}  // namespace finack::record

namespace finack::tests {

/// A response as a client read it.
struct Response {
  int status = 0;
  std::string head;  ///< With its status line, without the empty line.
  std::string body;
  std::string trailers;
  /// The value of the first field of that name; "" without one.
  std::string header(std::string_view name) const;
  bool has(std::string_view line) const { return head.find(line) != std::string::npos; }
};

/// The other side: a non-blocking TCP socket and what came through it.
class Client {
 public:
  explicit Client(Fd fd) : fd_(std::move(fd)) {}
  void send(std::string_view bytes) { unsent_ += bytes; }
  bool sent_all() const { return unsent_.empty(); }
  /// Our FIN, behind everything sent so far.
  void finish();
  /// A RST.
  void reset();
  void close() { fd_.reset(); }
  /// Moves bytes both ways, as far as the kernel goes.
  void pump();
  /// Takes the next whole response off `received`. `head_only`: it answers HEAD.
  std::optional<Response> take_response(bool head_only = false);

  bool reading = true;  ///< false: leave what comes with the kernel.
  std::string received;
  bool at_end = false;  ///< The server's FIN was read.
  bool was_reset = false;
  bool gone() const { return at_end || was_reset; }
  int fd() const { return fd_.get(); }

 private:
  void push();
  Fd fd_;
  std::string unsent_;
  bool finish_wanted_ = false;
};

struct SeenConnection {
  record::Ending ending;
  std::string protocol;
  std::uint64_t requests = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::string listener;
  std::uint64_t other_leg = 0;  ///< Its sequence.
};
struct SeenRequest {
  record::Ending ending;
  std::uint32_t number = 0;
  int status = 0;
  std::string method, target, route, exception;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::vector<record::UpstreamTry> upstream;
};
struct SeenFinding {
  record::Finding finding;
  std::string route;
  Nanos duration{0};
};

/// A real worker on a loopback listener, driven turn by turn on the test's thread by a clock that
/// only moves when told. `handle` answers; records are kept. The destructor cuts what is left and
/// holds the books against each other.
class ServerRig : private http::Handler, private record::Sink {
 public:
  using Handle = std::function<void(http::Exchange&)>;
  /// `real_time`: the machine's clock instead.
  /// `make_handler`: a handler of the worker's own instead of `handle`.
  explicit ServerRig(net::Backend backend, Handle handle, const server::Settings& settings = {},
                     bool real_time = false, const server::MakeHandler& make_handler = {});
  ~ServerRig() override;

  /// nullptr on a host that refuses the backend: the test has to be skipped.
  bool available() const { return worker_ != nullptr; }
  const std::string& why_not() const { return why_not_; }
  server::Worker& worker() { return *worker_; }
  record::Counters& counters() { return worker_->counters(); }
  ManualClock& clock() { return clock_; }
  /// Before the first connection: as many sockets as the process has descriptors for.
  void limit_sockets(std::uint32_t sockets) { budget_.limit(sockets); }
  std::uint16_t port() const { return port_; }

  /// One more listener with settings and limits of its own; returns its port.
  std::uint16_t listen(const server::Settings& settings, std::string_view name);
  /// What a reload does: these are the listeners from now on, as ListenerSet::check takes them.
  /// Returns what is still to be done after some turns.
  std::shared_ptr<server::Countdown> reload(std::vector<server::ListenerOptions> next);
  std::vector<std::string> addresses() const { return listeners_.names(); }
  /// Settings that connections, or new ones, go by.
  std::size_t sites() const { return worker_->sites(); }
  /// The first listener's, as a reload would have it.
  server::ListenerOptions first_listener() const {
    return {.spec = std::string(kSpec), .name = {}, .settings = settings_};
  }
  /// A connected client, pumped with every turn. `receive_buffer`: bytes, 0: the system's. `port`:
  /// 0: the first listener's.
  Client& connect(int receive_buffer = 0, std::uint16_t port = 0);
  void turn();
  /// Turns until `done`; false after `limit` of real time.
  bool until(const std::function<bool()>& done, Nanos limit = std::chrono::seconds(3));
  /// Turns while something may still happen that must not.
  void settle(int turns = 20);
  /// Moves the clock by `d` in steps of at most `step`, with turns in between.
  void advance(Nanos d, Nanos step = std::chrono::milliseconds(250));
  /// Sends `request` and waits for a whole response; status 0 when none came.
  Response ask(Client& client, std::string_view request, bool head_only = false);
  Response response(Client& client, bool head_only = false);
  /// Waits for the n-th connection record.
  bool ended(std::size_t n = 1);

  Handle handle_request;
  std::vector<SeenConnection> connections;
  std::vector<SeenRequest> requests;
  std::vector<SeenFinding> findings;

 private:
  void handle(http::Exchange& exchange) override { handle_request(exchange); }
  void on_connection(const record::ConnectionRecord& record) override;
  void on_request(const record::RequestRecord& record) override;
  void on_finding(const record::FindingRecord& record) override;
  void on_dropped(std::uint64_t) override {}
  void flush(WallTime) override {}

  static constexpr std::string_view kSpec = "127.0.0.1:0";
  std::uint16_t add_listener(const server::ListenerOptions& options);

  server::Settings settings_;
  ManualClock clock_;
  server::SocketBudget budget_;
  server::ListenerSet listeners_{budget_, 1};
  record::Ring ring_;
  std::unique_ptr<server::Worker> worker_;
  std::string why_not_;
  std::uint16_t port_ = 0;
  std::vector<std::unique_ptr<Client>> clients_;
};

/// What both backends must do alike.
class ServerTest : public ::testing::TestWithParam<net::Backend> {
 protected:
  /// Makes the rig, or skips the test where the backend is refused.
  void serve(ServerRig::Handle handle, const server::Settings& settings = {},
             bool real_time = false, const server::MakeHandler& make_handler = {});
  ServerRig& rig() { return *rig_; }
  std::unique_ptr<ServerRig> rig_;
};

/// Answers 200 with `body`.
void answer(http::Exchange& exchange, std::string_view body);
/// Reads the whole body, then answers it. Keeps itself alive.
void echo(http::Exchange& exchange);

std::string backend_name(const ::testing::TestParamInfo<net::Backend>& info);

}  // namespace finack::tests

#define FINACK_SERVER_SUITE(Suite)                                                             \
  INSTANTIATE_TEST_SUITE_P(                                                                    \
      , Suite, ::testing::Values(finack::net::Backend::epoll, finack::net::Backend::io_uring), \
      finack::tests::backend_name)
#define SERVE(...)           \
  do {                       \
    serve(__VA_ARGS__);      \
    if (IsSkipped()) return; \
  } while (false)
