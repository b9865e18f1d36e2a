#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/dice.h"

namespace finack::http::test {

/// Makes request heads, valid ones and mutated ones; the same seed makes the same sequence.
class RequestGenerator : Dice {
 public:
  using Dice::Dice;

  std::string next() {
    std::string request = well_formed();
    if (chance(50)) return request;
    for (std::uint64_t times = 1 + below(3); times != 0; --times) mutate(request);
    return request;
  }

 private:
  std::string well_formed() {
    static constexpr auto kMethods = std::to_array<std::string_view>(
        {"GET", "GET", "GET", "POST", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "TRACE",
         "CONNECT", "BREW", "get", "PROPFIND", "M-SEARCH", "PRI"});
    static constexpr auto kTargets = std::to_array<std::string_view>(
        {"/", "/a", "/a/b?c=d", "/?", "/a%20b", "*", "http://h/", "http://h:80/x?y",
         "https://[::1]/", "h:443", "a", "//x", "/a?b?c", "/a#f", "/;p=1", "ftp://h/", "/{x}|^`",
         "/a\"b", "/a\\b"});
    static constexpr auto kVersions = std::to_array<std::string_view>(
        {"HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.0",
         "HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "http/1.1", "ICE/1.0"});
    std::string out;
    if (chance(3)) out += "\r\n";
    out.append(pick(kMethods)).append(" ");
    out.append(chance(60) ? "/a/b?c=d" : pick(kTargets)).append(" ");
    out.append(chance(70) ? "HTTP/1.1" : pick(kVersions)).append("\r\n");
    if (chance(95)) {
      out.append("Host: ").append(chance(70) ? "example.com" : pick(kHosts)).append("\r\n");
    }
    for (std::uint64_t fields = below(4); fields != 0; --fields) {
      out.append(pick(kFields)).append("\r\n");
    }
    return out += "\r\n";
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
      case 3: {  // A line twice.
        const std::size_t end = text.find("\r\n", at);
        const std::size_t begin = text.rfind("\r\n", at);
        if (end == std::string::npos || begin == std::string::npos || begin >= end) break;
        text.insert(end, text.substr(begin, end - begin));
        break;
      }
      case 4: {  // A field more.
        const std::size_t end = text.find("\r\n", at);
        if (end != std::string::npos) text.insert(end, "\r\n" + std::string(pick(kFields)));
        break;
      }
      default:
        text.insert(at, pick(kSplices));
        break;
    }
  }

  static constexpr auto kHosts = std::to_array<std::string_view>(
      {"a", "a", "example.com", "127.0.0.1:8080", "[::1]:80", "", "a b", "u@a", "a:x", "a,b"});
  static constexpr auto kFields =
      std::to_array<std::string_view>({"Content-Length: 5",
                                       "Content-Length: 0",
                                       "content-length: 12",
                                       "Content-Length: 5, 5",
                                       "Content-Length: +5",
                                       "Content-Length: 99999999999999999999",
                                       "Content-Length:",
                                       "Content-Length: 5\t",
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
                                       "Connection: Upgrade",
                                       "Connection: a, close",
                                       "Connection: close, keep-alive",
                                       "Connection: xclose",
                                       "Connection: close x",
                                       "Connection: close\t",
                                       "Connection:",
                                       "Upgrade: websocket",
                                       "Expect: 100-continue",
                                       "Expect: x",
                                       "Accept: */*",
                                       "Cookie: a=b; c=d",
                                       "User-Agent: curl/7.88.1",
                                       "X:",
                                       "X: \ty z",
                                       "X: \xc3\xa9",
                                       "Keep-Alive: timeout=5",
                                       "Proxy-Connection: keep-alive",
                                       "X-Very-Long-Name-Of-A-Header: value"});
  static constexpr auto kSplices = std::to_array<std::string_view>(
      {"\r\n ", "\r\n\t", "\n", "\r", " ", ": ", ", ", "\r\n\r\n", " HTTP/1.1", "GET ", "chunked"});
};

}  // namespace finack::http::test
