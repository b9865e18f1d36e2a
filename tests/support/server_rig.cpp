#include "support/server_rig.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <chrono>

namespace finack::tests {

namespace {

using namespace std::chrono_literals;

std::uint64_t number(std::string_view text, int base) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return std::tolower(static_cast<unsigned char>(x)) ==
                  std::tolower(static_cast<unsigned char>(y));
         });
}

/// Decodes a chunked body; the number of bytes it takes, 0 while it is not whole.
std::size_t take_chunked(std::string_view bytes, Response& response) {
  std::size_t at = 0;
  for (;;) {
    const std::size_t eol = bytes.find("\r\n", at);
    if (eol == std::string_view::npos) return 0;
    const auto size = static_cast<std::size_t>(number(bytes.substr(at, eol - at), 16));
    at = eol + 2;
    if (size == 0) break;
    if (bytes.size() < at + size + 2) return 0;
    response.body += bytes.substr(at, size);
    at += size + 2;
  }
  for (;;) {
    const std::size_t eol = bytes.find("\r\n", at);
    if (eol == std::string_view::npos) return 0;
    if (eol == at) return eol + 2;
    response.trailers += bytes.substr(at, eol + 2 - at);
    at = eol + 2;
  }
}

}  // namespace

// ---- The client ---------------------------------------------------------------------------------

std::string Response::header(std::string_view name) const {
  for (std::size_t at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at)) {
    at += 2;
    const std::string_view line = std::string_view(head).substr(at, head.find("\r\n", at) - at);
    const std::size_t colon = line.find(": ");
    if (colon != std::string_view::npos && same_name(line.substr(0, colon), name))
      return std::string(line.substr(colon + 2));
  }
  return "";
}

void Client::push() {
  while (!unsent_.empty()) {
    const ssize_t n =
        ::send(fd_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n <= 0) return;
    unsent_.erase(0, static_cast<std::size_t>(n));
  }
}

void Client::finish() {
  finish_wanted_ = true;
  pump();
}

void Client::reset() {
  push();
  const linger abort{1, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  fd_.reset();
}

void Client::pump() {
  if (!fd_) return;
  push();
  if (finish_wanted_ && unsent_.empty()) {
    finish_wanted_ = false;
    ::shutdown(fd_.get(), SHUT_WR);
  }
  char chunk[65536];
  while (reading && !gone()) {
    const ssize_t n = ::recv(fd_.get(), chunk, sizeof chunk, MSG_DONTWAIT);
    if (n > 0) {
      received.append(chunk, static_cast<std::size_t>(n));
      continue;
    }
    if (n == 0) at_end = true;
    if (n < 0 && errno != EAGAIN) was_reset = true;
    return;
  }
}

std::optional<Response> Client::take_response(bool head_only) {
  const std::size_t end = received.find("\r\n\r\n");
  if (end == std::string::npos || received.size() < 12) return {};
  Response response;
  response.head = received.substr(0, end + 2);
  response.status = static_cast<int>(number(std::string_view(received).substr(9, 3), 10));
  const std::string_view rest = std::string_view(received).substr(end + 4);
  std::size_t used = 0;
  const bool bodiless =
      head_only || response.status < 200 || response.status == 204 || response.status == 304;
  if (!bodiless && !response.header("Content-Length").empty()) {
    used = static_cast<std::size_t>(number(response.header("Content-Length"), 10));
    if (rest.size() < used) return {};
    response.body = rest.substr(0, used);
  } else if (!bodiless && response.header("Transfer-Encoding") == "chunked") {
    used = take_chunked(rest, response);
    if (used == 0) return {};
  } else if (!bodiless) {
    if (!gone()) return {};
    used = rest.size();
    response.body = rest;
  }
  received.erase(0, end + 4 + used);
  return response;
}

// ---- The rig ------------------------------------------------------------------------------------

ServerRig::ServerRig(net::Backend backend, Handle handle, const server::Settings& settings,
                     bool real_time, const server::MakeHandler& make_handler)
    : handle_request(std::move(handle)),
      settings_(settings),
      ring_({.bytes = std::size_t{4} << 20}) {
  server::Worker::Options options;
  options.handler = this;
  if (make_handler) options.make_handler = &make_handler;
  options.ledger.requests = record::RecordRequests::all;
  options.ledger.ring = &ring_;
  options.ledger.clock = real_time ? &system_clock() : static_cast<const Clock*>(&clock_);
  options.loop.backend = backend;
  options.loop.clock = options.ledger.clock;
  auto made = server::Worker::create(options);
  if (!made) {
    why_not_ = made.error().what;
    return;
  }
  worker_ = std::move(*made);
  port_ = add_listener(first_listener());
}

ServerRig::~ServerRig() {
  if (!worker_) return;
  worker_->force();
  for (auto& client : clients_) client->close();
  EXPECT_TRUE(until([this] { return worker_->live() == 0; })) << "connections are left";
  settle(3);
  const record::Counters& books = worker_->counters();
  EXPECT_EQ(books.connections.opened.get(), books.connections.ended.get());
  EXPECT_EQ(books.requests.opened.get(), books.requests.ended.get());
  for (const record::Gauge& gauge : books.live_by_phase) EXPECT_EQ(gauge.get(), 0);
  for (const SeenConnection& seen : connections) {
    EXPECT_NE(seen.ending.cause, record::Cause::unknown);
    EXPECT_NE(seen.ending.cause, record::Cause::bug_invariant);
  }
}

std::uint16_t ServerRig::listen(const server::Settings& settings, std::string_view name) {
  return add_listener(
      {.spec = std::string(kSpec), .name = std::string(name), .settings = settings});
}

std::uint16_t ServerRig::add_listener(const server::ListenerOptions& options) {
  EXPECT_TRUE(listeners_.bind(options, listeners_.make_admission(options.settings.limits)));
  server::ListenerOrders::Added one = std::move(listeners_.first_orders(0).added.back());
  const std::uint16_t port = one.terms->local.port;
  worker_->add_listener(one.listener, std::move(one.share), std::move(one.terms));
  return port;
}

std::shared_ptr<server::Countdown> ServerRig::reload(std::vector<server::ListenerOptions> next) {
  auto change = listeners_.check(std::move(next));
  EXPECT_TRUE(change) << change.error().error.what;
  auto progress = std::make_shared<server::Countdown>(1 + change->gone().size());
  worker_->reload(std::move(listeners_.commit(std::move(*change))[0]), progress);
  return progress;
}

Client& ServerRig::connect(int receive_buffer, std::uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (receive_buffer > 0)
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port == 0 ? port_ : port);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  clients_.push_back(std::make_unique<Client>(std::move(fd)));
  return *clients_.back();
}

