#include "e2e/support/scene.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "e2e/support/metrics_page.h"
#include "e2e/support/spawn.h"

namespace finack::e2e {

Scene::Scene(DemoServer& server, std::string backend, const Deadline& deadline)
    : server_(server), backend_(std::move(backend)), deadline_(deadline) {}

Peer& Scene::connect(const PeerOptions& options) {
  return peers_.emplace_back(server_.port(), deadline_, options);
}

Peer& Scene::connect_narrow(int receive_buffer) {
  PeerOptions options;
  options.receive_buffer = receive_buffer;
  return connect(options);
}

void Scene::check(bool held, std::string_view what) {
  if (!held) throw Failure(std::string(what));
}

void Scene::check_answer(const Response& response, int status) {
  if (response.complete && response.status == status) return;
  throw Failure(fmt::format("the peer expected a complete {} and got {} {}", status,
                            response.complete ? "a complete" : "a cut", response.status));
}

void Scene::settle(Millis duration) { pause(deadline_, duration); }

void Scene::wait_phase(std::string_view phase, int count) {
  const std::string labels = fmt::format("role=\"server\",phase=\"{}\"", phase);
  const bool reached = eventually(deadline_.within(Millis(5000)), [&] {
    const MetricsPage page(fetch_metrics(server_.admin_port(), deadline_));
    return page.sum("finack_connections_in_phase", labels) >= count;
  });
  check(reached, fmt::format("the server never counted {} connection(s) in {}", count, phase));
}

void Scene::signal(int number) {
  if (number == SIGTERM || number == SIGINT) stopping_ = true;
  server_.signal(number);
}

/// Listening sockets stand first in the kernel's table; the rest may be megabytes of others' past.
bool Scene::listens() const {
  std::ifstream table(fmt::format("/proc/{}/net/tcp", server_.pid()));
  const std::string ours = fmt::format(":{:04X} 00000000:0000 0A", server_.port());
  std::string line;
  std::getline(table, line);  // the heading
  while (std::getline(table, line) && line.find(":0000 0A ") != std::string::npos) {
    if (line.find(ours) != std::string::npos) return true;
  }
  return false;
}

void Scene::wait_drain() {
  const bool closed = eventually(deadline_.within(Millis(5000)), [&] { return !listens(); });
  check(closed, "the server did not stop listening");
}

void Scene::freeze() {
  server_.signal(SIGSTOP);
  // The main thread may stand still while a worker still runs.
  const std::filesystem::path tasks = fmt::format("/proc/{}/task", server_.pid());
  const auto stands = [](const std::filesystem::directory_entry& task) {
    const std::string stat = read_text_file(task.path().string() + "/stat");
    const std::size_t name_end = stat.rfind(')');
    return name_end != std::string::npos && stat.compare(name_end, 3, ") T") == 0;
  };
  const bool stopped = eventually(deadline_.within(Millis(2000)), [&] {
    return std::ranges::all_of(std::filesystem::directory_iterator(tasks), stands);
  });
  check(stopped, "the server did not stand still after SIGSTOP");
}

void Scene::thaw() { server_.signal(SIGCONT); }

int Scene::run(const std::vector<std::string>& words) {
  std::vector<std::string> copy = words;
  std::vector<char*> arguments;
  for (std::string& word : copy) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t pid = spawn([&] {
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, fd);
    ::execvp(arguments[0], arguments.data());
  });
  if (pid < 0) throw Failure(fmt::format("fork: {}", std::strerror(errno)));
  int status = 0;
  const bool done = eventually(deadline_.within(Millis(5000)),
                               [&] { return ::waitpid(pid, &status, WNOHANG) == pid; });
  if (!done) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, &status, 0);
    throw Failure(fmt::format("{} did not end in time", words.front()));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void Scene::kill_socket(std::uint16_t local, std::uint16_t remote) {
  const int status = run({"ss", "-K", "-tnH", "src", fmt::format("127.0.0.1:{}", local), "dst",
                          fmt::format("127.0.0.1:{}", remote)});
  if (status == 127) throw Skipped("no ss command here (package iproute2)");
  if (status != 0) throw Skipped("ss -K is refused here (needs root and CONFIG_INET_DIAG_DESTROY)");
}

std::string fetch_metrics(std::uint16_t admin_port, const Deadline& deadline) {
  Peer peer(admin_port, deadline);
  peer.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  Response response = peer.read_response();
  if (!response.complete || response.status != 200) {
    throw Failure(fmt::format("GET /metrics: {}", response.status));
  }
  return response.body;
}

void enter_own_network() {
  if (::unshare(CLONE_NEWNET) != 0) {
    throw Skipped(fmt::format("a network namespace is refused here: {}", std::strerror(errno)));
  }
  const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", sizeof request.ifr_name - 1);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (!fd || ::ioctl(fd.get(), SIOCSIFFLAGS, &request) != 0) {
    throw Skipped(fmt::format("the loopback cannot be set up: {}", std::strerror(errno)));
  }
}

}  // namespace finack::e2e
