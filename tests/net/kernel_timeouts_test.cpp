#include <linux/filter.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>

#include <cstring>

#include "net/conformance.h"

/// What only the kernel finds: a peer that no longer answers. The peers are real sockets; a filter
/// or a route makes them silent.
namespace finack::net::testing {
namespace {

class KernelTimeouts : public Conformance {};
FINACK_BOTH_BACKENDS(KernelTimeouts);

/// From now on every segment that comes for `fd` is dropped, as if its host had lost power.
void drop_everything(int fd) {
  sock_filter code[] = {{BPF_RET | BPF_K, 0, 0, 0}};
  const sock_fprog program{1, code};
  ASSERT_EQ(::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0) << errno;
}

void set_user_timeout(int fd, unsigned milliseconds) {
  ASSERT_EQ(::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds), 0);
}

TEST_P(KernelTimeouts, UnansweredBytesEndInTimedOut) {
  for (const bool paused : {false, true}) {
    Connected c(*loop, tcp_pair());
    set_user_timeout(c.stream.fd(), 250);
    run_for(5ms);
    if (paused) c.stream.pause_reading();
    drop_everything(c.peer.get());
    c.send("is anybody there?");
    run_for(20ms);
    EXPECT_TRUE(c.seen.ends.empty());
    EXPECT_EQ(c.stream.unacknowledged(), 17u);
    EXPECT_GT(c.stream.tcp_facts().unacked_segments, 0u);
    ASSERT_TRUE(run_until([&] { return !c.seen.ends.empty(); }, 10s)) << paused;
    EXPECT_EQ(c.seen.ends[0].kind, EndKind::timed_out) << Recorder::word(c.seen.ends[0].kind);
    EXPECT_EQ(c.seen.ends[0].error, ETIMEDOUT);
    EXPECT_EQ(c.stream.unacknowledged(), 17u) << "known after the end too";
    run_for(20ms);
    EXPECT_EQ(c.seen.ends.size(), 1u);
    EXPECT_EQ(c.send("late").kind, SendResult::Kind::failed);
  }
}

TEST_P(KernelTimeouts, OurUnansweredFinEndsInTimedOut) {
  Connected c(*loop, tcp_pair());
  set_user_timeout(c.stream.fd(), 250);
  run_for(5ms);
  drop_everything(c.peer.get());
  c.stream.shutdown_write();
  ASSERT_TRUE(run_until([&] { return !c.seen.ends.empty(); }, 10s));
  EXPECT_EQ(c.seen.ends[0].kind, EndKind::timed_out) << Recorder::word(c.seen.ends[0].kind);
}

TEST_P(KernelTimeouts, AFullWindowAndASilentPeerEndInTimedOut) {
  Connected c(*loop, tcp_pair(4096));
  set_user_timeout(c.stream.fd(), 250);
  run_for(5ms);
  const std::string big(8'000'000, 'z');
  c.send(big);  // short, or pending until the end
  run_for(20ms);
  drop_everything(c.peer.get());
  const auto failed = [&] {
    return !c.seen.ends.empty() ||
           (!c.seen.sent.empty() && c.seen.sent.back().kind == SendResult::Kind::failed);
  };
  ASSERT_TRUE(run_until(failed, 10s));
  const StreamEnd end = c.seen.ends.empty() ? c.seen.sent.back().end : c.seen.ends[0];
  EXPECT_EQ(end.kind, EndKind::timed_out) << Recorder::word(end.kind);
}

TEST_P(KernelTimeouts, KeepAliveFindsASilentIdlePeer) {
  Connected c(*loop, tcp_pair());
  const int on = 1;
  ::setsockopt(c.stream.fd(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  for (const int option : {TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT}) {
    ::setsockopt(c.stream.fd(), IPPROTO_TCP, option, &on, sizeof on);
  }
  run_for(5ms);
  drop_everything(c.peer.get());
  ASSERT_TRUE(run_until([&] { return !c.seen.ends.empty(); }, 10s));
  EXPECT_EQ(c.seen.ends[0].kind, EndKind::timed_out) << Recorder::word(c.seen.ends[0].kind);
}

/// The sequence number of the next byte `fd` sends; needs CAP_NET_ADMIN, else false.
bool next_sequence(int fd, std::uint32_t& sequence) {
  int value = TCP_REPAIR_ON;
  if (::setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &value, sizeof value) != 0) return false;
  value = 2;  // TCP_SEND_QUEUE
  socklen_t size = sizeof sequence;
  const bool known = ::setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &value, sizeof value) == 0 &&
                     ::getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &sequence, &size) == 0;
  value = TCP_REPAIR_OFF_NO_WP;
  return ::setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &value, sizeof value) == 0 && known;
}

/// Tells `from`, as a router would (RFC 792: type 3, code 1), that its segment did not get to `to`.
bool send_host_unreachable(const sockaddr_in& from, const sockaddr_in& to, std::uint32_t sequence) {
  const Fd raw(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
  if (!raw) return false;
  struct {
    icmphdr icmp{};
    iphdr ip{};
    std::uint16_t from_port = 0;
    std::uint16_t to_port = 0;
    std::uint32_t sequence = 0;
  } packet;
  packet.icmp.type = ICMP_DEST_UNREACH;
  packet.icmp.code = ICMP_HOST_UNREACH;
  packet.ip.version = 4;
  packet.ip.ihl = 5;
  packet.ip.tot_len = htons(60);
  packet.ip.ttl = 64;
  packet.ip.protocol = IPPROTO_TCP;
  packet.ip.saddr = from.sin_addr.s_addr;
  packet.ip.daddr = to.sin_addr.s_addr;
  packet.from_port = from.sin_port;
  packet.to_port = to.sin_port;
  packet.sequence = htonl(sequence);
  std::uint16_t words[sizeof packet / 2];
  std::memcpy(words, &packet, sizeof packet);
  std::uint32_t sum = 0;
  for (const std::uint16_t word : words) sum += word;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  packet.icmp.checksum = static_cast<std::uint16_t>(~sum);
  return ::sendto(raw.get(), &packet, sizeof packet, 0, reinterpret_cast<const sockaddr*>(&from),
                  sizeof from) == static_cast<ssize_t>(sizeof packet);
}

/// A router's message is a hint, until the retransmissions are given up: then it is the reason.
TEST_P(KernelTimeouts, NoWayToThePeerEndsInUnreachable) {
  Connected c(*loop, tcp_pair());
  set_user_timeout(c.stream.fd(), 250);
  run_for(5ms);
  std::uint32_t sequence = 0;
  if (!next_sequence(c.stream.fd(), sequence)) {
    GTEST_SKIP() << "\n*** SKIPPED: TCP_REPAIR is refused here: " << std::strerror(errno)
                 << "\n*** `unreachable` was NOT tested.\n";
  }
  drop_everything(c.peer.get());
  c.send("is there a way?");
  run_for(5ms);
  if (!send_host_unreachable(address_of(c.stream.fd()), address_of(c.peer.get()), sequence)) {
    GTEST_SKIP() << "\n*** SKIPPED: raw sockets are refused here: " << std::strerror(errno)
                 << "\n*** `unreachable` was NOT tested.\n";
  }
  run_for(10ms);
  EXPECT_TRUE(c.seen.ends.empty());
  ASSERT_TRUE(run_until([&] { return !c.seen.ends.empty(); }, 10s));
  EXPECT_EQ(c.seen.ends[0].kind, EndKind::unreachable) << Recorder::word(c.seen.ends[0].kind);
  EXPECT_EQ(c.seen.ends[0].error, EHOSTUNREACH);
}

}  // namespace
}  // namespace finack::net::testing
