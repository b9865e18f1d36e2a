#include "storm/peer.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace finack::storm {
namespace {

constexpr std::size_t kReadBytes = std::size_t{16} * 1024;
constexpr std::uint64_t kDryEnough = std::uint64_t{32} * 1024;

}  // namespace

Peer::Peer(Fd socket, Behaviour behaviour, Random& random)
    : fd_(std::move(socket)), steps_(script(behaviour)), random_(&random), behaviour_(behaviour) {}

Need Peer::advance() {
  while (fd_) {
    switch (play(steps_[at_])) {
      case Done::yes:
        break;
      case Done::later:
        return Need::events;
      case Done::pausing:
        return Need::pause;
    }
  }
  return Need::nothing;
}

Peer::Done Peer::play(const Step& step) {
  switch (step.act) {
    case Act::send:
      return send(step.bytes, false);
    case Act::send_part:
      if (part_ == kWhole) {
        const auto least = static_cast<std::size_t>(step.number);
        part_ = least + below(step.bytes.size() - least);
      }
      return send(step.bytes.substr(0, part_), false);
    case Act::send_and_fin:
      return send(step.bytes, true);
    case Act::expect:
      return expect(step.number);
    case Act::notice:
      return notice();
    case Act::read_dry:
      return read_dry();
    case Act::see_fin:
    case Act::see_rst:
    case Act::see_end:
      return see_end(step.act);
    case Act::pause:
      return pause(step.number);
    case Act::repeat:
      return repeat(step.number);
    case Act::close:
    case Act::reset:
      end(step.act == Act::reset);
      return Done::yes;
  }
  return Done::yes;
}

void Peer::next_step() {
  requests_ += steps_[at_].requests;
  ++at_;
  sent_ = 0;
  part_ = kWhole;
  paused_ = false;
}

Peer::Done Peer::send(std::string_view bytes, bool with_fin) {
  // Held back by MSG_MORE, the bytes leave in one segment with the FIN.
  const Done done = send_some(bytes, with_fin ? MSG_MORE : 0);
  if (done != Done::yes || !fd_) return done;
  if (with_fin && ::shutdown(fd(), SHUT_WR) != 0) {
    return surprised(fmt::format("shutdown: {}", std::strerror(errno)));
  }
  next_step();
  return Done::yes;
}

Peer::Done Peer::send_some(std::string_view bytes, int flags) {
  while (sent_ < bytes.size()) {
    const std::string_view left = bytes.substr(sent_);
    const ssize_t n = ::send(fd(), left.data(), left.size(), MSG_NOSIGNAL | flags);
    if (n >= 0) {
      sent_ += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      return Done::later;
    } else if (errno != EINTR) {
      return surprised(fmt::format("send: {}", std::strerror(errno)));
    }
  }
  return Done::yes;
}

Peer::Got Peer::read(std::string_view& bytes) {
  static thread_local std::array<char, kReadBytes> buffer;
  if (seen_ != Got::nothing) return seen_;
  ssize_t n = 0;
  do {
    n = ::recv(fd(), buffer.data(), buffer.size(), 0);
  } while (n < 0 && errno == EINTR);
  if (n > 0) {
    received_ += static_cast<std::uint64_t>(n);
    bytes = {buffer.data(), static_cast<std::size_t>(n)};
    return Got::bytes;
  }
  if (n < 0 && errno == EAGAIN) return Got::nothing;
  seen_ = n == 0 ? Got::fin : Got::rst;
  return seen_;
}

Peer::Done Peer::expect(int status) {
  for (;;) {
    if (const auto came = responses_.take()) {
      if (*came != status) return surprised(fmt::format("answered {}, not {}", *came, status));
      next_step();
      return Done::yes;
    }
    std::string_view bytes;
    const Got got = read(bytes);
    if (got == Got::nothing) return Done::later;
    if (got != Got::bytes) {
      return surprised(fmt::format("{} before the {} came whole, {} bytes received",
                                   got == Got::fin ? "a FIN" : "a RST", status, received_));
    }
    responses_.feed(bytes);
    if (responses_.broken()) return surprised("the answer is no response");
  }
}

Peer::Done Peer::notice() {
  char byte = 0;
  const ssize_t n = ::recv(fd(), &byte, 1, MSG_PEEK);
  if (n > 0) {
    next_step();
    return Done::yes;
  }
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return Done::later;
  return surprised(n == 0 ? "a FIN before the answer" : "a RST before the answer");
}

Peer::Done Peer::read_dry() {
  for (;;) {
    std::string_view bytes;
    const Got got = read(bytes);
    if (got == Got::fin || got == Got::rst) return surprised("the end came while it was received");
    if (got == Got::nothing && received_ == 0) return Done::later;
    if (got == Got::nothing || received_ > kDryEnough) {
      next_step();
      return Done::yes;
    }
  }
}

Peer::Done Peer::see_end(Act wanted) {
  for (;;) {
    std::string_view bytes;
    const Got got = read(bytes);
    if (got == Got::nothing) return Done::later;
    if (got == Got::bytes && wanted != Act::see_end) {
      return surprised(fmt::format("{} bytes where the end was due", bytes.size()));
    }
    if (got == Got::bytes) continue;
    if (wanted == Act::see_fin && got != Got::fin) return surprised("a RST instead of a FIN");
    if (wanted == Act::see_rst && got != Got::rst) return surprised("a FIN instead of a RST");
    next_step();
    return Done::yes;
  }
}

Peer::Done Peer::pause(int most_ms) {
  if (!paused_ && below(2) == 0) {
    paused_ = true;
    pause_ms_ = 1 + static_cast<int>(below(static_cast<std::uint64_t>(most_ms)));
    return Done::pausing;
  }
  next_step();
  return Done::yes;
}

Peer::Done Peer::repeat(int most) {
  if (rounds_ < 0) rounds_ = static_cast<int>(below(static_cast<std::uint64_t>(most) + 1));
  if (rounds_ == 0) {
    next_step();
  } else {
    --rounds_;
    next_step();
    at_ = 0;
  }
  return Done::yes;
}

void Peer::end(bool by_reset) {
  if (by_reset) {
    const linger now{1, 0};
    ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  fd_.reset();
}

Peer::Done Peer::surprised(std::string_view what) {
  give_up(what);
  return Done::yes;
}

void Peer::give_up(std::string_view why) {
  if (!fd_) return;
  surprise_ = why;
  end(true);
}

std::uint64_t Peer::below(std::uint64_t bound) { return (*random_)() % bound; }

}  // namespace finack::storm
