#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/dice.h"

namespace finack::http::test {

/// Makes responses to a GET, valid ones and mutated ones; the same seed makes the same sequence.
class ResponseGenerator : Dice {
 public:
  using Dice::Dice;

  std::string next() {
    std::string response = well_formed();
    if (chance(60)) return response;
    for (std::uint64_t times = 1 + below(3); times != 0; --times) mutate(response);
    return response;
  }

 private:
  std::string well_formed() {
    static constexpr auto kVersions = std::to_array<std::string_view>(
        {"HTTP/1.1", "HTTP/1.0", "HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "http/1.1"});
    static constexpr auto kStatuses = std::to_array<std::string_view>(
        {"200 OK", "200 ", "200", "204 No Content", "304 Not Modified", "404 Not Found", "500 x\ty",
         "103 Early Hints", "99 x", "600 x", "2000 x", "205 Reset Content"});
    std::string out(chance(85) ? "HTTP/1.1" : pick(kVersions));
    out.append(" ").append(chance(75) ? "200 OK" : pick(kStatuses)).append("\r\n");
    const std::uint64_t framing = below(4);
    if (framing == 0) out.append("Content-Length: 5\r\n");
    if (framing == 1) out.append("Transfer-Encoding: chunked\r\n");
    for (std::uint64_t fields = below(3); fields != 0; --fields) {
      out.append(pick(kFields)).append("\r\n");
    }
    out.append("\r\n");
    if (framing == 0 || framing == 2) out.append("hello");
    if (framing == 1) {
      out.append(chance(70) ? "5\r\nhello\r\n" : pick(kChunks));
      out.append(chance(80) ? "0\r\n\r\n" : pick(kEnds));
    }
    return out;
  }

  void mutate(std::string& text) {
    using namespace std::literals;
    static constexpr auto kBytes =
        "\0\1\t\n\v\r \"#%,/:;?@[\\]{|}\x7f\x80\xff"
        "05aZ"sv;
    const std::size_t at = below(text.size() + 1);
    switch (below(6)) {
      case 0:
        text.insert(at, 1, kBytes[below(kBytes.size())]);
        break;
      case 1:
        if (at < text.size()) text[at] = kBytes[below(kBytes.size())];
        break;
      case 2:
        text.erase(at, 1 + below(2));
        break;
      case 3: {  // A field more.
        const std::size_t end = text.find("\r\n", at);
        if (end != std::string::npos) text.insert(end, "\r\n" + std::string(pick(kFields)));
        break;
      }
      case 4:
        text.resize(at);
        break;
      default:
        text.insert(at, pick(kSplices));
        break;
    }
  }

  static constexpr auto kFields =
      std::to_array<std::string_view>({"Content-Length: 5",
                                       "Content-Length: 0",
                                       "Content-Length: 5, 5",
                                       "Content-Length: +5",
                                       "Content-Length: 99999999999999999999",
                                       "Content-Length:",
                                       "Transfer-Encoding: chunked",
                                       "transfer-encoding: Chunked",
                                       "Transfer-Encoding: gzip, chunked",
                                       "Transfer-Encoding: chunked, gzip",
                                       "Transfer-Encoding: xchunked",
                                       "Transfer-Encoding: gzip",
                                       "Transfer-Encoding: identity",
                                       "Transfer-Encoding:",
                                       "Transfer-Encoding : chunked",
                                       "Connection: close",
                                       "Connection: keep-alive",
                                       "Connection: a, close",
                                       "Connection: close, keep-alive",
                                       "Connection: xclose",
                                       "Connection: upgrade",
                                       "Upgrade: h2c",
                                       "Keep-Alive: timeout=5, max=100",
                                       "Proxy-Connection: close",
                                       "Server: nginx",
                                       "X:",
                                       "X: \ty z",
                                       "X: \xc3\xa9",
                                       "X-Very-Long-Name-Of-A-Header: value"});
  static constexpr auto kChunks = std::to_array<std::string_view>(
      {"5;a=b\r\nhello\r\n", "5;a=\"b\"\r\nhello\r\n", "5; a\r\nhello\r\n", "05\r\nhello\r\n",
       "5 \r\nhello\r\n", "0x5\r\nhello\r\n", "5\nhello\r\n", "5\r\nhello\n",
       "10000000000000005\r\nhello\r\n", "4\r\nhello\r\n", "5;\r\nhello\r\n",
       "1\r\nh\r\n4\r\nello\r\n"});
  static constexpr auto kEnds = std::to_array<std::string_view>(
      {"0\r\nA: b\r\n\r\n", "0\r\nContent-Length: 5\r\n\r\n", "000\r\n\r\n", "0\r\n", "0;a\r\n\r\n",
       "0\r\nA : b\r\n\r\n", "0\r\nA\r\n\r\n", "0\r\nA: b\n\r\n", "0\r\n\r\nextra"});
  static constexpr auto kSplices = std::to_array<std::string_view>(
      {"\r\n ", "\r\n\t", "\n", "\r", " ", ": ", ", ", "\r\n\r\n", " HTTP/1.1", "chunked", "5"});
};

}  // namespace finack::http::test
