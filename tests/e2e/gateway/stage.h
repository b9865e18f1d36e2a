#pragma once
#include <deque>
#include <string>
#include <string_view>
#include <utility>

#include "e2e/gateway/name_server.h"
#include "e2e/gateway/tls_upstream.h"
#include "e2e/gateway/upstream.h"
#include "e2e/support/scene.h"

namespace finack::gateway_matrix {

/// The scene of a proxied request: `finack serve` in the middle, clients before it, upstreams
/// behind it. One thread.
class Stage : public e2e::Scene {
 public:
  /// `file`: the gateway's settings. `names`: nullptr where the case has no name server.
  Stage(e2e::DemoServer& server, std::string backend, const Deadline& deadline,
        std::deque<Upstream>& upstreams, std::string file, NameServer* names)
      : Scene(server, std::move(backend), deadline),
        upstreams_(upstreams),
        file_(std::move(file)),
        names_(names) {}

  Upstream& upstream(std::size_t index = 0) { return upstreams_.at(index); }
  std::deque<Upstream>& upstreams() { return upstreams_; }
  NameServer& names() { return *names_; }
  /// Waits until the gateway has said `text` on its standard error.
  void wait_said(std::string_view text);

  /// The next dialed connection, with a request's head read from it.
  Peer& take_request(std::size_t index = 0);
  /// The same over TLS, whose handshake must succeed.
  TlsEnd take_tls_request(const TlsSetup& setup = {});
  TlsEnd accept_tls(const TlsSetup& setup = {});

  /// The client reads a whole response of that status; its text.
  std::string see(Peer& client, int status);
  /// The same for an answer of the gateway's own, whose Proxy-Status must name the cause.
  void see_failure(Peer& client, int status, std::string_view cause);
  /// The client reads a response that begins with that status and is cut off.
  void see_cut(Peer& client, int status);
  /// Waits until the gateway counts `count` dialed connections in `phase`.
  void wait_dialed(std::string_view phase, int count = 1);
  /// Waits until the gateway has recorded the ends of `count` dialed connections.
  void wait_dialed_ended(int count);
  /// Writes `to` for `from` in the gateway's file, and has it read again.
  void reload(std::string_view from, std::string_view to);
  /// The client goes when the gateway has settled everything.
  void part(Peer& client);

 private:
  std::deque<Upstream>& upstreams_;
  std::string file_;
  NameServer* names_;
};

// The pieces that most acts are made of.

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A request without a body. `headers`: whole lines, each with its CRLF.
std::string get(std::string_view headers = "");
/// A request that promises `length` body bytes and carries `body`.
std::string post(std::uint64_t length, std::string_view body, std::string_view method = "POST");

enum class Leave { fin, rst };
std::string_view word(Leave way);
/// FIN (nothing may be unread) or RST.
void leave(Peer& peer, Leave way);

}  // namespace finack::gateway_matrix
