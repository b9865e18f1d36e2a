#include "cli/listener_options.h"

#include <fmt/format.h>

#include "gateway/lasting_text.h"

namespace finack::cli {
namespace {

server::Timeouts timeouts_of(const gateway::ListenerTimeouts& t) {
  return {.first_byte = t.first_byte,
          .head = t.head,
          .body_idle = t.body_idle,
          .body_total = t.body_total,
          .handler = t.handler,
          .handler_stall = t.handler_stall,
          .response_stall = t.response_stall,
          .response_total = t.response_total,
          .flush = t.flush,
          .idle = t.idle,
          .idle_margin = t.idle_margin,
          .lifetime = t.lifetime,
          .drain = t.drain,
          .drain_delay = t.drain_delay,
          .linger = t.linger};
}

server::Limits limits_of(const gateway::ListenerLimits& l) {
  return {.min_rate = l.min_rate,
          .head_bytes = l.head_bytes,
          .headers = l.headers,
          .target_bytes = l.target_bytes,
          .body_bytes = l.body_bytes,
          .trailer_bytes = l.trailer_bytes,
          .requests_per_connection = l.requests_per_connection,
          .connections = l.connections,
          .connections_per_address = l.connections_per_address,
          .write_buffer_bytes = l.write_buffer_bytes,
          .read_buffer_bytes = l.read_buffer_bytes};
}

server::HalfClose half_close_of(gateway::ClientHalfClose mode) {
  switch (mode) {
    case gateway::ClientHalfClose::cancel:
      return server::HalfClose::cancel;
    case gateway::ClientHalfClose::tolerate:
      return server::HalfClose::tolerate;
    case gateway::ClientHalfClose::probe:
      break;
  }
  return server::HalfClose::probe;
}

}  // namespace

server::ListenerOptions listener_options(const gateway::ListenerSettings& listener,
                                         std::size_t index) {
  server::Settings settings;
  settings.timeouts = timeouts_of(listener.timeouts);
  settings.limits = limits_of(listener.limits);
  settings.client_half_close = half_close_of(listener.client_half_close);
  settings.tcp_keepalive = listener.tcp_keepalive;
  settings.tcp_user_timeout = listener.tcp_user_timeout;
  settings.backlog = listener.backlog;
  settings.keep_alive_header = listener.keep_alive_header;
  settings.server_header = listener.server_header;
  settings.path = gateway::lasting_text(fmt::format("listeners[{}].", index));
  return {.spec = listener.address, .name = listener.name, .settings = settings};
}

std::vector<server::ListenerOptions> listener_options(
    const std::vector<gateway::ListenerSettings>& listeners) {
  std::vector<server::ListenerOptions> out;
  out.reserve(listeners.size());
  for (const gateway::ListenerSettings& listener : listeners)
    out.push_back(listener_options(listener, out.size()));
  return out;
}

}  // namespace finack::cli
