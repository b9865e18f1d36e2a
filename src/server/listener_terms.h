#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "finack/base/address.h"
#include "finack/base/fd.h"
#include "finack/server/settings.h"
#include "server/admission.h"

namespace finack::server {

/// One address where a server listens, and how it treats who connects there.
struct ListenerOptions {
  std::string spec;  ///< As net::ListenSockets takes it.
  std::string name;  ///< In records; "": the address as bound.
  Settings settings;

  friend bool operator==(const ListenerOptions&, const ListenerOptions&) = default;
};

/// What connections of a listener go by, on every worker. Never changed once made: a reload makes
/// others, and those accepted before keep theirs until their next request.
struct ListenerTerms {
  Settings settings;
  std::string name;  ///< In records; never empty.
  Address local;     ///< Family none: each connection has its own.
  /// The listener's own, whatever its terms.
  std::shared_ptr<Admission> admission;
};

/// One worker's share of a listener's sockets.
struct ListenerShare {
  Fd socket;
  bool shared = false;     ///< Other workers accept on it, too.
  bool inherited = false;  ///< Somebody else's: let go rather than shut.
};

/// What a reload changes for one worker; a listener has the same number on all of them.
struct ListenerOrders {
  struct Added {
    std::uint32_t listener;
    ListenerShare share;
    std::shared_ptr<const ListenerTerms> terms;
  };
  struct Changed {
    std::uint32_t listener;
    std::shared_ptr<const ListenerTerms> terms;
  };
  std::vector<Added> added;
  std::vector<Changed> changed;
  std::vector<std::uint32_t> gone;
};

}  // namespace finack::server
