// Answers N requests of one keep-alive client through a Loop, so that a counter (callgrind, perf
// stat) sees what the event loop itself costs a request as the difference of two runs:
// net_count epoll|io_uring <N>. As the server does, it answers from deferred work and re-arms one
// timer a request. The client is a child process: only this process's counts are the loop's.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "net/loop.h"
#include "net/tcp_stream.h"

namespace finack::bench {
namespace {

constexpr std::string_view kRequest = "GET /ping HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong";

class Echo final : public StreamObserver, public net::Deferred, public net::Timer {
 public:
  Echo(net::Loop& loop, Fd fd) : loop_(loop), stream_(loop, std::move(fd)) { stream_.start(*this); }
  bool closed() const { return closed_; }
  long answered() const { return answered_; }

  void on_bytes(Buffer chunk) override {
    request_ = std::move(chunk);
    loop_.defer(*this);
  }
  void run_deferred() override {
    request_.release();
    const iovec part{const_cast<char*>(kAnswer.data()), kAnswer.size()};
    const SendResult result = stream_.send({&part, 1}, false);
    if (result.kind == SendResult::Kind::sent) on_sent(result);
  }
  void on_sent(SendResult) override {
    ++answered_;
    loop_.timers().arm(*this, loop_.now() + std::chrono::seconds(75));
  }
  void on_end(StreamEnd) override { stream_.close(); }
  void on_writable() override {}
  void on_closed() override { closed_ = true; }
  void on_timer() override { stream_.close(); }

 private:
  net::Loop& loop_;
  net::TcpStream stream_;
  Buffer request_;
  long answered_ = 0;
  bool closed_ = false;
};

[[noreturn]] void ask(int fd, long times) {
  char answer[256];
  for (long i = 0; i < times; ++i) {
    if (::send(fd, kRequest.data(), kRequest.size(), 0) < 0) break;
    if (::recv(fd, answer, sizeof answer, 0) <= 0) break;
  }
  ::_exit(0);
}

int serve(net::Backend backend, long times) {
  Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  socklen_t size = sizeof address;
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* name = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener.get(), name, size) != 0 || ::listen(listener.get(), 1) != 0) return 1;
  ::getsockname(listener.get(), name, &size);
  const pid_t client = ::fork();
  if (client == 0) {
    const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(fd.get(), name, size) != 0) ::_exit(1);
    ask(fd.get(), times);
  }
  auto loop = net::Loop::create({.backend = backend});
  if (!loop) {
    std::fprintf(stderr, "net_count: %s\n", loop.error().what.c_str());
    return 1;
  }
  Fd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  Echo echo(**loop, std::move(fd));
  while (!echo.closed()) (*loop)->run_once(Nanos::max());
  ::waitpid(client, nullptr, 0);
  std::printf("%ld answers in %lu turns, process %d\n", echo.answered(),
              static_cast<unsigned long>((*loop)->turns()), ::getpid());
  return echo.answered() == times ? 0 : 1;
}

}  // namespace
}  // namespace finack::bench

int main(int argc, char** argv) {
  const std::string_view what = argc == 3 ? argv[1] : "";
  if (what == "epoll" || what == "io_uring") {
    const auto backend =
        what == "epoll" ? finack::net::Backend::epoll : finack::net::Backend::io_uring;
    return finack::bench::serve(backend, std::strtol(argv[2], nullptr, 10));
  }
  std::fputs("usage: net_count epoll|io_uring <requests>\n", stderr);
  return 2;
}
