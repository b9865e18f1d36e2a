#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "finack/base/error.h"
#include "net/listener.h"
#include "server/admission.h"
#include "server/listener_terms.h"

namespace finack::server {

/// What the settings say about the sockets themselves.
net::ListenerOptions socket_options(const Settings& settings);

/// How many listeners a reload left as they were, gave other settings, added and took away.
struct ListenerCounts {
  std::size_t kept = 0;
  std::size_t changed = 0;
  std::size_t added = 0;
  std::size_t gone = 0;

  friend bool operator==(const ListenerCounts&, const ListenerCounts&) = default;
};

/// Why listeners cannot be served as asked for.
struct ListenerTrouble {
  std::size_t index = 0;  ///< Which of them.
  Error error;
};

/// Listeners that were checked and, where new, bound: from then on the kernel takes connections for
/// them. Destroyed without having been put in force, it closes them.
class ListenerChange {
 public:
  ListenerChange(ListenerChange&&) = default;
  ListenerChange& operator=(ListenerChange&&) = delete;
  ~ListenerChange();

  const ListenerCounts& counts() const { return counts_; }
  /// All that there will be, in their order.
  std::vector<ListenerOptions> listeners() const;
  /// As bound.
  const std::vector<std::string>& added() const { return added_; }
  const std::vector<std::string>& gone() const { return gone_; }

 private:
  friend class ListenerSet;
  ListenerChange() = default;
  struct Next {
    ListenerOptions options;
    std::optional<std::uint32_t> number;      ///< It is there already.
    bool changed = false;                     ///< With other settings.
    std::optional<net::ListenSockets> bound;  ///< It is new.
    std::vector<ListenerShare> shares;        ///< Of `bound`, for each worker.
  };
  /// The one there already under that number; nullptr: it goes.
  const Next* find(std::uint32_t number) const;

  std::vector<Next> next_;
  ListenerCounts counts_;
  std::vector<std::string> added_;
  std::vector<std::string> gone_;
};

/// The listeners of a server over all its workers. One thread at a time.
class ListenerSet {
 public:
  /// `sockets` outlives it and whatever serves its listeners.
  ListenerSet(SocketBudget& sockets, std::uint32_t workers)
      : sockets_(sockets), workers_(workers) {}

  /// Limits of connections for one listener, or for several together.
  std::shared_ptr<Admission> make_admission(const Limits& limits);
  /// Binds one more, while there are no workers yet. Refuses what no header can carry, and
  /// more than 255.
  Expected<void> bind(const ListenerOptions& options, std::shared_ptr<Admission> admission);
  /// What worker number `worker` is to serve of those that were bound.
  ListenerOrders first_orders(std::uint32_t worker);

  /// What it takes that these are the listeners: one stays when its spec stays, whatever else
  /// changed, and of two with the same spec the first is the first. Nothing is changed yet.
  std::expected<ListenerChange, ListenerTrouble> check(std::vector<ListenerOptions> next);
  /// Puts it in force, here and for admission; of the last check(). Returns what each worker is to
  /// do. Paths of Unix sockets that go are removed.
  std::vector<ListenerOrders> commit(ListenerChange change);

  /// As bound, real ports included.
  std::vector<std::string> names() const;
  void unlink_paths();

 private:
  struct Place {
    std::uint32_t number;
    ListenerOptions options;
    net::ListenSockets sockets;
    std::shared_ptr<const ListenerTerms> terms;
  };

  Expected<net::ListenSockets> bind_sockets(const ListenerOptions& options) const;
  std::string held_as(std::string_view spec) const;
  std::shared_ptr<const ListenerTerms> make_terms(const ListenerOptions& options,
                                                  const net::ListenSockets& sockets,
                                                  std::shared_ptr<Admission> admission);
  Expected<void> bind_next(ListenerChange::Next& one) const;
  void match(std::vector<ListenerOptions> next, ListenerChange& change) const;
  std::size_t live_terms();

  SocketBudget& sockets_;
  std::uint32_t workers_;
  std::uint32_t next_number_ = 0;
  std::vector<Place> places_;
  /// All that were made and that some worker may still hold.
  std::vector<std::weak_ptr<const ListenerTerms>> terms_;
};

}  // namespace finack::server
