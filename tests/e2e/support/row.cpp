#include "e2e/support/row.h"

namespace finack::e2e {

Row&& Row::undelivered(std::uint64_t min, std::uint64_t max) && {
  undelivered_min = min;
  undelivered_max = max;
  return std::move(*this);
}

Row&& Row::with(std::string key, std::string value) && {
  evidence.emplace_back(std::move(key), std::move(value));
  return std::move(*this);
}

Row&& Row::answered(int with_status) && {
  status = with_status;
  return std::move(*this);
}

Row row(std::string_view ended_by, std::string_view how, std::string_view phase,
        std::string_view cause, std::string_view severity, std::string_view delivered) {
  Row out;
  out.ended_by = ended_by;
  out.how = how;
  out.phase = phase;
  out.cause = cause;
  out.severity = severity;
  out.delivered = delivered;
  return out;
}

Row served() {
  return row("local", "none", "flush", "ok.completed", "normal", "handed").answered(200);
}

Row served_last() {
  return row("local", "none", "flush", "ok.completed", "normal", "all").answered(200);
}

Row agreed_close() { return row("local", "fin", "flush", "ok.completed", "normal", "all"); }

Row closed_idle() { return row("peer", "fin", "idle", "ok.peer_closed_idle", "normal", "all"); }

}  // namespace finack::e2e
