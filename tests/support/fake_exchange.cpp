#include "support/fake_exchange.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>

#include "finack/base/fd.h"

namespace finack::tests {

namespace {

http::Method method_from(std::string_view text) {
  for (int i = 1; i <= static_cast<int>(http::Method::patch); ++i) {
    if (http::name(static_cast<http::Method>(i)) == text) return static_cast<http::Method>(i);
  }
  return http::Method::other;
}

bool clean(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

}  // namespace

FakeExchange::FakeExchange(std::string method, std::string target) {
  head_.method = method_from(method);
  texts_.push_back(std::move(method));
  head_.method_name = texts_.back();
  texts_.push_back(std::move(target));
  head_.target = texts_.back();
  const std::size_t mark = head_.target.find('?');
  head_.path = head_.target.substr(0, mark);
  if (mark != std::string_view::npos) head_.query = head_.target.substr(mark + 1);
  head_.host = "test";
  constexpr std::string_view kScheme = "http://";
  if (head_.target.starts_with(kScheme)) {
    const std::string_view rest = head_.target.substr(kScheme.size());
    head_.host = rest.substr(0, rest.find_first_of("/?"));
    head_.path.remove_prefix(kScheme.size() + head_.host.size());
  }
  peer_.family = local_.family = Address::Family::v4;
  peer_.bytes[0] = local_.bytes[0] = 127;
  peer_.bytes[3] = local_.bytes[3] = 1;
  peer_.port = 50000;
  local_.port = 8080;
}

FakeExchange& FakeExchange::add_header(std::string name, std::string value) {
  texts_.push_back(std::move(name));
  const std::string_view kept = texts_.back();
  texts_.push_back(std::move(value));
  head_.headers.push_back({kept, texts_.back()});
  return *this;
}

FakeExchange& FakeExchange::ask_upgrade(std::string protocol) {
  head_.upgrade = true;
  return add_header("Connection", "keep-alive, Upgrade").add_header("Upgrade", std::move(protocol));
}

FakeExchange& FakeExchange::set_body(std::string bytes) {
  whole_body_ = std::move(bytes);
  head_.framing = http::Framing::length;
  head_.content_length = whole_body_.size();
  body_ended_ = true;
  return *this;
}

FakeExchange& FakeExchange::expect_body(http::Framing framing) {
  head_.framing = framing;
  at_hand_ = false;
  return *this;
}

FakeExchange& FakeExchange::set_peer(Address peer) {
  peer_ = peer;
  return *this;
}

FakeExchange& FakeExchange::set_host(std::string host) {
  texts_.push_back(std::move(host));
  head_.host = texts_.back();
  return *this;
}

FakeExchange& FakeExchange::add_trailer(std::string name, std::string value) {
  texts_.push_back(std::move(name));
  const std::string_view kept = texts_.back();
  texts_.push_back(std::move(value));
  trailers_.push_back({kept, texts_.back()});
  return *this;
}

FakeExchange& FakeExchange::set_content_length(std::uint64_t bytes) {
  expect_body(http::Framing::length);
  head_.content_length = bytes;
  return *this;
}

void FakeExchange::call(Callback& slot) {
  if (!slot) return;
  // Taken out first: what is called may end the exchange's request and set the slot anew.
  Callback fn = std::move(slot);
  slot = nullptr;
  fn();
}

void FakeExchange::feed(std::string bytes) {
  pieces_.push_back(std::move(bytes));
  call(body_waiter_);
}

void FakeExchange::end_body() {
  body_ended_ = true;
  call(body_waiter_);
}

void FakeExchange::leave_silently(record::Cause why) {
  departure_ = {why, record::How::rst, clock_.now()};
}

void FakeExchange::leave(record::Cause why) {
  leave_silently(why);
  if (stop_) stop_->request_stop();
  if (!ended) call(sleeper_);
  if (!ended) call(body_waiter_);
  if (!ended) call(write_waiter_);
}

void FakeExchange::advance(Nanos by) {
  const Instant target = clock_.now() + by;
  while (sleeper_ && wake_at_ <= target) {
    clock_.advance(std::max(wake_at_ - clock_.now(), Nanos(0)));
    call(sleeper_);
  }
  clock_.advance(target - clock_.now());
}

void FakeExchange::open_window() {
  window_open_ = true;
  if (tunnel != nullptr) return tunnel->on_tunnel_write_ready();
  call(write_waiter_);
}

void FakeExchange::run_posted(bool wait_for_one) {
  std::unique_lock lock(mutex_);
  if (wait_for_one) posted_any_.wait(lock, [this] { return !posted_.empty(); });
  while (!posted_.empty()) {
    Callback fn = std::move(posted_.front());
    posted_.pop_front();
    lock.unlock();
    fn();
    lock.lock();
  }
}

std::string FakeExchange::header_sent(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (std::ranges::equal(key, name, [](unsigned char a, unsigned char b) {
          return std::tolower(a) == std::tolower(b);
        })) {
      return value;
    }
  }
  return {};
}

void FakeExchange::reset_response() {
  ended = responded = streamed = close = false;
  status = 0;
  cause = record::Cause::unknown;
}

void FakeExchange::touch() {
  if (ended) ++touched_after_end;
}

void FakeExchange::end() {
  ended = true;
  sleeper_ = nullptr;
  body_waiter_ = nullptr;
  write_waiter_ = nullptr;
}

bool FakeExchange::body_at_hand(std::string_view& out) {
  touch();
  if (!at_hand_) return false;
  out = whole_body_;
  return true;
}

http::BodyRead FakeExchange::read_body() {
  touch();
  using Kind = http::BodyRead::Kind;
  if (departure_) return {Kind::cut, {}};
  if (at_hand_ && !whole_body_.empty()) {
    current_piece_ = std::move(whole_body_);
    whole_body_.clear();
    return {Kind::chunk, current_piece_};
  }
  if (!pieces_.empty()) {
    current_piece_ = std::move(pieces_.front());
    pieces_.pop_front();
    return {Kind::chunk, current_piece_};
  }
  const bool none = head_.framing == http::Framing::none;
  const bool over = body_ended_ || none;
  return {over ? Kind::end : Kind::wait, {}};
}

void FakeExchange::on_body_ready(Callback fn) {
  touch();
  body_waiter_ = std::move(fn);
}

void FakeExchange::inform(int code, std::span<const http::Header> fields) {
  touch();
  informed.push_back(code);
  informed_headers.clear();
  for (const http::Header& field : fields) informed_headers.emplace_back(field.name, field.value);
}

bool FakeExchange::take_head(const http::ResponseHead& head) {
  touch();
  if (std::exchange(refuse_heads, false)) return false;
  for (const http::Header& field : head.headers) {
    if (!clean(field.name) || !clean(field.value) || field.name.empty()) return false;
  }
  status = head.status;
  cause = head.cause;
  if (head.evidence != nullptr) evidence = *head.evidence;
  close = head.close;
  content_length = head.content_length;
  responded = true;
  if (!record_response) return true;
  exception = head.exception;
  content_type = head.content_type;
  headers.clear();
  for (const http::Header& field : head.headers) headers.emplace_back(field.name, field.value);
  return true;
}

bool FakeExchange::respond(const http::ResponseHead& head, std::string_view bytes) {
  if (!take_head(head)) return false;
  if (record_response) body = bytes;
  body_data = bytes.data();
  end();
  return true;
}

bool FakeExchange::respond_owned(const http::ResponseHead& head, std::string&& bytes) {
  if (!take_head(head)) return false;
  body = std::move(bytes);
  body_data = body.data();
  end();
  return true;
}

bool FakeExchange::respond_file(const http::ResponseHead& head, int file, std::uint64_t offset,
                                std::uint64_t bytes) {
  const Fd owned(file);
  if (!take_head(head)) return false;
  body.resize(bytes);
  const ssize_t got = ::pread(owned.get(), body.data(), bytes, static_cast<off_t>(offset));
  body.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  end();
  return true;
}

bool FakeExchange::start(const http::ResponseHead& head) {
  if (!take_head(head)) return false;
  streamed = true;
  return true;
}

http::WriteState FakeExchange::write_buffer(Buffer&& bytes) {
  const Buffer taken = std::move(bytes);
  ++buffers_taken;
  return write(taken.view());
}

http::WriteState FakeExchange::write(std::string_view bytes) {
  touch();
  if (departure_) return http::WriteState::gone;
  body += bytes;
  return window_open_ ? http::WriteState::ready : http::WriteState::wait;
}

void FakeExchange::on_write_ready(Callback fn) {
  touch();
  write_waiter_ = std::move(fn);
}

void FakeExchange::finish(std::span<const http::Header> fields) {
  touch();
  if (tunnel != nullptr) {
    tunnel_finished = true;
    return;
  }
  for (const http::Header& field : fields) trailers_sent.emplace_back(field.name, field.value);
  end();
}

void FakeExchange::abort(record::Cause why, std::string_view thrown) {
  touch();
  tunnel = nullptr;
  aborted = why;
  exception = thrown;
  end();
}

void FakeExchange::sleep(Nanos d, Callback fn) {
  touch();
  wake_at_ = d == Nanos::max() ? Instant::max() : clock_.now() + d;
  sleeper_ = std::move(fn);
}

void FakeExchange::post(Callback fn) {
  const std::lock_guard lock(mutex_);
  posted_.push_back(std::move(fn));
  posted_any_.notify_one();
}

std::stop_token FakeExchange::stop_token() {
  touch();
  if (!stop_) {
    stop_.emplace();
    if (departure_) stop_->request_stop();
  }
  return stop_->get_token();
}

http::Departure FakeExchange::left() {
  touch();
  ++left_polls;
  return departure_;
}

void FakeExchange::set_route(const http::RouteLabel& label) {
  touch();
  if (record_response) route = label.pattern;
}

void FakeExchange::set_request_id(std::string_view id) {
  touch();
  request_id = id;
}

bool FakeExchange::upgrade(const http::ResponseHead& head, http::TunnelObserver& observer) {
  if (departure_ || !take_head(head)) return false;
  tunnel = &observer;
  return true;
}

void FakeExchange::end_tunnel(record::Cause why, record::How how) {
  http::TunnelObserver* const observer = std::exchange(tunnel, nullptr);
  departure_ = {why, how, clock_.now()};
  observer->on_tunnel_end(departure_);
  end();
}

void FakeExchange::pause_reading() {
  touch();
  reading_paused = true;
}

void FakeExchange::resume_reading() {
  touch();
  reading_paused = false;
}

void FakeExchange::set_upstream(std::span<const record::UpstreamTry> tries) {
  touch();
  upstream.assign(tries.begin(), tries.end());
}

void FakeExchange::set_queued(bool now_queued) {
  touch();
  queued.push_back(now_queued);
}

}  // namespace finack::tests
