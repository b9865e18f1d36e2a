#include "gateway/request_body.h"

namespace finack::gateway {

using http::BodyRead;

void RequestBody::begin(http::Exchange& exchange, std::uint64_t most) {
  const http::RequestHead& head = exchange.request();
  exchange_ = &exchange;
  most_ = most;
  framing_ = head.framing;
  size_ = head.framing == http::Framing::length ? head.content_length : 0;
  too_large_ = size_ > most_;
  if (too_large_) return;
  if (framing_ == http::Framing::none) {
    ended_ = whole_ = true;
  } else if (framing_ == http::Framing::length && exchange.body_at_hand(given_)) {
    ended_ = whole_ = true;
  }
}

void RequestBody::reset() {
  exchange_ = nullptr;
  given_ = {};
  held_.clear();
  held_.shrink_to_fit();
  size_ = received_ = 0;
  position_ = 0;
  whole_ = ended_ = lost_ = too_large_ = false;
}

/// What has come whole and without trailers needs no chunks.
http::Framing RequestBody::framing() const {
  const bool plain = whole_ && framing_ == http::Framing::chunked && exchange_->trailers().empty();
  return plain ? http::Framing::length : framing_;
}

bool RequestBody::at_hand(std::string_view& out) const {
  if (!whole_ || framing() == http::Framing::chunked) return false;
  out = given_.empty() ? std::string_view(held_) : given_;
  return true;
}

BodyRead RequestBody::read() {
  using Kind = BodyRead::Kind;
  const std::string_view kept = given_.empty() ? std::string_view(held_) : given_;
  if (position_ < kept.size()) {
    const std::string_view rest = kept.substr(position_);
    position_ = kept.size();
    return {Kind::chunk, rest};
  }
  if (ended_) return {Kind::end, {}};
  const BodyRead got = exchange_->read_body();
  if (got.kind == Kind::end) {
    ended_ = true;
    whole_ = !lost_;
    size_ = received_;
  }
  if (got.kind == Kind::chunk) {
    received_ += got.bytes.size();
    too_large_ = received_ > most_;
    if (too_large_) return {Kind::cut, {}};
    keep(got.bytes);
  }
  return got;
}

void RequestBody::keep(std::string_view bytes) {
  if (lost_) return;
  if (held_.size() + bytes.size() <= kHeld) {
    held_ += bytes;
    position_ = held_.size();
    return;
  }
  lost_ = true;
  held_.clear();
  held_.shrink_to_fit();
  position_ = 0;
}

}  // namespace finack::gateway
