#pragma once
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <span>

/// The calls of the hot path without glibc's cancellation points, which cost about 120 instructions
/// a request once a second thread exists. All return -errno on failure and do not touch errno.
namespace finack::net::sys {

#if defined(__x86_64__)
inline long call6(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#else
inline long call6(long number, long a, long b, long c, long d, long e, long f) {
  const long result = ::syscall(number, a, b, c, d, e, f);
  return result < 0 ? -errno : result;
}
#endif

inline long pointer(const void* p) { return reinterpret_cast<long>(p); }

inline ssize_t recv(int fd, void* data, std::size_t size, int flags) {
  return call6(SYS_recvfrom, fd, pointer(data), static_cast<long>(size), flags, 0, 0);
}
inline ssize_t send(int fd, const void* data, std::size_t size, int flags) {
  return call6(SYS_sendto, fd, pointer(data), static_cast<long>(size), flags, 0, 0);
}
inline ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  return call6(SYS_sendmsg, fd, pointer(message), flags, 0, 0, 0);
}
/// Sends without waiting and adds up what was offered.
inline ssize_t send_parts(int fd, std::span<const iovec> parts, std::size_t& offered, bool more) {
  const int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0);
  offered = parts[0].iov_len;
  if (parts.size() == 1) return sys::send(fd, parts[0].iov_base, offered, flags);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  for (const iovec& part : parts.subspan(1)) offered += part.iov_len;
  return sys::sendmsg(fd, &message, flags);
}
inline int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  return static_cast<int>(call6(SYS_accept4, fd, pointer(address), pointer(size), flags, 0, 0));
}
inline int epoll_wait(int fd, epoll_event* events, int max, int timeout_ms) {
  // epoll_pwait with no mask is epoll_wait, and exists on every architecture.
  return static_cast<int>(
      call6(SYS_epoll_pwait, fd, pointer(events), max, timeout_ms, 0, sizeof(long)));
}

}  // namespace finack::net::sys
