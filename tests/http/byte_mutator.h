#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/dice.h"

namespace finack::http::test {

/// Damages requests and bodies as a fuzzer does, and as those do who smuggle; the same seed makes
/// the same sequence.
class ByteMutator : public Dice {
 public:
  using Dice::Dice;

  /// One or two changes; `other` is what splices take their bytes from.
  void mutate(std::string& text, std::string_view other) {
    for (std::uint64_t times = 1 + below(2); times != 0; --times) {
      switch (below(9)) {
        case 0:
          if (!text.empty()) {
            char& c = text[below(text.size())];
            c = static_cast<char>(static_cast<unsigned char>(c) ^ (1U << below(8)));
          }
          break;
        case 1:
          if (!text.empty()) text[below(text.size())] = byte();
          break;
        case 2:
          text.insert(below(text.size() + 1), 1 + below(3), byte());
          break;
        case 3:
          text.erase(below(text.size() + 1), 1 + below(4));
          break;
        case 4:
          splice(text, other);
          break;
        case 5:
          repeat_line(text);
          break;
        case 6:
          change_size_line(text);
          break;
        case 7:
          text.insert(below(text.size() + 1), pick(kTokens));
          break;
        default:
          text.resize(below(text.size() + 1));
          break;
      }
    }
  }

  /// A chunked body, well formed but for what a choice of extensions and trailers brings.
  std::string chunked_body() {
    std::string out;
    for (std::uint64_t chunks = below(4); chunks != 0; --chunks) {
      const std::size_t size = 1 + below(chance(90) ? 20 : 300);
      out.append(hex(size));
      if (chance(20)) out.append(pick(kExtensions));
      if (chance(1)) out.append(";").append(300, 'e');
      out.append("\r\n").append(size, static_cast<char>('a' + below(26))).append("\r\n");
    }
    out.append(chance(90) ? "0" : "000");
    if (chance(10)) out.append(pick(kExtensions));
    out.append("\r\n");
    for (std::uint64_t fields = chance(30) ? 1 + below(2) : 0; fields != 0; --fields) {
      out.append(pick(kTrailers)).append("\r\n");
    }
    out.append("\r\n");
    if (chance(20)) out.append("GET /behind HTTP/1.1\r\n");
    return out;
  }

 private:
  char byte() {
    using namespace std::literals;
    static constexpr auto kBytes =
        "\0\1\t\n\v\r \"#%,/:;=?@[\\]{|}\x7f\x80\xff"
        "059aAfFgxZ+-_"sv;
    return kBytes[below(kBytes.size())];
  }

  static std::string hex(std::size_t number) {
    std::string out;
    for (; number != 0; number /= 16) out.insert(out.begin(), "0123456789aBcdEf"[number % 16]);
    return out;
  }

  void splice(std::string& text, std::string_view other) {
    const std::size_t from = below(other.size() + 1);
    const std::string_view piece = other.substr(from, 1 + below(40));
    const std::size_t at = below(text.size() + 1);
    if (chance(50)) {
      text.insert(at, piece);
    } else {
      text.replace(at, piece.size(), piece);
    }
  }

  /// Where a line begins and ends, its CRLF included.
  struct Line {
    std::size_t begin;
    std::size_t end;
  };
  Line some_line(const std::string& text) {
    const std::size_t at = below(text.size() + 1);
    const std::size_t before = at == 0 ? std::string::npos : text.rfind("\r\n", at - 1);
    const std::size_t begin = before == std::string::npos ? 0 : before + 2;
    const std::size_t end = text.find("\r\n", begin);
    return {begin, end == std::string::npos ? text.size() : end + 2};
  }

  void repeat_line(std::string& text) {
    const Line line = some_line(text);
    const std::string copy = text.substr(line.begin, line.end - line.begin);
    text.insert(chance(50) ? line.begin : some_line(text).begin, copy);
  }

  void change_size_line(std::string& text) {
    const Line line = some_line(text);
    const std::size_t size = line.end - line.begin;
    if (size < 2 || size > 20) return;
    if (chance(50)) {
      text.replace(line.begin, size - 2, pick(kSizes));
    } else {
      text.insert(line.end - 2, pick(kExtensions));
    }
  }

  static constexpr auto kSizes = std::to_array<std::string_view>({"0",
                                                                  "00",
                                                                  "5",
                                                                  "05",
                                                                  "-1",
                                                                  "+5",
                                                                  "0x5",
                                                                  "5 ",
                                                                  " 5",
                                                                  "5\t",
                                                                  "1_0",
                                                                  "ffffffffffffffff",
                                                                  "10000000000000005",
                                                                  "7fffffffffffffff",
                                                                  "10000000001",
                                                                  "00000000000000005",
                                                                  "",
                                                                  ";",
                                                                  "5;",
                                                                  "5\n",
                                                                  "5\r"});
  static constexpr auto kExtensions = std::to_array<std::string_view>(
      {";a",    ";a=b",      ";a=\"b\"", ";a=\"b\\\"c\"", "; a",    " ;a",      ";a = b",
       ";",     ";;",        ";a=",      ";=b",           ";a;b=c", ";a=b;c=d", ";a=b;c",
       ";a=\"", ";a=\"b\"c", ";a\n",     ";\"a\"",        ";a=b c", ";a\x7f",   ";a=\"\x01\"",
       " "});
  static constexpr auto kTrailers = std::to_array<std::string_view>(
      {"X: y", "X-Sum: abc", "X:", "x : y", "X", " x: y", "X: \x01", "Content-Length: 5",
       "Transfer-Encoding: chunked", "Host: a", ": y", "X: y\n", "Connection: close"});
  static constexpr auto kTokens =
      std::to_array<std::string_view>({"\r\n",
                                       "\r\n\r\n",
                                       "\n",
                                       "\n\n",
                                       "\r",
                                       "\r\n ",
                                       "0\r\n\r\n",
                                       "\r\n0\r\n\r\n",
                                       ": ",
                                       ", ",
                                       "chunked",
                                       "Content-Length: 5\r\n",
                                       "Transfer-Encoding: chunked\r\n",
                                       "\r\nTransfer-Encoding: identity",
                                       "Host: b\r\n",
                                       "HTTP/1.1",
                                       "GET / ",
                                       "PRI ",
                                       " ICE/1.0",
                                       "\t\r\n"});
};

}  // namespace finack::http::test
