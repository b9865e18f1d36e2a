#include <fmt/format.h>

#include "e2e/gateway/case.h"

namespace finack::gateway_matrix {
namespace {

Row refused(std::string_view phase, std::string_view cause, const std::string& reason) {
  return row("local", "rst", phase, cause, "fault", "all").with("reason", reason);
}

/// A head that we refuse.
Case bad_head(std::string name, std::string head, const std::string& cause,
              const std::string& reason, File file = {}) {
  const auto act = [head = std::move(head), cause](Stage& stage) {
    Peer& client = stage.connect();
    client.send(get());
    Peer& upstream = stage.take_request();
    upstream.try_send(head);
    stage.see_failure(client, 502, cause);
    stage.check(upstream.read_to_end() == StreamSight::reset, "the upstream was to be reset");
    stage.part(client);
  };
  return failing(std::move(name), std::move(file), act, refused("head", cause, reason),
                 answered(cause, 502));
}

/// A body that we refuse, when the response has begun: it is cut.
Case bad_body(std::string name, std::string rest, const std::string& cause,
              const std::string& reason, File file = {}) {
  const Row broken = refused("body", cause, reason).answered(200);
  const auto act = [rest = std::move(rest)](Stage& stage) {
    Peer& client = stage.connect();
    client.send(get());
    Peer& upstream = stage.take_request();
    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
    stage.wait_phase("response");
    stage.settle();
    upstream.send(rest);
    stage.see_cut(client, 200);
    stage.check(upstream.read_to_end() == StreamSight::reset, "the upstream was to be reset");
    client.close();
  };
  return {
      std::move(name),
      std::move(file),
      act,
      {{other_leg("fin", "response", "fault", "partial"),
        {{row("local", "fin", "response", cause, "fault", "partial").answered(200), {{broken}}}}}},
      {broken}};
}

}  // namespace

std::vector<Case> broken_cases() {
  const File small{.cluster = "limits: { head_bytes: 1024, trailer_bytes: 256 }"};
  const std::string long_value(2000, 'a');
  return {
      bad_head("bad_head", "HTTP/1.1 abc OK\r\n\r\n", "upstream.bad_head", "status_invalid"),
      bad_head("bad_head_not_http", "SSH-2.0-OpenSSH_9.2\r\n", "upstream.bad_head",
               "version_invalid"),
      bad_head("head_too_large", "HTTP/1.1 200 OK\r\nA: " + long_value, "upstream.head_too_large",
               "head_too_large", small),
      bad_head("bad_framing", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
               "upstream.bad_framing", "content_length_repeated"),
      bad_body("bad_chunk", "zz\r\n", "upstream.bad_framing", "chunk_size_invalid"),
      bad_body("bad_trailer", "0\r\nX: \x01\r\n\r\n", "upstream.bad_framing", "trailer_invalid"),
      bad_body("trailers_too_large", "0\r\nX: " + std::string(400, 'x') + "\r\n\r\n",
               "upstream.head_too_large", "trailers_too_large", small),
  };
}

}  // namespace finack::gateway_matrix
