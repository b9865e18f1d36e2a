#include "http/status.h"

#include "http/encoder.h"

namespace finack::http {
namespace {

struct Phrase {
  int status;
  std::string_view phrase;
};

// IANA HTTP Status Code Registry.
constexpr std::array kPhrases = {
    Phrase{100, "Continue"},
    Phrase{101, "Switching Protocols"},
    Phrase{102, "Processing"},
    Phrase{103, "Early Hints"},
    Phrase{104, "Upload Resumption Supported"},
    Phrase{200, "OK"},
    Phrase{201, "Created"},
    Phrase{202, "Accepted"},
    Phrase{203, "Non-Authoritative Information"},
    Phrase{204, "No Content"},
    Phrase{205, "Reset Content"},
    Phrase{206, "Partial Content"},
    Phrase{207, "Multi-Status"},
    Phrase{208, "Already Reported"},
    Phrase{226, "IM Used"},
    Phrase{300, "Multiple Choices"},
    Phrase{301, "Moved Permanently"},
    Phrase{302, "Found"},
    Phrase{303, "See Other"},
    Phrase{304, "Not Modified"},
    Phrase{305, "Use Proxy"},
    Phrase{307, "Temporary Redirect"},
    Phrase{308, "Permanent Redirect"},
    Phrase{400, "Bad Request"},
    Phrase{401, "Unauthorized"},
    Phrase{402, "Payment Required"},
    Phrase{403, "Forbidden"},
    Phrase{404, "Not Found"},
    Phrase{405, "Method Not Allowed"},
    Phrase{406, "Not Acceptable"},
    Phrase{407, "Proxy Authentication Required"},
    Phrase{408, "Request Timeout"},
    Phrase{409, "Conflict"},
    Phrase{410, "Gone"},
    Phrase{411, "Length Required"},
    Phrase{412, "Precondition Failed"},
    Phrase{413, "Content Too Large"},
    Phrase{414, "URI Too Long"},
    Phrase{415, "Unsupported Media Type"},
    Phrase{416, "Range Not Satisfiable"},
    Phrase{417, "Expectation Failed"},
    Phrase{421, "Misdirected Request"},
    Phrase{422, "Unprocessable Content"},
    Phrase{423, "Locked"},
    Phrase{424, "Failed Dependency"},
    Phrase{425, "Too Early"},
    Phrase{426, "Upgrade Required"},
    Phrase{428, "Precondition Required"},
    Phrase{429, "Too Many Requests"},
    Phrase{431, "Request Header Fields Too Large"},
    Phrase{451, "Unavailable For Legal Reasons"},
    Phrase{500, "Internal Server Error"},
    Phrase{501, "Not Implemented"},
    Phrase{502, "Bad Gateway"},
    Phrase{503, "Service Unavailable"},
    Phrase{504, "Gateway Timeout"},
    Phrase{505, "HTTP Version Not Supported"},
    Phrase{506, "Variant Also Negotiates"},
    Phrase{507, "Insufficient Storage"},
    Phrase{508, "Loop Detected"},
    Phrase{510, "Not Extended"},
    Phrase{511, "Network Authentication Required"},
};

constexpr StatusLine make_line(int status, std::string_view phrase) {
  StatusLine line;
  const auto put = [&line](std::string_view text) {
    for (const char c : text) line.text[line.size++] = c;
  };
  put("HTTP/1.1 ");
  for (int unit = 100; unit != 0; unit /= 10) {
    line.text[line.size++] = static_cast<char>('0' + status / unit % 10);
  }
  put(" ");
  put(phrase);
  return line;
}

constexpr auto kLines = [] {
  std::array<StatusLine, kPhrases.size()> lines{};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    lines[i] = make_line(kPhrases[i].status, kPhrases[i].phrase);
  }
  return lines;
}();

// Row of a status plus one; 0: no phrase.
constexpr auto kRowOf = [] {
  std::array<std::uint8_t, 600> rows{};
  for (std::size_t i = 0; i < kPhrases.size(); ++i) {
    rows[static_cast<std::size_t>(kPhrases[i].status)] = static_cast<std::uint8_t>(i + 1);
  }
  return rows;
}();

std::size_t row_of(int status) {
  return status >= 100 && status < 600 ? kRowOf[static_cast<std::size_t>(status)] : 0U;
}

}  // namespace

const StatusLine* standard_status_line(int status) {
  const std::size_t row = row_of(status);
  return row != 0 ? &kLines[row - 1] : nullptr;
}

std::string_view reason_phrase(int status) {
  const std::size_t row = row_of(status);
  return row != 0 ? kPhrases[row - 1].phrase : std::string_view();
}

}  // namespace finack::http
