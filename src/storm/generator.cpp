#include "storm/generator.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <utility>

namespace finack::storm {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kLoopback = 0x7f000001;
constexpr int kNarrowBuffer = 8 * 1024;
constexpr int kShortSegment = 1460;  // the server's send buffer grows in multiples of it
constexpr milliseconds kLateCheck{500};

sockaddr_in ipv4(std::uint32_t host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(host);
  address.sin_port = htons(port);
  return address;
}

sockaddr* generic(sockaddr_in& address) { return reinterpret_cast<sockaddr*>(&address); }

void set(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

/// A socket bound to `source` that gets its port at connect, when the whole 4-tuple can be told
/// apart from those in TIME_WAIT.
Expected<Fd> bound_socket(std::uint32_t source, bool narrow) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return std::unexpected(system_error("socket", errno));
  set(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  set(fd.get(), SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  if (narrow) {
    set(fd.get(), SOL_SOCKET, SO_RCVBUF, kNarrowBuffer);
    set(fd.get(), IPPROTO_TCP, TCP_MAXSEG, kShortSegment);
  }
  sockaddr_in local = ipv4(source, 0);
  if (::bind(fd.get(), generic(local), sizeof local) != 0) {
    return std::unexpected(system_error("bind", errno));
  }
  return fd;
}

/// Each behaviour as often as it weighs.
std::vector<Behaviour> whole_deck() {
  std::vector<Behaviour> deck;
  for (std::size_t i = 0; i < kBehaviourCount; ++i) {
    const auto behaviour = static_cast<Behaviour>(i);
    deck.insert(deck.end(), weight(behaviour), behaviour);
  }
  return deck;
}

}  // namespace

std::string to_string(const Contact& contact) {
  return fmt::format("{}.{}.{}.{}:{}", contact.source >> 24, contact.source >> 16 & 0xff,
                     contact.source >> 8 & 0xff, contact.source & 0xff, contact.port);
}

std::uint64_t StormResult::surprised() const {
  std::uint64_t sum = 0;
  for (const BehaviourCount& count : behaviours) sum += count.surprised;
  return sum;
}

Expected<std::unique_ptr<Generator>> Generator::create(StormOptions options) {
  if (options.concurrency == 0 || options.sources == 0 || options.sources > 254) {
    return std::unexpected(Error{"a storm needs 1 connection at a time and 1 to 254 sources",
                                 EINVAL, Side::user, Retry::never});
  }
  Fd poller(::epoll_create1(EPOLL_CLOEXEC));
  if (!poller) return std::unexpected(system_error("epoll_create1", errno));
  return std::unique_ptr<Generator>(new Generator(std::move(options), std::move(poller)));
}

Generator::Generator(StormOptions options, Fd poller)
    : options_(std::move(options)),
      poller_(std::move(poller)),
      random_(options_.seed),
      deck_(options_.only.empty() ? whole_deck() : options_.only) {
  slots_.resize(options_.concurrency);
  for (std::size_t i = slots_.size(); i > 0; --i) free_slots_.push_back(i - 1);
  result_.contacts.reserve(options_.connections);
}

Expected<StormResult> Generator::run() {
  started_ = Clock::now();
  look_for_late_at_ = started_ + kLateCheck;
  std::array<epoll_event, 256> events;
  for (;;) {
    while (may_dial()) {
      const std::size_t index = free_slots_.back();
      free_slots_.pop_back();
      dial(index);
    }
    if (free_slots_.size() == slots_.size()) break;
    const int count =
        ::epoll_wait(poller_.get(), events.data(), static_cast<int>(events.size()), wait_ms());
    if (count < 0 && errno != EINTR) return std::unexpected(system_error("epoll_wait", errno));
    for (int i = 0; i < count; ++i) on_event(events[static_cast<std::size_t>(i)].data.u64);
    fire_wakes();
    give_up_late_ones();
  }
  std::erase_if(result_.contacts, [](const Contact& contact) { return !contact.completed; });
  result_.elapsed = std::chrono::duration_cast<milliseconds>(Clock::now() - started_);
  return std::move(result_);
}

bool Generator::may_dial() {
  if (free_slots_.empty() || dials_ == options_.connections) return false;
  if (options_.time_limit.count() > 0 && Clock::now() - started_ >= options_.time_limit) {
    result_.out_of_time = true;
    return false;
  }
  return true;
}

Behaviour Generator::draw() { return deck_[random_() % deck_.size()]; }

void Generator::dial(std::size_t index) {
  Slot& slot = slots_[index];
  const auto turn = static_cast<std::uint32_t>(dials_ % options_.sources);
  slot.serial = ++dials_;
  slot.behaviour = draw();
  slot.pausing = false;
  slot.given_up_at = Clock::now() + options_.patience;
  auto socket = bound_socket(kLoopback + turn, is_narrow(slot.behaviour));
  if (!socket) return failed(index, socket.error().what);
  slot.dialing = std::move(*socket);
  sockaddr_in server = ipv4(kLoopback, options_.port);
  if (::connect(slot.dialing.get(), generic(server), sizeof server) != 0 && errno != EINPROGRESS) {
    return failed(index, system_error("connect", errno).what);
  }
  sockaddr_in local{};
  socklen_t size = sizeof local;
  ::getsockname(slot.dialing.get(), generic(local), &size);
  // The port is ours from here on, so this is the order in which it is taken.
  slot.contact = result_.contacts.size();
  result_.contacts.push_back(
      {ntohl(local.sin_addr.s_addr), ntohs(local.sin_port), slot.behaviour, false, false, 0});
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = index;
  if (::epoll_ctl(poller_.get(), EPOLL_CTL_ADD, slot.dialing.get(), &event) != 0) {
    failed(index, system_error("epoll_ctl", errno).what);
  }
}

void Generator::on_event(std::size_t index) {
  Slot& slot = slots_[index];
  if (slot.serial == 0) return;
  if (slot.peer) {
    if (!slot.pausing) advance(index);
    return;
  }
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(slot.dialing.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  connected(index, error);
}

void Generator::connected(std::size_t index, int error) {
  Slot& slot = slots_[index];
  // A reset of a connection that stood says ECONNRESET; one that never stood was refused.
  if (error != 0 && error != ECONNRESET) return failed(index, system_error("connect", error).what);
  ++result_.connects_completed;
  result_.contacts[slot.contact].completed = true;
  ++result_.behaviours[static_cast<std::size_t>(slot.behaviour)].completed;
  slot.peer.emplace(std::move(slot.dialing), slot.behaviour, random_);
  if (error != 0) slot.peer->give_up("a RST right after connect");
  advance(index);
}

void Generator::advance(std::size_t index) {
  Slot& slot = slots_[index];
  slot.pausing = false;
  switch (slot.peer->advance()) {
    case Need::events:
      break;
    case Need::pause:
      slot.pausing = true;
      wakes_.push({Clock::now() + milliseconds(slot.peer->pause_ms()), index, slot.serial});
      break;
    case Need::nothing:
      free(index);
      break;
  }
}

void Generator::failed(std::size_t index, std::string why) {
  ++result_.connects_failed;
  if (result_.first_failure.empty()) result_.first_failure = std::move(why);
  free(index);
}

void Generator::free(std::size_t index) {
  Slot& slot = slots_[index];
  if (slot.peer) {
    result_.contacts[slot.contact].requests = slot.peer->requests();
    result_.requests_begun += slot.peer->requests();
  }
  if (slot.peer && !slot.peer->surprise().empty()) {
    Contact& contact = result_.contacts[slot.contact];
    contact.surprised = true;
    BehaviourCount& count = result_.behaviours[static_cast<std::size_t>(slot.behaviour)];
    ++count.surprised;
    if (count.first_surprise.empty()) {
      count.first_surprise = fmt::format("{}: {}", to_string(contact), slot.peer->surprise());
    }
  }
  slot.peer.reset();
  slot.dialing.reset();
  slot.serial = 0;
  free_slots_.push_back(index);
}

void Generator::fire_wakes() {
  const auto now = Clock::now();
  while (!wakes_.empty() && wakes_.top().at <= now) {
    const Wake wake = wakes_.top();
    wakes_.pop();
    if (slots_[wake.slot].serial == wake.serial) advance(wake.slot);
  }
}

void Generator::give_up_late_ones() {
  const auto now = Clock::now();
  if (now < look_for_late_at_) return;
  look_for_late_at_ = now + kLateCheck;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.serial == 0 || now < slot.given_up_at) continue;
    if (!slot.peer) {
      failed(i, "connect: no answer in time");
      continue;
    }
    slot.peer->give_up("nothing more happened in time");
    free(i);
  }
}

int Generator::wait_ms() const {
  auto until = look_for_late_at_;
  if (!wakes_.empty()) until = std::min(until, wakes_.top().at);
  const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

}  // namespace finack::storm
