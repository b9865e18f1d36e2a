#include <fmt/format.h>

#include "e2e/matrix/acts.h"

namespace finack::matrix {
namespace {

/// Sends what must be refused, reads the whole refusal, and closes after the server.
std::function<void(Stage&)> refused(std::string bytes, int status) {
  return [=](Stage& stage) {
    Peer& peer = stage.connect();
    peer.send(bytes);
    const Response response = peer.read_response();
    stage.check_answer(response, status);
    stage.check(response.header("connection") == "close", "the refusal lacks Connection: close");
    see_fin(stage, peer);
  };
}

/// Lingering belongs to the connection; its request was over with the answer.
Row with_linger(Row expected) {
  expected.evidence.emplace_back("linger", "fin");
  return expected;
}

Case refusal(std::string name, std::string bytes, int status, std::string phase, std::string cause,
             std::string reason, std::vector<std::string> flags = {}) {
  const Row expected =
      row("local", "reply", phase, cause, cause == "policy.smuggling" ? "fault" : "notice", "all")
          .with("reason", std::move(reason))

          .answered(status);
  return {std::move(name),
          {{cause, phase, "reply"}},
          std::move(flags),
          refused(std::move(bytes), status),
          {{with_linger(expected), {expected}}}};
}

std::string head(std::string_view lines) {
  return fmt::format("POST /echo HTTP/1.1\r\nHost: a\r\n{}\r\n", lines);
}

void good_then_bad(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(get("/ping") + "GET /ping HTTP/1.1\r\nHost : a\r\n\r\n");
  stage.check_answer(peer.read_response(), 200);
  stage.check_answer(peer.read_response(), 400);
  see_fin(stage, peer);
}

/// Sends on after the 413, past linger, as an uploading client does that does not read.
void upload_past_linger(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(post("/echo", 100'000'000, "x"));
  const Deadline deadline = stage.deadline().within(Millis(6000));
  const std::string chunk(1000, 'x');
  while (peer.try_send(chunk)) {
    stage.check(!deadline.passed(), "linger never ended");
    e2e::pause(deadline, Millis(20));
  }
}

/// Uploads a good deal more than socket buffers hold, then reads: the 413 must have survived.
void upload_then_read(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(post("/echo", 4'000'000, std::string(4'000'000, 'x')));
  stage.check_answer(peer.read_response(), 413);
  see_fin(stage, peer);
}

/// What breaks under a response that has begun cuts it: no reply can say why.
Case cut_under_response(std::string name, std::string bytes, std::string cause, std::string reason,
                        std::vector<std::string> flags = {}) {
  const std::string severity = cause == "policy.smuggling" ? "fault" : "notice";
  const Row expected = row("local", "fin", "response", cause, severity, "partial")
                           .undelivered(0, 64 * kKiB)
                           .with("reason", std::move(reason))
                           .answered(200);
  const auto act = [bytes = std::move(bytes)](Stage& stage) {
    Peer& peer = stage.connect();
    peer.send(post_chunked("/stream", "5\r\nhello\r\n"));
    stage.wait_phase("response");
    peer.send(bytes);
    const Response response = peer.read_response();
    stage.check(response.status == 200 && !response.complete, "the response was to be cut");
    stage.check(response.body.starts_with("hello"), "what was right did not come back");
    see_fin(stage, peer);
  };
  return {std::move(name),
          {{cause, "response", "fin"}},
          std::move(flags),
          act,
          {{with_linger(expected), {expected}}}};
}

std::vector<Case> head_cases() {
  const std::string bad = "policy.bad_request";
  const std::string smuggling = "policy.smuggling";
  const std::string large = "policy.head_too_large";
  return {
      refusal("refused_no_host", "GET /ping HTTP/1.1\r\n\r\n", 400, "head", bad, "host_missing"),
      refusal("refused_two_hosts", "GET /ping HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "head",
              bad, "host_repeated"),
      refusal("refused_version", "GET /ping HTTP/2.0\r\nHost: a\r\n\r\n", 505, "head", bad,
              "version_unsupported"),
      refusal("refused_garbage", "\x16\x03\x01\x02\r\n\r\n", 400, "head", bad, "method_invalid"),
      refusal("refused_expectation", head("Expect: nonsense\r\nContent-Length: 1\r\n"), 417, "head",
              bad, "expectation_failed"),
      refusal("refused_connect", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501, "head", bad,
              "authority_form_refused"),
      refusal("smuggling_length_and_chunked",
              head("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), 400, "head", smuggling,
              "content_length_with_transfer_encoding"),
      refusal("smuggling_length_twice", head("Content-Length: 3\r\nContent-Length: 3\r\n"), 400,
              "head", smuggling, "content_length_repeated"),
      refusal("smuggling_bare_lf", "GET /ping HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400, "head",
              smuggling, "header_bare_lf"),
      refusal("smuggling_obs_fold", "GET /ping HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", 400,
              "head", smuggling, "header_obs_fold"),
      refusal("smuggling_space_before_colon", "GET /ping HTTP/1.1\r\nHost : a\r\n\r\n", 400, "head",
              smuggling, "header_name_space_before_colon"),
      refusal("smuggling_unknown_coding", head("Transfer-Encoding: xchunked\r\n"), 501, "head",
              smuggling, "transfer_encoding_unsupported"),
      refusal("smuggling_chunked_http10",
              "POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "head",
              smuggling, "transfer_encoding_in_http10"),
      refusal("head_too_large", get("/ping", "X: " + std::string(2000, 'x') + "\r\n"), 431, "head",
              large, "head_too_large", {"--max-head-bytes", "1024"}),
      refusal("head_too_large_and_unfinished", "GET /ping HTTP/1.1\r\nX: " + std::string(5000, 'x'),
              431, "head", large, "head_too_large", {"--max-head-bytes", "1024"}),
      refusal("too_many_headers", get("/ping", "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n"), 431, "head",
              large, "too_many_headers", {"--max-headers", "4"}),
      refusal("target_too_long", get("/ping?" + std::string(200, 'x')), 414, "head", bad,
              "target_too_long", {"--max-target-bytes", "100"}),
      refusal("body_too_large_announced", head("Content-Length: 5000\r\n"), 413, "head",
              "policy.body_too_large", "body_too_large", {"--max-body-bytes", "1000"}),
  };
}

std::vector<Case> body_cases() {
  const auto chunk = [](std::string_view body) { return post_chunked("/echo", body); };
  return {
      refusal("refused_chunk_extension_too_long",
              chunk("5;a=" + std::string(20'000, 'x') + "\r\nhello\r\n0\r\n\r\n"), 400, "body",
              "policy.bad_request", "chunk_extension_too_long"),
      refusal("smuggling_chunk_size", chunk("0x5\r\nhello\r\n0\r\n\r\n"), 400, "body",
              "policy.smuggling", "chunk_size_invalid"),
      refusal("smuggling_chunk_longer_than_said", chunk("5\r\nhello!\r\n0\r\n\r\n"), 400, "body",
              "policy.smuggling", "chunk_data_end_missing"),
      refusal("trailers_too_large",
              chunk("5\r\nhello\r\n0\r\nX-T: " + std::string(200, 'x') + "\r\n\r\n"), 431, "body",
              "policy.head_too_large", "trailers_too_large", {"--max-trailer-bytes", "100"}),
      refusal("body_too_large_by_chunks",
              chunk("258\r\n" + std::string(600, 'x') + "\r\n258\r\n" + std::string(600, 'x') +
                    "\r\n0\r\n\r\n"),
              413, "body", "policy.body_too_large", "body_too_large", {"--max-body-bytes", "1000"}),
  };
}

/// The handler answers without a look at the body: its answer stands, and nothing behind the bad
/// chunk can be taken for a request.
void answer_before_bad_chunk(Stage& stage) {
  Peer& peer = stage.connect();
  peer.send(get("/stream?n=4&ms=80", "Transfer-Encoding: chunked\r\n"));
  stage.wait_phase("response");
  peer.send("zz\r\n" + get("/ping"));
  stage.check_answer(peer.read_response(), 200);
  see_fin(stage, peer);
}

std::vector<Case> response_cases() {
  const Row unread =
      row("local", "reply", "response", "policy.early_reply", "notice", "all").answered(200);
  return {
      cut_under_response("smuggling_chunk_size_in_response", "0x5\r\nhello\r\n", "policy.smuggling",
                         "chunk_size_invalid"),
      cut_under_response("refused_chunk_extension_in_response",
                         "5;a=" + std::string(20'000, 'x') + "\r\nhello\r\n", "policy.bad_request",
                         "chunk_extension_too_long"),
      cut_under_response("body_too_large_in_response",
                         "7d0\r\n" + std::string(2000, 'x') + "\r\n0\r\n\r\n",
                         "policy.body_too_large", "body_too_large", {"--max-body-bytes", "1000"}),
      cut_under_response("trailers_too_large_in_response",
                         "0\r\nX-T: " + std::string(200, 'x') + "\r\n\r\n", "policy.head_too_large",
                         "trailers_too_large", {"--max-trailer-bytes", "100"}),
      {"early_reply_before_bad_chunk",
       {{"policy.early_reply", "response", "reply"}},
       {},
       answer_before_bad_chunk,
       {{unread, {unread}}}},
  };
}

}  // namespace

std::vector<Case> refusal_cases() {
  std::vector<Case> out = joined(joined(head_cases(), body_cases()), response_cases());
  const Row space = row("local", "reply", "head", "policy.smuggling", "fault", "all")
                        .with("reason", "header_name_space_before_colon")
                        .with("request", "2");
  const Row too_large = row("local", "reply", "head", "policy.body_too_large", "notice", "all")
                            .with("reason", "body_too_large")
                            .answered(413);
  Row lingering = too_large;
  lingering.evidence.emplace_back("linger", "expired");
  const Claim large{"policy.body_too_large", "head", "reply"};
  out.push_back({"smuggling_behind_a_good_request",
                 {{"policy.smuggling", "head", "reply"}},
                 {},
                 good_then_bad,
                 {{space, {served(), space}}}});
  out.push_back({"body_too_large_linger_expired",
                 {large},
                 {"--max-body-bytes", "1000", "--linger", "500ms"},
                 upload_past_linger,
                 {{lingering, {too_large}}}});
  out.push_back({"body_too_large_answer_survives",
                 {large},
                 {"--max-body-bytes", "1000"},
                 upload_then_read,
                 {{too_large, {too_large}}}});
  return out;
}

}  // namespace finack::matrix
