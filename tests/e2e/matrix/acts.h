#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "e2e/matrix/case.h"

namespace finack::matrix {

// The pieces that most acts are made of.

inline constexpr std::uint64_t kKiB = 1024;

/// A request without a body. `headers`: whole lines, each with its CRLF.
std::string get(std::string_view target, std::string_view headers = "");
/// The same, asking for an agreed close.
std::string get_close(std::string_view target);
/// A POST that promises `length` body bytes and carries `body`.
std::string post(std::string_view target, std::uint64_t length, std::string_view body);
/// The head of a POST with a chunked body, and `body` as it stands.
std::string post_chunked(std::string_view target, std::string_view body);

/// One GET /ping that is served.
void ping(Stage& stage, Peer& peer);
/// Reads until the server's end, then closes ours; the end must be a FIN.
void see_fin(Stage& stage, Peer& peer, Millis limit = Millis(8000));
/// Sends one byte every `every` until the server ends the stream or `limit` passes.
void dribble(Stage& stage, Peer& peer, Millis every, Millis limit);

/// An act that sends bytes, gives the server time, and leaves by FIN or by RST.
enum class Leave { fin, rst };
void leave(Peer& peer, Leave way);
std::function<void(Stage&)> send_and_leave(std::string bytes, Leave way);
std::string_view word(Leave way);

std::vector<Case> joined(std::vector<Case> first, std::vector<Case> second);

}  // namespace finack::matrix
