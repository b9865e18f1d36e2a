// Upstreams that are gone without a word.
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "e2e/gateway/case.h"

namespace finack::gateway_matrix {
namespace {

/// Its kernel acknowledges nothing any more when the next request comes.
void vanish_before_request(Stage& stage) {
  Peer& client = stage.connect();
  client.send(get());
  Peer& upstream = stage.take_request();
  upstream.send(kOk);
  stage.see(client, 200);
  stage.wait_dialed("pool");
  upstream.vanish();
  client.send(get());
  stage.see_failure(client, 504, "network.vanished");
  stage.part(client);
}

/// It is gone while the connection waits for its next request: the kernel's probes find it.
void vanish_in_pool(Stage& stage) {
  Peer& client = stage.connect();
  client.send(get());
  Peer& upstream = stage.take_request();
  upstream.send(kOk);
  stage.see(client, 200);
  stage.wait_dialed("pool");
  upstream.vanish();
  stage.wait_dialed_ended(1);
  stage.part(client);
}

/// The same in the middle of an upload.
void vanish_in_upload(Stage& stage) {
  Peer& client = stage.connect();
  client.send(post(8000 * kKiB, "0123"));
  Peer& upstream = stage.take_request();
  stage.wait_dialed("send");
  upstream.vanish();
  client.try_send(std::string(7000 * kKiB, 'x'), Millis(500));
  stage.see_failure(client, 504, "network.vanished");
  stage.check(client.read_to_end() != StreamSight::nothing, "no end behind an early answer");
  client.close();
}

/// No port of ours is left for a second connection to the same server.
void use_up_ports(Stage& stage) {
  Peer& first = stage.connect();
  Peer& second = stage.connect();
  std::ofstream range("/proc/sys/net/ipv4/ip_local_port_range");
  if (!(range << "61000 61000" << std::flush)) throw e2e::Skipped("ports cannot be limited here");
  first.send(get());
  Peer& upstream = stage.take_request();
  second.send(get());
  stage.see_failure(second, 503, "resource.ports");
  if (!(range << "32768 60999" << std::flush)) throw Failure("the ports cannot be given back");
  upstream.send(kOk);
  stage.see(first, 200);
  stage.part(first);
  stage.part(second);
}

/// The lowest number that no descriptor of the process has.
std::size_t free_descriptor(pid_t process) {
  std::size_t number = 0;
  while (std::filesystem::is_symlink(fmt::format("/proc/{}/fd/{}", process, number))) ++number;
  return number;
}

/// The gateway may open no more descriptors than it has.
void use_up_descriptors(Stage& stage) {
  // The checks of the undefined-behaviour sanitizer open descriptors of their own.
  const char* sanitizers = std::getenv("FINACK_SANITIZE");
  if (sanitizers != nullptr && std::string_view(sanitizers).contains("undefined"))
    throw e2e::Skipped("UBSan itself needs descriptors");
  Peer& client = stage.connect();
  stage.wait_phase("fresh");
  const pid_t process = stage.server().pid();
  // What the metrics page was read by is closed, soon.
  stage.settle();
  rlimit before{};
  if (::prlimit(process, RLIMIT_NOFILE, nullptr, &before) != 0)
    throw e2e::Skipped("another process's limits cannot be read here");
  const rlimit none{free_descriptor(process), before.rlim_max};
  if (::prlimit(process, RLIMIT_NOFILE, &none, nullptr) != 0)
    throw e2e::Skipped("another process's limits cannot be set here");
  client.send(get());
  stage.see_failure(client, 503, "resource.descriptors");
  if (::prlimit(process, RLIMIT_NOFILE, &before, nullptr) != 0)
    throw Failure("the limit cannot be given back");
  stage.part(client);
}

std::vector<Case> resource_cases() {
  const auto lacking = [](std::string_view how, std::string_view cause, std::string resource) {
    return row("local", how, "connect", cause, "fault", "nothing_owed")
        .with("resource", std::move(resource));
  };
  const Row ports = lacking("none", "resource.ports", "ports");
  Case no_ports{
      "no_ports",
      {.cluster = "retry: { tries: 1 }"},
      use_up_ports,
      {{e2e::closed_idle(), {{e2e::served(), {{tried()}}}}},
       {e2e::closed_idle(), {{answered("resource.ports", 503), {{Row(ports).answered(0), 2}}}}}},
      {pool_shut(), ports}};
  no_ports.own_network = true;
  return {std::move(no_ports), failing("no_descriptors", {}, use_up_descriptors,
                                       lacking("rst", "resource.descriptors", "descriptors"),
                                       answered("resource.descriptors", 503))};
}

/// From now on what the gateway sends to it is answered by ICMP host unreachable.
void cut_route(Stage& stage) {
  const int status = stage.run(
      {"nft", fmt::format("add table ip cut; add chain ip cut in {{ type filter hook input "
                          "priority 0 ; }}; add rule ip cut in tcp dport {} reject with icmp type "
                          "host-unreachable",
                          stage.upstream().port())});
  if (status == 127) throw e2e::Skipped("no nft command here (package nftables)");
  if (status != 0) throw e2e::Skipped("nftables cannot reject packets here");
}

/// The route is lost while the connection waits in the pool: the next request's bytes meet it, and
/// retransmissions end when the kernel has sent them often enough.
void lose_route_before_request(Stage& stage) {
  std::ofstream setting("/proc/sys/net/ipv4/tcp_retries2");
  if (!(setting << 3 << std::flush)) throw e2e::Skipped("tcp_retries2 cannot be set here");
  Peer& client = stage.connect();
  client.send(get());
  stage.take_request().send(kOk);
  stage.see(client, 200);
  stage.wait_dialed("pool");
  cut_route(stage);
  client.send(get());
  stage.see_failure(client, 502, "network.unreachable");
  stage.part(client);
}

}  // namespace

std::vector<Case> network_cases() {
  const Row vanished = row("network", "timeout", "wait", "network.vanished", "fault", "none")
                           .undelivered(1, kKiB)
                           .with("found_by", "retransmit");
  Case gone{"vanished_in_wait",
            {.cluster = "timeouts: { first_response_byte: 1s }, retry: { tries: 1 }"},
            vanish_before_request,
            {{e2e::closed_idle(),
              {{e2e::served(), {{tried()}}},
               {answered("network.vanished", 504), {{Row(vanished).answered(0), 1, true}}}}}},
            {vanished}};
  const Row unreachable =
      row("network", "unreachable", "wait", "network.unreachable", "fault", "none")
          .undelivered(1, kKiB)
          .with("error", "EHOSTUNREACH");
  Case lost{"unreachable_in_wait",
            {.cluster = "retry: { tries: 1 }"},
            lose_route_before_request,
            {{e2e::closed_idle(),
              {{e2e::served(), {{tried()}}},
               {answered("network.unreachable", 502), {{Row(unreachable).answered(0), 1, true}}}}}},
            {unreachable}};
  lost.own_network = true;
  const Row uploading = row("network", "timeout", "send", "network.vanished", "fault", "partial")
                            .undelivered(1, e2e::kAny)
                            .with("found_by", "retransmit");
  Case upload{
      "vanished_in_send",
      {.cluster = "timeouts: { send: 1s }, retry: { tries: 1 }"},
      vanish_in_upload,
      {{row("local", "reply", "handling", "policy.early_reply", "notice", "all"),
        {{row("local", "reply", "handling", "network.vanished", "fault", "all").answered(504),
          {{Row(uploading).answered(0)}}}}}},
      {uploading}};
  Case pooled{"vanished_in_pool",
              {.cluster = "tcp_keepalive: 1s"},
              vanish_in_pool,
              {{e2e::closed_idle(), {{e2e::served(), {{tried()}}}}}},
              {row("network", "timeout", "pool", "network.vanished", "fault", "all")
                   .with("found_by", "keep_alive")
                   .with("error", "ETIMEDOUT")}};
  return joined({std::move(gone), std::move(pooled), std::move(lost), std::move(upload)},
                resource_cases());
}

}  // namespace finack::gateway_matrix
