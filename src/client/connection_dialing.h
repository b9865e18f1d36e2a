#pragma once
#include <optional>
#include <vector>

#include "client/connection.h"

namespace finack::client {

struct Connection::Dialing {
  Dialing(net::Loop& loop, Connection& connection) : race(loop, connection) {}
  std::optional<net::Lookup> lookup;
  net::DialRace race;
  std::vector<net::DialTarget> targets;
};

}  // namespace finack::client
