#include "gateway/request_body.h"

namespace finack::gateway {

using http::BodyRead;
using http::Framing;
using record::Cause;

void RequestBody::begin(http::Exchange& exchange, const RouteSettings& route,
                        const std::string& directory) {
  const http::RequestHead& head = exchange.request();
  exchange_ = &exchange;
  most_ = route.max_body_bytes.value_or(~std::uint64_t{0});
  framing_ = head.framing;
  if (framing_ == Framing::none) {
    ended_ = true;
    return;
  }
  size_ = framing_ == Framing::length ? head.content_length : 0;
  if (size_ > most_) {
    fault_ = Cause::policy_body_too_large;
    return;
  }
  ended_ = framing_ == Framing::length && exchange.body_at_hand(given_);
  if (!ended_)
    held_.begin(route.buffer_request.value_or(BufferSettings{.memory = kHeld}), directory);
}

void RequestBody::reset() {
  exchange_ = nullptr;
  given_ = {};
  if (framing_ != Framing::none) held_.close();
  framing_ = Framing::none;
  size_ = received_ = position_ = 0;
  fault_ = Cause::unknown;
  ended_ = lost_ = false;
}

/// What has come whole and without trailers needs no chunks.
Framing RequestBody::framing() const {
  const bool plain =
      framing_ == Framing::chunked && ended_ && !lost_ && exchange_->trailers().empty();
  return plain ? Framing::length : framing_;
}

bool RequestBody::at_hand(std::string_view& out) const {
  if (!ended_ || lost_ || framing() == Framing::chunked) return false;
  if (framing_ == Framing::none || given_.data() != nullptr) {
    out = given_;
    return true;
  }
  const auto whole = held_.whole();
  if (whole) out = *whole;
  return whole.has_value();
}

BodyRead::Kind RequestBody::gather() {
  while (!ended_ && !held_.full()) {
    const BodyRead got = receive();
    if (got.kind != BodyRead::Kind::chunk) return got.kind;
  }
  return BodyRead::Kind::end;
}

BodyRead RequestBody::read() {
  if (given_.data() != nullptr) {
    const std::string_view rest = given_.substr(static_cast<std::size_t>(position_));
    position_ = given_.size();
    return {rest.empty() ? BodyRead::Kind::end : BodyRead::Kind::chunk, rest};
  }
  if (!lost_ && position_ < held_.size()) {
    const auto piece = held_.at(position_);
    if (!piece) return fail(held_.fault());
    position_ += piece->size();
    return {BodyRead::Kind::chunk, *piece};
  }
  if (ended_) return {BodyRead::Kind::end, {}};
  return receive();
}

/// The next piece from the client; held, as long as there is room.
BodyRead RequestBody::receive() {
  const BodyRead got = exchange_->read_body();
  if (got.kind == BodyRead::Kind::end) {
    ended_ = true;
    size_ = received_;
  }
  if (got.kind != BodyRead::Kind::chunk) return got;
  received_ += got.bytes.size();
  if (received_ > most_) return fail(Cause::policy_body_too_large);
  if (lost_) return got;
  if (held_.full()) {
    lost_ = true;
    held_.close();
    return got;
  }
  if (!held_.put(got.bytes)) return fail(held_.fault());
  position_ = held_.size();
  return got;
}

BodyRead RequestBody::fail(Cause cause) {
  fault_ = cause;
  return {BodyRead::Kind::cut, {}};
}

}  // namespace finack::gateway
