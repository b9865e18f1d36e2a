#pragma once
#include <array>
#include <string_view>

#include "http/encoder.h"

namespace finack::bench {

struct RequestCase {
  std::string_view name;
  std::string_view bytes;
};

/// What load generators, curl and a browser send.
inline constexpr std::array kRequests = {
    RequestCase{"ping_76",
                "GET /ping HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: bench\r\n"
                "Accept: */*\r\n\r\n"},
    RequestCase{"wrk_83",
                "GET /ping HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept: text/plain, */*\r\n"
                "X-Id: 12345\r\n\r\n"},
    RequestCase{"curl_81",
                "GET /ping HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/7.88.1\r\n"
                "Accept: */*\r\n\r\n"},
    RequestCase{"post_148",
                "POST /echo HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: service/1.4\r\n"
                "Content-Type: application/json\r\nContent-Length: 27\r\n"
                "Connection: keep-alive\r\n\r\n"},
    RequestCase{
        "browser_480",
        "GET /articles/2024/05/the-cost-of-closing?utm_source=feed&page=2 HTTP/1.1\r\n"
        "Host: www.example.com\r\nConnection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/124.0 "
        "Safari/537.36\r\n"
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n"
        "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\n"
        "Cookie: session=4f2a9b7c1d; theme=dark; consent=1\r\nCache-Control: max-age=0\r\n\r\n"},
};

inline constexpr std::string_view kDate = "Tue, 24 Nov 2026 06:51:21 GMT";

/// The usual answer: Date, Content-Type, Content-Length, Keep-Alive.
inline http::ResponseHead usual_response() {
  http::ResponseHead head;
  head.content_type = "text/plain; charset=utf-8";
  head.content_length = 13;
  return head;
}

inline http::EncodeContext usual_context() {
  http::EncodeContext context;
  context.has_length = true;
  context.length = 13;
  context.keep_alive = "timeout=75";
  context.date = kDate;
  return context;
}

}  // namespace finack::bench
