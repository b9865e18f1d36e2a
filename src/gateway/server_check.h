#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "client/connection.h"
#include "gateway/alarm.h"
#include "gateway/worker_cluster.h"

namespace finack::gateway {

/// Asks one server again and again whether it works, as health.active says, and tells its health.
/// Each check is a connection of its own (purpose health), which takes no place among those of the
/// server's pools and teaches them nothing; there is one at a time. Loop thread only, but
/// construction, which may come before the loop runs, and destruction.
class ServerCheck final : private client::ConnectionOwner, private client::ConnectionUser {
 public:
  /// The first check comes within a tenth of the interval. `random` outlives this; `emptied` is
  /// called when, after stop(), the last connection is gone.
  ServerCheck(const WorkerParts& parts, std::shared_ptr<Cluster> cluster,
              std::shared_ptr<client::UpstreamServer> server, std::mt19937_64& random,
              std::function<void()> emptied);
  /// Only while idle().
  ~ServerCheck();

  /// Makes no check any more; one that is under way ends for `cause` and says nothing.
  void stop(record::Cause cause);
  bool stopped() const { return stopped_; }
  bool idle() const { return connection_ == nullptr; }
  const std::shared_ptr<Cluster>& cluster() const { return cluster_; }
  const std::shared_ptr<client::UpstreamServer>& checked() const { return server_; }

 private:
  void on_connected(client::Connection& connection) override;
  void on_free(client::Connection&) override {}
  void on_ended(client::Connection& connection, const record::Ending& ending) override;
  void on_gone(client::Connection& connection) override;
  void on_interim(const http::ReceivedResponse&) override {}
  void on_response(const http::ReceivedResponse& head, std::string_view body,
                   client::Progress progress) override;
  void on_body(std::string_view bytes, client::Progress progress,
               std::span<const http::Header> trailers) override;
  void on_tunnel_bytes(std::string_view) override {}
  void on_tunnel_fin() override {}
  void on_connection_end(const record::Ending&) override {}
  void on_write_ready() override {}

  const ActiveCheckSettings& settings() const { return *cluster_->settings().health.active; }
  client::UpstreamServer& server() const { return *server_; }
  void begin();
  void out_of_time();
  void take(std::size_t body_bytes, client::Progress progress);
  void passed();
  void failed(std::string_view why);
  void say(std::string_view what, std::string_view why) const;
  Nanos until_next();

  const WorkerParts parts_;
  const std::shared_ptr<Cluster> cluster_;
  const std::shared_ptr<client::UpstreamServer> server_;
  std::mt19937_64& random_;
  const std::function<void()> emptied_;
  std::shared_ptr<client::EjectionQuota> no_quota_ = std::make_shared<client::EjectionQuota>(0, 0);
  client::UpstreamServer probed_;  ///< The server as its checks alone know it.
  const std::string host_;
  Alarm<ServerCheck> next_;
  Alarm<ServerCheck> deadline_;
  std::unique_ptr<client::Connection> connection_;
  Instant begun_{};
  std::size_t body_bytes_ = 0;
  int status_ = 0;
  bool decided_ = false;  ///< This check has told what it found.
  bool stopped_ = false;
  bool silent_ = true;  ///< Nothing was said of the server yet.
};

}  // namespace finack::gateway
