#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include "finack/route/context.h"
#include "route/request_state.h"

namespace finack::route {

namespace {

/// Where a pool thread waits for what it posted to the loop.
template <class T>
class Answer {
 public:
  // Notified under the lock: the waiter destroys this as soon as it has the value.
  void give(T value) {
    const std::lock_guard lock(mutex_);
    value_ = std::move(value);
    given_.notify_one();
  }
  T wait() {
    std::unique_lock lock(mutex_);
    given_.wait(lock, [this] { return value_.has_value(); });
    return std::move(*value_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable given_;
  std::optional<T> value_;
};

/// Starts the streamed answer where needed and writes. Throws when a header was refused.
http::WriteState write_now(RequestState& s, std::string_view bytes) {
  if (!s.exchange->started()) {
    if (!s.response.streaming()) {
      s.response.set_stream(200, "application/octet-stream", http::ResponseHead::kChunked);
    }
    if (!s.response.start(*s.exchange)) {
      if (s.exchange->left()) return http::WriteState::gone;
      throw std::invalid_argument("a response header was refused");
    }
  }
  return s.exchange->write(bytes);
}

}  // namespace

// Sleep.

Context::Sleep Context::sleep(Nanos d) { return Sleep(s_, d); }
bool Context::Sleep::await_ready() { return s_.flags.timed_out || s_.exchange->left(); }
void Context::Sleep::await_suspend(std::coroutine_handle<> h) {
  arm(h);
  s_.wait_for(WaitKind::sleep, *this);
  s_.sleep_until = s_.exchange->now() + d_;
  s_.arm_timer();
}
void Context::Sleep::await_resume() { s_.check_stopped(); }

// Body.

Context::ReadBody Context::read_body() { return ReadBody(s_); }
bool Context::ReadBody::await_ready() {
  if (s_.flags.timed_out) return true;
  s_.last_read = s_.exchange->read_body();
  return s_.last_read.kind != http::BodyRead::Kind::wait;
}
void Context::ReadBody::await_suspend(std::coroutine_handle<> h) {
  arm(h);
  s_.wait_for(WaitKind::body, *this);
  s_.read_when_ready();
}
std::optional<std::string_view> Context::ReadBody::await_resume() {
  if (s_.flags.timed_out) throw deadline_passed();
  switch (s_.last_read.kind) {
    case http::BodyRead::Kind::chunk:
      return s_.last_read.bytes;
    case http::BodyRead::Kind::end:
      return std::nullopt;
    default:
      throw client_left(s_.exchange->left());
  }
}

Task<std::string_view> Context::read_all(std::uint64_t limit) {
  if (s_.flags.gathered) co_return s_.body;
  const http::RequestHead& head = request();
  if (head.framing == http::Framing::length && head.content_length > limit) throw body_over_limit();
  if (head.framing != http::Framing::none && !s_.exchange->body_at_hand(s_.body)) {
    while (const auto piece = co_await read_body()) {
      if (s_.more().body_buffer.size() + piece->size() > limit) throw body_over_limit();
      s_.more().body_buffer.append(*piece);
    }
    s_.body = s_.more().body_buffer;
  }
  if (s_.body.size() > limit) throw body_over_limit();
  s_.flags.gathered = true;
  co_return s_.body;
}

// Write.

Context::Write Context::write(std::string_view bytes) { return Write(s_, bytes); }
bool Context::Write::await_ready() {
  if (s_.flags.timed_out) return true;
  state_ = write_now(s_, bytes_);
  return state_ != http::WriteState::wait;
}
void Context::Write::await_suspend(std::coroutine_handle<> h) {
  arm(h);
  s_.wait_for(WaitKind::write, *this);
  s_.exchange->on_write_ready([s = &s_] {
    if (s->flags.wait_kind == WaitKind::write) s->wake();
  });
}
void Context::Write::await_resume() {
  if (state_ == http::WriteState::gone) throw client_left(s_.exchange->left());
  if (state_ == http::WriteState::wait || s_.flags.timed_out) s_.check_stopped();
}

void Context::write_wait(std::string_view bytes) {
  if (!s_.flags.on_pool) throw std::logic_error("write_wait() outside a blocking handler");
  Answer<http::WriteState> answer;
  s_.exchange->post([s = &s_, bytes, &answer] {
    http::WriteState state;
    try {
      state = write_now(*s, bytes);
    } catch (const std::invalid_argument&) {
      state = http::WriteState::gone;  // refused headers: nothing was sent
    }
    if (state != http::WriteState::wait) {
      answer.give(state);
      return;
    }
    s->exchange->on_write_ready([s, &answer] {
      answer.give(s->exchange->left() ? http::WriteState::gone : http::WriteState::ready);
    });
  });
  if (answer.wait() == http::WriteState::gone) throw client_left(left());
}

// Who is gone, and what time it is: asked on the loop, whatever thread asks.

http::Departure Context::left() {
  if (!s_.flags.on_pool) return s_.exchange->left();
  Answer<http::Departure> answer;
  s_.exchange->post([s = &s_, &answer] { answer.give(s->exchange->left()); });
  return answer.wait();
}

Instant Context::now() const {
  return s_.flags.on_pool ? system_clock().now() : s_.exchange->now();
}

// Next.

bool Context::Next::await_ready() const { return s_.chain.next_done(slot_); }
void Context::Next::await_suspend(std::coroutine_handle<> h) {
  arm(h);
  s_.chain.wait_next(slot_, *this);
}
void Context::Next::await_resume() { s_.chain.take_next(slot_); }

}  // namespace finack::route
