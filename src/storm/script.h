#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "storm/behaviour.h"

namespace finack::storm {

enum class Act : std::uint8_t {
  send,          ///< All of `bytes`.
  send_part,     ///< A random part of `bytes`: at least `number` bytes, never all of them.
  send_and_fin,  ///< All of `bytes`, and the FIN in the segment of the last one.
  expect,        ///< One final response with status `number`, read whole.
  notice,        ///< Waits until something has come, and reads nothing.
  read_dry,      ///< Reads at least one byte, then all there is.
  see_fin,       ///< Reads to the end, which must be a FIN.
  see_rst,       ///< Reads to the end, which must be a RST, with nothing before it.
  see_end,       ///< Reads to the end, whichever it is.
  pause,         ///< A random time of 0 to `number` milliseconds; half of them none at all.
  repeat,        ///< Begins anew, a random number of times from 0 to `number` in all.
  close,         ///< The end of every script: close(),
  reset,         ///< or a RST on purpose.
};

struct Step {
  Act act;
  std::string_view bytes;
  int number = 0;
  unsigned requests = 0;  ///< That begin in `bytes`, as far as the server may read them.
};

/// The steps after connect; the last is close or reset.
std::span<const Step> script(Behaviour behaviour);

/// Needs a small receive buffer and short segments, so that the kernels hold only a small part of a
/// large response, and never all of it.
bool is_narrow(Behaviour behaviour);

}  // namespace finack::storm