void ServerRig::turn() {
  for (auto& client : clients_) client->pump();
  worker_->loop().run_once(1ms);
  for (auto& client : clients_) client->pump();
  record::Sink* const self = this;
  ring_.drain({&self, 1});
}

bool ServerRig::until(const std::function<bool()>& done, Nanos limit) {
  const auto give_up = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    turn();
  }
  return true;
}

void ServerRig::settle(int turns) {
  for (int i = 0; i < turns; ++i) turn();
}

void ServerRig::advance(Nanos d, Nanos step) {
  while (d > Nanos{0}) {
    const Nanos now = std::min(d, step);
    clock_.advance(now);
    d -= now;
    turn();
    turn();
  }
}

Response ServerRig::response(Client& client, bool head_only) {
  Response response;
  until([&] {
    auto taken = client.take_response(head_only);
    if (taken) response = std::move(*taken);
    return taken.has_value() || (client.gone() && client.received.empty());
  });
  return response;
}

Response ServerRig::ask(Client& client, std::string_view request, bool head_only) {
  client.send(request);
  return response(client, head_only);
}

bool ServerRig::ended(std::size_t n) {
  return until([&] { return connections.size() >= n; });
}

void ServerRig::on_connection(const record::ConnectionRecord& record) {
  connections.push_back({record.ending, std::string(record.protocol), record.requests,
                         record.bytes_in, record.bytes_out, std::string(record.listener),
                         record.other_leg.sequence});
}

void ServerRig::on_request(const record::RequestRecord& record) {
  requests.push_back({record.ending,
                      record.number,
                      record.status,
                      std::string(record.method),
                      std::string(record.target),
                      std::string(record.route),
                      std::string(record.exception),
                      record.bytes_in,
                      record.bytes_out,
                      {record.upstream.begin(), record.upstream.end()}});
}

void ServerRig::on_finding(const record::FindingRecord& record) {
  findings.push_back({record.finding, std::string(record.route), record.duration});
}

void ServerTest::serve(ServerRig::Handle handle, const server::Settings& settings, bool real_time,
                       const server::MakeHandler& make_handler) {
  rig_ =
      std::make_unique<ServerRig>(GetParam(), std::move(handle), settings, real_time, make_handler);
  if (!rig_->available())
    GTEST_SKIP() << "\n*** SKIPPED: " << net::name(GetParam())
                 << " is refused on this host: " << rig_->why_not()
                 << "\n*** This backend was NOT tested.\n";
}

// ---- Handlers -----------------------------------------------------------------------------------

void answer(http::Exchange& exchange, std::string_view body) {
  http::ResponseHead head;
  head.content_type = "text/plain";
  EXPECT_TRUE(exchange.respond(head, body));
}

namespace {

struct Echo : std::enable_shared_from_this<Echo> {
  explicit Echo(http::Exchange& x) : exchange(x) {}
  void read() {
    for (;;) {
      const http::BodyRead piece = exchange.read_body();
      switch (piece.kind) {
        case http::BodyRead::Kind::chunk:
          body += piece.bytes;
          break;
        case http::BodyRead::Kind::wait:
          return exchange.on_body_ready([self = shared_from_this()] { self->read(); });
        case http::BodyRead::Kind::end:
          return answer(exchange, body);
        case http::BodyRead::Kind::cut:
          return exchange.abort(record::Cause::app_abort);
      }
    }
  }
  http::Exchange& exchange;
  std::string body;
};

}  // namespace

void echo(http::Exchange& exchange) { std::make_shared<Echo>(exchange)->read(); }

std::string backend_name(const ::testing::TestParamInfo<net::Backend>& info) {
  return std::string(net::name(info.param));
}

}  // namespace finack::tests
