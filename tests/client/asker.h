#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/try.h"

namespace finack::client::tests {

/// One request by a Try, and what came of it.
class Asker final : public TryObserver {
 public:
  Asker(net::Loop& loop, record::Ledger& ledger) : attempt(loop, ledger, *this) {}
  ~Asker() { attempt.cancel(record::Cause::app_cancelled); }

  void on_try_ready() override {
    ready = true;
    attempt.send(head, method, body, body_follows);
  }
  void on_try_interim(const http::ReceivedResponse& got) override {
    interims.push_back(got.status);
  }
  void on_try_response(const http::ReceivedResponse& got, std::string_view bytes,
                       Progress progress) override {
    ++calls;
    status = got.status;
    received += bytes;
    over = progress;
    if (pause_at_head && progress == Progress::more) attempt.pause_reading();
    if (at_end && done()) at_end();
  }
  void on_try_body(std::string_view bytes, Progress progress,
                   std::span<const http::Header> got) override {
    ++calls;
    received += bytes;
    over = progress;
    if (at_end && done()) at_end();
    for (const http::Header& field : got) trailers.emplace_back(field.value);
  }
  void on_try_tunnel_bytes(std::string_view bytes) override { received += bytes; }
  void on_try_tunnel_fin() override { tunnel_fin = true; }
  void on_try_failed(const record::Ending& ending) override {
    failed = ending;
    if (at_end) at_end();
  }
  void on_try_write_ready() override { ++write_ready; }
  bool done() const { return over != Progress::more || failed.has_value(); }

  http::OutgoingRequest head{.method = "GET", .target = "/x", .host = "upstream.test"};
  http::Method method = http::Method::get;
  std::string body{};
  bool body_follows = false;
  bool pause_at_head = false;
  std::function<void()> at_end{};  ///< Called with the last of the response, or the failure.
  bool ready = false;
  bool tunnel_fin = false;
  int status = 0;
  int calls = 0;
  int write_ready = 0;
  std::string received{};
  std::vector<int> interims{};
  std::vector<std::string> trailers{};
  Progress over = Progress::more;
  std::optional<record::Ending> failed{};
  Try attempt;
};

}  // namespace finack::client::tests
