// The upstream does not wait for the end of a request's body.
#include <fmt/format.h>

#include "e2e/gateway/case.h"

namespace finack::gateway_matrix {
namespace {

constexpr std::uint64_t kLength = 8000 * kKiB;  ///< Never fits into socket buffers.
constexpr std::string_view kEarly =
    "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig";

/// The client sends until nobody takes more; the upstream has read the head at most.
Peer& upload(Stage& stage, Peer& client, std::string_view method = "POST") {
  client.send(post(kLength, "", method));
  client.try_send(std::string(kLength - 1, 'x'), Millis(500));
  Peer& upstream = stage.upstream().accept();
  stage.wait_dialed("send");
  return upstream;
}

/// An answer before the body was read, and then the end: the answer must reach the client.
std::function<void(Stage&)> answer_early(Leave way) {
  return [=](Stage& stage) {
    Peer& client = stage.connect();
    Peer& upstream = upload(stage, client);
    upstream.send(kEarly);
    // Unread bytes turn a close into a RST.
    way == Leave::fin ? upstream.finish_sending() : upstream.close();
    const Response response = client.read_response();
    stage.check_answer(response, 413);
    stage.check(response.body == "big", "another body came through");
    stage.check(client.read_to_end() != StreamSight::nothing, "no end behind an early answer");
    client.close();
  };
}

std::function<void(Stage&)> leave_early(Leave way, std::string method, std::string cause) {
  return [=](Stage& stage) {
    Peer& client = stage.connect();
    Peer& upstream = upload(stage, client, method);
    way == Leave::fin ? upstream.finish_sending() : upstream.reset();
    stage.see_failure(client, 502, cause);
    stage.check(client.read_to_end() != StreamSight::nothing, "no end behind an early answer");
    client.close();
  };
}

/// The upstream has read all there is, and leaves while more is awaited: each time.
std::function<void(Stage&)> leave_in_pause(std::uint64_t sent, int tries) {
  return [=](Stage& stage) {
    Peer& client = stage.connect();
    client.send(post(kLength, std::string(sent, 'x'), "PUT"));
    for (int i = 0; i < tries; ++i) {
      Peer& upstream = stage.take_request();
      upstream.read_text(sent);
      stage.wait_dialed("send");
      stage.settle();
      upstream.reset();
    }
    // Proxy-Status names what went wrong at last.
    stage.see_failure(client, 502, "upstream.write_refused");
    stage.check(client.read_to_end() == StreamSight::eof, "no FIN behind an early answer");
    client.close();
  };
}

/// Tries that end while more of the body is awaited.
Case pause_case(std::string name, std::uint64_t sent, int tries, const std::string& cause) {
  const Row failed = row("peer", "rst", "send", "upstream.write_refused", "fault", "all");
  const Row request = row("local", "reply", "body", cause, "fault", "all")
                          .answered(502)
                          .with("reason", "upstream.write_refused");
  Case out{std::move(name),
           {.cluster = "retry: { tries: 2 }"},
           leave_in_pause(sent, tries),
           {{row("local", "reply", "body", "policy.early_reply", "notice", "all"), {{request}}}}};
  for (std::size_t i = 1; i <= static_cast<std::size_t>(tries); ++i) {
    out.fronts[0].requests[0].tries.push_back({Row(failed).answered(0), i});
    out.dialed.push_back(failed);
  }
  return out;
}

void take_no_bytes(Stage& stage) {
  Peer& client = stage.connect();
  upload(stage, client);
  stage.see_failure(client, 504, "timeout.send");
  stage.check(client.read_to_end() != StreamSight::nothing, "no end behind an early answer");
  client.close();
}

Row cut_short(std::string_view by, std::string_view how, std::string_view cause,
              std::string_view severity) {
  return row(by, how, "send", cause, severity, "partial").undelivered(1, e2e::kAny);
}

/// The client's own connection, and its request: we answered before its body was through. When an
/// upstream's end is noticed by a write that fails, the body is awaited again until it is judged.
Row unread(std::string_view cause, std::string_view how, std::string_view severity, int status) {
  return row("local", how, "handling|body", cause, severity, "all").answered(status);
}

Case upload_case(std::string name, std::function<void(Stage&)> act, const Row& failed,
                 const Row& request, File file = {}) {
  Row attempt = failed;
  attempt.status = failed.status < 0 ? 0 : failed.status;
  // A response that came whole ends the try; what was not sent yet ends with the connection.
  if (failed.cause == "upstream.early_reply") attempt.undelivered_min = 0;
  return {std::move(name),
          std::move(file),
          std::move(act),
          {{unread("policy.early_reply", "reply", "notice", 0), {{request, {{attempt}}}}}},
          {failed}};
}

}  // namespace

std::vector<Case> upload_cases() {
  const Row kept = unread("policy.early_reply", "reply", "notice", 413);
  const Row early = cut_short("local", "fin", "upstream.early_reply", "notice").answered(413);
  const Row refused = cut_short("peer", "rst", "upstream.write_refused", "fault");
  return {
      upload_case("early_reply_fin", answer_early(Leave::fin), early, kept),
      upload_case("early_reply_rst", answer_early(Leave::rst), early, kept),
      upload_case("write_refused", leave_early(Leave::rst, "POST", "upstream.write_refused"),
                  refused, unread("upstream.write_refused", "reply", "fault", 502)),
      upload_case("closed_in_upload", leave_early(Leave::fin, "POST", "upstream.closed_no_head"),
                  cut_short("peer", "fin", "upstream.closed_no_head", "fault"),
                  unread("upstream.closed_no_head", "reply", "fault", 502)),
      // A PUT may be repeated, but most of its body is gone.
      upload_case("replay_impossible", leave_early(Leave::rst, "PUT", "upstream.write_refused"),
                  refused,
                  unread("upstream.replay_impossible", "reply", "fault", 502)
                      .with("reason", "upstream.write_refused")),
      pause_case("replay_impossible_in_body", 200 * kKiB, 1, "upstream.replay_impossible"),
      pause_case("retries_spent_in_body", 4, 2, "upstream.retries_spent"),
      upload_case("takes_no_bytes", take_no_bytes,
                  cut_short("local", "timeout", "timeout.send", "fault"),
                  unread("timeout.send", "timeout", "fault", 504),
                  {.cluster = "timeouts: { send: 900ms }"}),
  };
}

}  // namespace finack::gateway_matrix
