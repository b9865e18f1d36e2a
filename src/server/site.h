#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "finack/server/settings.h"
#include "http/encoder.h"
#include "net/listener.h"
#include "server/admission.h"

namespace finack::server {

/// One listener as the connections of one worker see it: what it is called, the settings that hold
/// for them, the limits they count against, and the texts made of the settings. Loop thread only.
class Site {
 public:
  /// All but `name` outlive it. `name`: in records; "": the address as bound.
  Site(const net::ListenSockets& sockets, std::string_view name, const Settings& settings,
       Admission& admission);

  std::string_view name() const { return name_; }
  const Address& local() const { return sockets_.local(); }
  const Settings& settings() const { return settings_; }
  Admission& admission() const { return admission_; }

  /// The worker's clock shows a new second.
  void set_date(std::string_view date);
  /// With the current date; unset where each head of a connection is another.
  const http::UsualHead& usual_head() const { return usual_head_; }
  /// Value of the Keep-Alive header with `left` requests to go (0: no limit); "" when switched off.
  std::string_view keep_alive(std::uint32_t left) {
    return left == 0 || keep_alive_.empty() ? keep_alive_ : keep_alive_with(left);
  }

 private:
  std::string_view keep_alive_with(std::uint32_t left);

  const net::ListenSockets& sockets_;
  const Settings& settings_;
  Admission& admission_;
  std::string name_;
  http::UsualHead usual_head_;
  std::string keep_alive_;
  std::string keep_alive_scratch_;
};

}  // namespace finack::server
