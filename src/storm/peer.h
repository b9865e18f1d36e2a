#pragma once
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>

#include "finack/base/fd.h"
#include "storm/behaviour.h"
#include "storm/response_reader.h"
#include "storm/script.h"

namespace finack::storm {

using Random = std::mt19937_64;

/// What a peer needs next.
enum class Need : std::uint8_t {
  events,   ///< Call advance() again when its socket reports something.
  pause,    ///< Call advance() again after pause_ms().
  nothing,  ///< It has ended; its socket is closed.
};

/// One connection of a storm that plays a script over a connected, non-blocking socket. One thread.
class Peer {
 public:
  /// `random` outlives this object.
  Peer(Fd socket, Behaviour behaviour, Random& random);

  /// Goes on as far as the socket lets it. Safe to call at any time before it has ended.
  Need advance();
  int pause_ms() const { return pause_ms_; }
  /// How many requests it has begun to send.
  std::uint64_t requests() const { return requests_; }

  int fd() const { return fd_.get(); }
  Behaviour behaviour() const { return behaviour_; }

  /// What did not go by the script, from then on the connection was closed; "": all did.
  const std::string& surprise() const { return surprise_; }
  /// Gives up: resets, and keeps `why` as the surprise.
  void give_up(std::string_view why);

 private:
  enum class Done : std::uint8_t { yes, later, pausing };
  enum class Got : std::uint8_t { bytes, nothing, fin, rst };

  Done play(const Step& step);
  Done send(std::string_view bytes, bool with_fin);
  Done send_some(std::string_view bytes, int flags);
  Done expect(int status);
  Done notice();
  Done read_dry();
  Done see_end(Act wanted);
  Done pause(int most_ms);
  Done repeat(int most);
  void end(bool by_reset);
  Got read(std::string_view& bytes);
  Done surprised(std::string_view what);
  std::uint64_t below(std::uint64_t bound);
  void next_step();

  Fd fd_;
  std::span<const Step> steps_;
  Random* random_;
  ResponseReader responses_;
  std::string surprise_;
  std::size_t at_ = 0;         ///< The current step.
  std::size_t sent_ = 0;       ///< Bytes of the current step.
  std::size_t part_ = kWhole;  ///< How many bytes a send_part sends.
  std::uint64_t received_ = 0;
  std::uint64_t requests_ = 0;
  int rounds_ = -1;  ///< What `repeat` still owes; -1: not drawn yet.
  int pause_ms_ = 0;
  bool paused_ = false;
  Behaviour behaviour_;
  Got seen_ = Got::nothing;  ///< fin or rst: a socket tells a reset only once.

  static constexpr std::size_t kWhole = ~std::size_t{0};
};

}  // namespace finack::storm
