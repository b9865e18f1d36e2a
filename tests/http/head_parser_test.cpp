#include "http/head_parser.h"

#include <gtest/gtest.h>

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "http/verdict.h"

namespace finack::http::test {
namespace {

using namespace std::literals;

// Request heads and what the parser must say of them; the words are explained in verdict.h.
struct HeadCase {
  std::string_view bytes;
  std::string_view verdict;
};

constexpr std::array kRequestLineCases = {
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n"sv, "HEAD /x @a 1.1 keep"sv},
    HeadCase{"POST /x HTTP/1.1\r\nHost: a\r\n\r\n"sv, "POST /x @a 1.1 keep"sv},
    HeadCase{"PUT /x HTTP/1.1\r\nHost: a\r\n\r\n"sv, "PUT /x @a 1.1 keep"sv},
    HeadCase{"DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n"sv, "DELETE /x @a 1.1 keep"sv},
    HeadCase{"OPTIONS /x HTTP/1.1\r\nHost: a\r\n\r\n"sv, "OPTIONS /x @a 1.1 keep"sv},
    HeadCase{"TRACE /x HTTP/1.1\r\nHost: a\r\n\r\n"sv, "TRACE /x @a 1.1 keep"sv},
    HeadCase{"PATCH /x HTTP/1.1\r\nHost: a\r\n\r\n"sv, "PATCH /x @a 1.1 keep"sv},
    HeadCase{"BREW / HTTP/1.1\r\nHost: a\r\n\r\n"sv, "BREW / @a 1.1 keep"sv},
    HeadCase{"get / HTTP/1.1\r\nHost: a\r\n\r\n"sv, "get / @a 1.1 keep"sv},
    HeadCase{"GETT / HTTP/1.1\r\nHost: a\r\n\r\n"sv, "GETT / @a 1.1 keep"sv},
    HeadCase{"M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n"sv, "M-SEARCH / @a 1.1 keep"sv},
    HeadCase{"!#$%&'*+-.^_`|~9 / HTTP/1.1\r\nHost: a\r\n\r\n"sv,
             "!#$%&'*+-.^_`|~9 / @a 1.1 keep"sv},
    HeadCase{"PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n"sv, "PROPFIND / @a 1.1 keep"sv},
    HeadCase{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
             "AAAA / HTTP/1.1\r\n"
             "Host: a\r\n"
             "\r\n"sv,
             "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / @a 1.1 keep"sv},
    HeadCase{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"sv,
             "method_invalid"sv},
    HeadCase{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
             "AAAAA / HTTP/1.1\r\n"
             "Host: a\r\n"
             "\r\n"sv,
             "method_invalid"sv},
    HeadCase{" GET / HTTP/1.1\r\n"sv, "method_invalid"sv},
    HeadCase{"G@T / HTTP/1.1\r\n"sv, "method_invalid"sv},
    HeadCase{"GET\t/ HTTP/1.1\r\n"sv, "method_invalid"sv},
    HeadCase{"G\000T / HTTP/1.1\r\n"sv, "method_invalid"sv},
    HeadCase{"\026\003\001"sv, "method_invalid"sv},
    HeadCase{"("sv, "method_invalid"sv},
    HeadCase{"\200"sv, "method_invalid"sv},
    HeadCase{"GET: / HTTP/1.1\r\n"sv, "method_invalid"sv},
    HeadCase{"GET\r\n"sv, "method_invalid"sv},
    HeadCase{"GET\r"sv, "need_more"sv},
    HeadCase{"GET\rX"sv, "request_line_bare_cr"sv},
    HeadCase{"GET\n"sv, "request_line_bare_lf"sv},
    HeadCase{"\nGET / HTTP/1.1\r\n"sv, "request_line_bare_lf"sv},
    HeadCase{"\rGET"sv, "request_line_bare_cr"sv},
    HeadCase{"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"\r\n"sv, "need_more"sv},
    HeadCase{"\r"sv, "need_more"sv},
    HeadCase{""sv, "need_more"sv},
    HeadCase{"\r\n\n"sv, "request_line_bare_lf"sv},
};

constexpr std::array kTargetCases = {
    HeadCase{"GET /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n"sv, "GET /a ?b=c @a 1.1 keep"sv},
    HeadCase{"GET /? HTTP/1.1\r\nHost: a\r\n\r\n"sv, "GET / ? @a 1.1 keep"sv},
    HeadCase{"GET /a??b HTTP/1.1\r\nHost: a\r\n\r\n"sv, "GET /a ??b @a 1.1 keep"sv},
    HeadCase{"GET //x/y HTTP/1.1\r\nHost: a\r\n\r\n"sv, "GET //x/y @a 1.1 keep"sv},
    HeadCase{"GET /%41%zz HTTP/1.1\r\nHost: a\r\n\r\n"sv, "GET /%41%zz @a 1.1 keep"sv},
    HeadCase{"GET /a;p=1,2:@!$&'()*+=~-._ HTTP/1.1\r\nHost: a\r\n\r\n"sv,
             "GET /a;p=1,2:@!$&'()*+=~-._ @a 1.1 keep"sv},
    HeadCase{"GET /[x]{y}|^` HTTP/1.1\r\nHost: a\r\n\r\n"sv, "GET /[x]{y}|^` @a 1.1 keep"sv},
    HeadCase{"GET /q?a\\b HTTP/1.1\r\nHost: a\r\n\r\n"sv, "GET /q ?a\\b @a 1.1 keep"sv},
    HeadCase{"GET /xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
             "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx HTTP/1.1\r\n"
             "Host: a\r\n"
             "\r\n"sv,
             "GET /xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
             "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx @a 1.1 keep"sv},
    HeadCase{"GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET /# HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET /a?b#c HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET /\" HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET /< HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET /> HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET /a\000 HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET /a\177 HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET /a\200 HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET /\303\251 HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET /q?\" HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET /q?< HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET /q?\200 HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET x HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET example.com HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET example.com:80 HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET *a HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET ?a HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET http: HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET http:/x HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET http:// HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET http://?q HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET ftp://h/ HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET file:///etc HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET http://u@h/ HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET http://u:p@h/ HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET http://h:x/ HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET http://h:99999/ HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET https//h/ HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET mailto:a HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET http://h\\x/ HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET 1http://h/ HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"GET  / HTTP/1.1\r\n"sv, "target_invalid"sv},
    HeadCase{"GET /  HTTP/1.1\r\n"sv, "version_invalid"sv},
    HeadCase{"GET \r\n"sv, "target_invalid"sv},
    HeadCase{"GET /\r\n"sv, "target_invalid"sv},
    HeadCase{"GET /\r\r"sv, "request_line_bare_cr"sv},
    HeadCase{"GET /\n"sv, "request_line_bare_lf"sv},
    HeadCase{"GET /a\rb"sv, "request_line_bare_cr"sv},
    HeadCase{"GET http://h HTTP/1.1\r\nHost: a\r\n\r\n"sv, "GET / @h 1.1 keep"sv},
    HeadCase{"GET http://h/ HTTP/1.1\r\nHost: a\r\n\r\n"sv, "GET / @h 1.1 keep"sv},
    HeadCase{"GET HTTP://h:8080/a?b HTTP/1.1\r\nHost: a\r\n\r\n"sv, "GET /a ?b @h:8080 1.1 keep"sv},
    HeadCase{"GET https://[::1]:443/x HTTP/1.1\r\nHost: a\r\n\r\n"sv,
             "GET /x @[::1]:443 1.1 keep"sv},
    HeadCase{"GET http://h?q/r HTTP/1.1\r\nHost: a\r\n\r\n"sv, "GET / ?q/r @h 1.1 keep"sv},
    HeadCase{"GET http://h:/ HTTP/1.1\r\nHost: a\r\n\r\n"sv, "GET / @h: 1.1 keep"sv},
    HeadCase{"GET http://h/x HTTP/1.0\r\nHost: a\r\n\r\n"sv, "GET /x @h 1.0 close"sv},
    HeadCase{"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"sv, "OPTIONS * @a 1.1 keep"sv},
    HeadCase{"OPTIONS http://h HTTP/1.1\r\nHost: a\r\n\r\n"sv, "OPTIONS * @h 1.1 keep"sv},
    HeadCase{"OPTIONS http://h? HTTP/1.1\r\nHost: a\r\n\r\n"sv, "OPTIONS / ? @h 1.1 keep"sv},
    HeadCase{"OPTIONS http://h/ HTTP/1.1\r\nHost: a\r\n\r\n"sv, "OPTIONS / @h 1.1 keep"sv},
    HeadCase{"GET * HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"POST * HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"OPTIONS *?a HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n"sv, "target_invalid"sv},
    HeadCase{"CONNECT h:443 HTTP/1.1\r\nHost: a\r\n\r\n"sv, "authority_form_refused"sv},
    HeadCase{"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n"sv, "authority_form_refused"sv},
    HeadCase{"CONNECT h HTTP/1.1\r\nHost: a\r\n\r\n"sv, "authority_form_refused"sv},
    HeadCase{"connect /x HTTP/1.1\r\nHost: a\r\n\r\n"sv, "connect /x @a 1.1 keep"sv},
};

constexpr std::array kVersionCases = {
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.0\r\n\r\n"sv, "GET / @ 1.0 close"sv},
    HeadCase{"GET / HTTP/1.0\r\nHost: a\r\n\r\n"sv, "GET / @a 1.0 close"sv},
    HeadCase{"GET / HTTP/2.0\r\n"sv, "version_unsupported"sv},
    HeadCase{"GET / HTTP/0.9\r\n"sv, "version_unsupported"sv},
    HeadCase{"GET / HTTP/1.2\r\n"sv, "version_unsupported"sv},
    HeadCase{"GET / HTTP/3.0\r\n"sv, "version_unsupported"sv},
    HeadCase{"GET / HTTP/9.9\r\n"sv, "version_unsupported"sv},
    HeadCase{"GET / HTTP/0.0\r\n"sv, "version_unsupported"sv},
    HeadCase{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"sv, "version_unsupported"sv},
    HeadCase{"GET / HTTP/1.1 \r\n"sv, "version_invalid"sv},
    HeadCase{"GET / HTTP/1.10\r\n"sv, "version_invalid"sv},
    HeadCase{"GET / HTTP/11\r\n"sv, "version_invalid"sv},
    HeadCase{"GET / http/1.1\r\n"sv, "version_invalid"sv},
    HeadCase{"GET / HTTP/1,1\r\n"sv, "version_invalid"sv},
    HeadCase{"GET / HTTP/1.\r\n"sv, "version_invalid"sv},
    HeadCase{"GET / HTTP/x.1\r\n"sv, "version_invalid"sv},
    HeadCase{"GET / HTTP 1.1\r\n"sv, "version_invalid"sv},
    HeadCase{"GET / HTTPS/1.1\r\n"sv, "version_invalid"sv},
    HeadCase{"GET / X"sv, "version_invalid"sv},
    HeadCase{"GET / \r\n"sv, "version_invalid"sv},
    HeadCase{"GET / HTTP/1.1\t\r\n"sv, "version_invalid"sv},
    HeadCase{"GET / HTTP/+1.1\r\n"sv, "version_invalid"sv},
    HeadCase{"GET / ICE/1.0\r\n"sv, "version_invalid"sv},
    HeadCase{"GET / HTTP/1.1\n"sv, "request_line_bare_lf"sv},
    HeadCase{"GET / HTTP/1.1\rX"sv, "request_line_bare_cr"sv},
    HeadCase{"GET / HTTP/1.1\r\r\n"sv, "request_line_bare_cr"sv},
    HeadCase{"GET / \n"sv, "request_line_bare_lf"sv},
    HeadCase{"GET / HTTP/1\n"sv, "request_line_bare_lf"sv},
    HeadCase{"GET / HTTP/1.1"sv, "need_more"sv},
    HeadCase{"GET / HTTP/1.1\r"sv, "need_more"sv},
    HeadCase{"GET / HT"sv, "need_more"sv},
};

constexpr std::array kFieldsCases = {
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA:b\r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA:\r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: \r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA:\t b \t\r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: b c\td\r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: \200\377\r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~9: x\r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: :::\r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\n"
             "Host: a\r\n"
             "A-Very-Long-Header-Name-Beyond-Sixteen: vvvvvvvvvvvvvvvvvvvv"
             "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv\r\n"
             "\r\n"sv,
             "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n"sv, "header_name_space_before_colon"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nHost : a\r\n\r\n"sv, "header_name_space_before_colon"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA\t: b\r\n\r\n"sv, "header_name_space_before_colon"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA b: c\r\n\r\n"sv, "header_name_space_before_colon"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n"sv,
             "header_name_space_before_colon"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA \r\n\r\n"sv, "header_name_space_before_colon"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\n A: b\r\n\r\n"sv, "header_obs_fold"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\n\tA: b\r\n\r\n"sv, "header_obs_fold"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n"sv, "header_obs_fold"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\tc\r\n\r\n"sv, "header_obs_fold"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n \r\n\r\n"sv, "header_obs_fold"sv},
    HeadCase{"GET / HTTP/1.1\r\n Host: a\r\n\r\n"sv, "header_obs_fold"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"sv, "header_name_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\n(A): b\r\n\r\n"sv, "header_name_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA\000: b\r\n\r\n"sv, "header_name_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\n\000A: b\r\n\r\n"sv, "header_name_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA\200: b\r\n\r\n"sv, "header_name_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\n[A]: b\r\n\r\n"sv, "header_name_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA/B: c\r\n\r\n"sv, "header_name_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA@: b\r\n\r\n"sv, "header_name_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA\177: b\r\n\r\n"sv, "header_name_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\n{: b\r\n\r\n"sv, "header_name_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\n\"A\": b\r\n\r\n"sv, "header_name_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA\013: b\r\n\r\n"sv, "header_name_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: b\000c\r\n\r\n"sv, "header_value_control"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: \000\r\n\r\n"sv, "header_value_control"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: \001\r\n\r\n"sv, "header_value_control"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: \013\r\n\r\n"sv, "header_value_control"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: \014\r\n\r\n"sv, "header_value_control"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: \037\r\n\r\n"sv, "header_value_control"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: \177\r\n\r\n"sv, "header_value_control"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: \033[0m\r\n\r\n"sv, "header_value_control"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: x\010\r\n\r\n"sv, "header_value_control"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA\r\n\r\n"sv, "header_no_colon"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nHost\r\n\r\n"sv, "header_no_colon"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: b\n\r\n"sv, "header_bare_lf"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA\n\r\n"sv, "header_bare_lf"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\n\nA: b\r\n\r\n"sv, "header_bare_lf"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA:\n\r\n\r\n"sv, "header_bare_lf"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: b\rc\r\n\r\n"sv, "header_bare_cr"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\r\n\r\n"sv, "header_bare_cr"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA\rb: c\r\n\r\n"sv, "header_bare_cr"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\n\rA: b\r\n\r\n"sv, "header_bare_cr"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n\r\n"sv, "header_bare_cr"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\n\n"sv, "header_bare_lf"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\n\r"sv, "need_more"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\n"sv, "need_more"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\n"sv, "header_bare_lf"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\nX"sv, "header_bare_lf"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: b\r"sv, "need_more"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: incomplete\nB"sv, "header_bare_lf"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA"sv, "need_more"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA:"sv, "need_more"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nA: b\000"sv, "header_value_control"sv},
};

constexpr std::array kHostCases = {
    HeadCase{"GET / HTTP/1.1\r\n\r\n"sv, "host_missing"sv},
    HeadCase{"GET / HTTP/1.1\r\nA: b\r\n\r\n"sv, "host_missing"sv},
    HeadCase{"GET http://h/ HTTP/1.1\r\n\r\n"sv, "host_missing"sv},
    HeadCase{"GET / HTTP/1.1\r\nHos: a\r\n\r\n"sv, "host_missing"sv},
    HeadCase{"GET / HTTP/1.1\r\nHostt: a\r\n\r\n"sv, "host_missing"sv},
    HeadCase{"GET / HTTP/1.1\r\nHast: a\r\n\r\n"sv, "host_missing"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"sv, "host_repeated"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"sv, "host_repeated"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nHOST: a\r\n\r\n"sv, "host_repeated"sv},
    HeadCase{"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"sv, "host_repeated"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: example.com\r\n\r\n"sv, "GET / @example.com 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: example.com:80\r\n\r\n"sv,
             "GET / @example.com:80 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: 127.0.0.1:8080\r\n\r\n"sv,
             "GET / @127.0.0.1:8080 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: [::1]\r\n\r\n"sv, "GET / @[::1] 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: [::1]:80\r\n\r\n"sv, "GET / @[::1]:80 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: [2001:db8::1]:65535\r\n\r\n"sv,
             "GET / @[2001:db8::1]:65535 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: [::ffff:1.2.3.4]\r\n\r\n"sv,
             "GET / @[::ffff:1.2.3.4] 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a_b\r\n\r\n"sv, "GET / @a_b 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a:\r\n\r\n"sv, "GET / @a: 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: %41.com\r\n\r\n"sv, "GET / @%41.com 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: xn--bcher-kva.example\r\n\r\n"sv,
             "GET / @xn--bcher-kva.example 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: x-y.z~\r\n\r\n"sv, "GET / @x-y.z~ 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a:0\r\n\r\n"sv, "GET / @a:0 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a:00080\r\n\r\n"sv, "GET / @a:00080 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost:\r\n\r\n"sv, "GET / @ 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: \r\n\r\n"sv, "GET / @ 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: u@a\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: u:p@a\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a b\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a, b\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a/b\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a?b\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a#b\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a\\b\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: http://a\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a:b\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a:80:80\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a:65536\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a:123456\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a:-1\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a: 80\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: :80\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: :\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: [::1\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: ::1]\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: []\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: [:]\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: [::1]x\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: [::1]:x\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: [fe80::1%25en0]\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: [g::1]\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: [v1.x]\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: %4\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: %zz\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a%\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: \303\251\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a\"\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: <a>\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a^b\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: {a}\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a|b\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: a`\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: [::1]]\r\n\r\n"sv, "host_invalid"sv},
    HeadCase{"GET / HTTP/1.1\r\nhOsT: 1:2:3\r\n\r\n"sv, "host_invalid"sv},
};

constexpr std::array kFramingCases = {
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"sv,
             "POST / @a 1.1 length=0 keep"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\ncontent-length:5\r\n\r\n"sv,
             "POST / @a 1.1 length=5 keep"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nCONTENT-LENGTH: 0005\r\n\r\n"sv,
             "POST / @a 1.1 length=5 keep"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n"sv,
             "POST / @a 1.1 length=9223372036854775807 keep"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 \r\n\r\n"sv,
             "POST / @a 1.1 length=5 keep"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\n\r\n"sv, "POST / @a 1.1 keep"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n"sv,
             "content_length_invalid"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n"sv,
             "content_length_invalid"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n"sv,
             "content_length_invalid"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n"sv,
             "content_length_invalid"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5a\r\n\r\n"sv,
             "content_length_invalid"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:  \r\n\r\n"sv,
             "content_length_invalid"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\n"sv,
             "content_length_invalid"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5.0\r\n\r\n"sv,
             "content_length_invalid"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n"sv,
             "content_length_invalid"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n"sv,
             "content_length_invalid"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n"sv,
             "content_length_invalid"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \"5\"\r\n\r\n"sv,
             "content_length_invalid"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5;\r\n\r\n"sv,
             "content_length_invalid"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\t6\r\n\r\n"sv,
             "content_length_invalid"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \331\243\r\n\r\n"sv,
             "content_length_invalid"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n"sv,
             "content_length_repeated"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5,5\r\n\r\n"sv,
             "content_length_repeated"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5,6\r\n\r\n"sv,
             "content_length_repeated"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5,\r\n\r\n"sv,
             "content_length_repeated"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ,5\r\n\r\n"sv,
             "content_length_repeated"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"sv,
             "content_length_repeated"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nCoNtEnT-LeNgTh: 6\r\n\r\n"sv,
             "content_length_repeated"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"sv,
             "POST / @a 1.1 chunked keep"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"sv,
             "POST / @a 1.1 chunked keep"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n"sv,
             "POST / @a 1.1 chunked keep"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding:\tchunked \r\n\r\n"sv,
             "POST / @a 1.1 chunked keep"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"sv,
             "transfer_encoding_unsupported"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunkedx\r\n\r\n"sv,
             "transfer_encoding_unsupported"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"sv,
             "transfer_encoding_unsupported"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"sv,
             "transfer_encoding_unsupported"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \r\n\r\n"sv,
             "transfer_encoding_unsupported"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"sv,
             "transfer_encoding_unsupported"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n"sv,
             "transfer_encoding_unsupported"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n"sv,
             "transfer_encoding_unsupported"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: , chunked\r\n\r\n"sv,
             "transfer_encoding_unsupported"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\200\r\n\r\n"sv,
             "transfer_encoding_unsupported"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: 'chunked'\r\n\r\n"sv,
             "transfer_encoding_unsupported"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip;a=\"b, chunked\r\n\r\n"sv,
             "transfer_encoding_unsupported"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n"sv,
             "transfer_encoding_not_final_chunked"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n"sv,
             "transfer_encoding_not_final_chunked"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n"sv,
             "transfer_encoding_not_final_chunked"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked , ,\r\n\r\n"sv,
             "transfer_encoding_not_final_chunked"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n"sv,
             "transfer_encoding_repeated_chunked"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,chunked\r\n\r\n"sv,
             "transfer_encoding_repeated_chunked"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked, chunked\r\n\r\n"sv,
             "transfer_encoding_repeated_chunked"sv},
    HeadCase{"POST / HTTP/1.1\r\n"
             "Host: a\r\n"
             "Transfer-Encoding: chunked\r\n"
             "Transfer-Encoding: chunked\r\n"
             "\r\n"sv,
             "transfer_encoding_repeated_chunked"sv},
    HeadCase{"POST / HTTP/1.1\r\n"
             "Host: a\r\n"
             "Transfer-Encoding: chunked\r\n"
             "Transfer-Encoding: gzip\r\n"
             "\r\n"sv,
             "transfer_encoding_not_final_chunked"sv},
    HeadCase{"POST / HTTP/1.1\r\n"
             "Host: a\r\n"
             "Transfer-Encoding: gzip\r\n"
             "Transfer-Encoding: chunked\r\n"
             "\r\n"sv,
             "transfer_encoding_unsupported"sv},
    HeadCase{"POST / HTTP/1.1\r\n"
             "Host: a\r\n"
             "Transfer-Encoding: chunked\r\n"
             "Transfer-Encoding: \r\n"
             "\r\n"sv,
             "transfer_encoding_not_final_chunked"sv},
    HeadCase{"POST / HTTP/1.1\r\n"
             "Host: a\r\n"
             "Transfer-Encoding: chunked\r\n"
             "Content-Length: 5\r\n"
             "\r\n"sv,
             "content_length_with_transfer_encoding"sv},
    HeadCase{"POST / HTTP/1.1\r\n"
             "Host: a\r\n"
             "Content-Length: 5\r\n"
             "Transfer-Encoding: chunked\r\n"
             "\r\n"sv,
             "content_length_with_transfer_encoding"sv},
    HeadCase{"POST / HTTP/1.1\r\n"
             "Host: a\r\n"
             "Content-Length: 5\r\n"
             "Transfer-Encoding: xchunked\r\n"
             "\r\n"sv,
             "content_length_with_transfer_encoding"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n"sv,
             "header_name_space_before_colon"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\r\n : chunked\r\n\r\n"sv,
             "header_no_colon"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n"sv,
             "POST / @a 1.1 keep"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n"sv,
             "header_obs_fold"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chu\000nked\r\n\r\n"sv,
             "header_value_control"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\013chunked\r\n\r\n"sv,
             "header_value_control"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encodinh: chunked\r\n\r\n"sv,
             "POST / @a 1.1 keep"sv},
    HeadCase{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"sv,
             "transfer_encoding_in_http10"sv},
    HeadCase{"POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\n"sv, "POST / @ 1.0 length=3 close"sv},
};

constexpr std::array kConnectionCases = {
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"sv, "GET / @a 1.1 close"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"sv,
             "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n"sv, "GET / @a 1.1 close"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnection: CLOSE\r\n\r\n"sv, "GET / @a 1.1 close"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n"sv,
             "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, keep-alive\r\n\r\n"sv,
             "GET / @a 1.1 close"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n"sv,
             "GET / @a 1.1 close"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnection: foo\r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnection: \r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnection: ,, close ,\r\n\r\n"sv,
             "GET / @a 1.1 close"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnection: xclose\r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnection: close x\r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnection: foo,close\r\n\r\n"sv,
             "GET / @a 1.1 close"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnection: \"close\"\r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive,upgrade\r\n\r\n"sv,
             "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnection: Keep_Alive\r\n\r\n"sv,
             "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnection: foo\r\nConnection: close\r\n\r\n"sv,
             "GET / @a 1.1 close"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n"sv,
             "GET / @a 1.1 close"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnectioo: close\r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nKeep-Alive: timeout=5\r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nProxy-Connection: close\r\n\r\n"sv,
             "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"sv, "GET / @ 1.0 keep"sv},
    HeadCase{"GET / HTTP/1.0\r\nConnection: Keep-Alive, foo\r\n\r\n"sv, "GET / @ 1.0 keep"sv},
    HeadCase{"GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n"sv, "GET / @ 1.0 close"sv},
    HeadCase{"GET / HTTP/1.0\r\nConnection: foo\r\n\r\n"sv, "GET / @ 1.0 close"sv},
    HeadCase{"GET / HTTP/1.0\r\nConnection: upgrade\r\n\r\n"sv, "GET / @ 1.0 close"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"sv, "GET / @a 1.1 keep"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"sv,
             "GET / @a 1.1 keep upgrade"sv},
    HeadCase{
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUPGRADE: h2c\r\n\r\n"sv,
        "GET / @a 1.1 keep upgrade"sv},
    HeadCase{"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, upgrade\r\nUpgrade: x\r\n\r\n"sv,
             "GET / @a 1.1 close upgrade"sv},
    HeadCase{"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"sv,
             "GET / @ 1.0 close"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"sv,
             "POST / @a 1.1 length=5 keep expect"sv},
    HeadCase{"POST / HTTP/1.1\r\n"
             "Host: a\r\n"
             "Expect: 100-CONTINUE\r\n"
             "Transfer-Encoding: chunked\r\n"
             "\r\n"sv,
             "POST / @a 1.1 chunked keep expect"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"sv,
             "POST / @a 1.1 keep"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n"sv,
             "POST / @a 1.1 length=0 keep"sv},
    HeadCase{"POST / HTTP/1.1\r\n"
             "Host: a\r\n"
             "Expect: 100-continue\r\n"
             "Expect: 100-continue\r\n"
             "Content-Length: 5\r\n"
             "\r\n"sv,
             "POST / @a 1.1 length=5 keep expect"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continu\r\n\r\n"sv, "expectation_failed"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n"sv, "expectation_failed"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nExpect: \r\n\r\n"sv, "expectation_failed"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, x\r\n\r\n"sv,
             "expectation_failed"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue,\r\n\r\n"sv,
             "expectation_failed"sv},
    HeadCase{"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"sv,
             "POST / @ 1.0 length=5 close"sv},
    HeadCase{"POST / HTTP/1.1\r\nHost: a\r\nExpecu: x\r\n\r\n"sv, "POST / @a 1.1 keep"sv},
};

constexpr std::array kTables = {
    std::span<const HeadCase>(kRequestLineCases), std::span<const HeadCase>(kTargetCases),
    std::span<const HeadCase>(kVersionCases),     std::span<const HeadCase>(kFieldsCases),
    std::span<const HeadCase>(kHostCases),        std::span<const HeadCase>(kFramingCases),
    std::span<const HeadCase>(kConnectionCases)};

template <class Check>
void for_each_case(const Check& check) {
  for (const auto& table : kTables) {
    for (const HeadCase& head_case : table) {
      SCOPED_TRACE(testing::PrintToString(std::string(head_case.bytes)));
      check(head_case);
    }
  }
}

TEST(HeadParser, SaysWhatTheTableSays) {
  for_each_case([](const HeadCase& c) { EXPECT_EQ(verdict(c.bytes), c.verdict); });
}

TEST(HeadParser, SaysTheSameHoweverTheBytesAreCut) {
  for_each_case([](const HeadCase& c) {
    for (std::size_t cut = 0; cut <= c.bytes.size(); ++cut) {
      ASSERT_EQ(verdict_cut(c.bytes, cut), c.verdict) << "cut at " << cut;
    }
  });
}

TEST(HeadParser, SaysTheSameByteByByte) {
  for_each_case([](const HeadCase& c) {
    HeadParser parser;
    RequestHead head;
    auto state = HeadParser::State::need_more;
    std::string grown;
    for (const char byte : c.bytes) {
      grown.push_back(byte);
      state = parser.parse(grown, {}, head);
      if (state != HeadParser::State::need_more) break;
    }
    EXPECT_EQ(describe(state, parser, head), c.verdict);
  });
}

TEST(HeadParser, IgnoresWhatFollowsTheHead) {
  for_each_case([](const HeadCase& c) {
    if (c.verdict == "need_more") return;
    const std::string longer = std::string(c.bytes) + "\n\0\r Host: b\r\nGET / HTTP/1.1\r\n\r\n"s;
    EXPECT_EQ(verdict(longer), c.verdict);
    HeadParser parser;
    RequestHead head;
    if (parser.parse(longer, {}, head) == HeadParser::State::done) {
      EXPECT_EQ(parser.consumed(), c.bytes.size());
    }
  });
}

constexpr std::string_view kTwoFields =
    "GET /t?q HTTP/1.1\r\nHost: a\r\nX-One: \t 1 \r\nx-two:\r\n\r\n";

TEST(HeadParser, GivesViewsOfTheBytesInOrder) {
  HeadParser parser;
  RequestHead head;
  ASSERT_EQ(parser.parse(kTwoFields, {}, head), HeadParser::State::done);
  ASSERT_EQ(head.headers.size(), 3U);
  EXPECT_EQ(head.headers[1].name, "X-One");
  EXPECT_EQ(head.headers[1].value, "1");
  EXPECT_EQ(head.headers[2].name, "x-two");
  EXPECT_EQ(head.headers[2].value, "");
  EXPECT_EQ(head.target, "/t?q");
  EXPECT_EQ(head.header("x-ONE"), "1");
  EXPECT_NE(head.header("X-Two").data(), nullptr);
  EXPECT_EQ(head.header("x-three").data(), nullptr);
  EXPECT_EQ(head.header("HOST").data(), kTwoFields.data() + kTwoFields.find('a'));
}

TEST(HeadParser, MovesViewsWithTheBytes) {
  for (std::size_t cut = 0; cut < kTwoFields.size(); ++cut) {
    HeadParser parser;
    RequestHead head;
    {
      const std::string first(kTwoFields.substr(0, cut));
      ASSERT_EQ(parser.parse(first, {}, head), HeadParser::State::need_more);
    }
    const std::string all(kTwoFields);
    ASSERT_EQ(parser.parse(all, {}, head), HeadParser::State::done);
    const auto inside = [&all](std::string_view view) {
      return view.data() >= all.data() && view.data() + view.size() <= all.data() + all.size();
    };
    for (const Header& field : head.headers) {
      EXPECT_TRUE(inside(field.name) && inside(field.value)) << cut;
    }
    EXPECT_TRUE(inside(head.method_name) && inside(head.target) && inside(head.path) &&
                inside(head.query) && inside(head.host));
  }
}

TEST(HeadParser, HoldsItsLimits) {
  const std::string head = "GET /123456789 HTTP/1.1\r\nHost: a\r\nA: b\r\nB: c\r\n\r\n";
  struct LimitCase {
    HeadLimits limits;
    std::string_view verdict;
  };
  const std::string accepted = verdict(head);
  const LimitCase cases[] = {
      {{.head_bytes = head.size()}, accepted},
      {{.head_bytes = head.size() - 1}, "head_too_large"},
      {{.head_bytes = 10}, "head_too_large"},
      {{.head_bytes = 1}, "head_too_large"},
      {{.headers = 3}, accepted},
      {{.headers = 2}, "too_many_headers"},
      {{.headers = 0}, "too_many_headers"},
      {{.target_bytes = 10}, accepted},
      {{.target_bytes = 9}, "target_too_long"},
      {{.target_bytes = 0}, "target_too_long"},
  };
  for (const LimitCase& c : cases) {
    EXPECT_EQ(verdict(head, c.limits), c.verdict);
    for (std::size_t cut = 0; cut <= head.size(); ++cut) {
      EXPECT_EQ(verdict_cut(head, cut, c.limits), c.verdict) << cut;
    }
  }
  EXPECT_EQ(verdict("\r\n\r\n" + head, {.head_bytes = head.size()}), "head_too_large");
  // An error behind the limit does not matter any more.
  EXPECT_EQ(verdict(head.substr(0, 40) + "\n", {.head_bytes = 40}), "head_too_large");
}

TEST(HeadParser, KnowsWhetherARequestHasBegun) {
  HeadParser parser;
  RequestHead head;
  for (const std::string_view bytes : {"", "\r", "\r\n", "\r\n\r"}) {
    EXPECT_EQ(parser.parse(bytes, {}, head), HeadParser::State::need_more);
    EXPECT_FALSE(parser.begun());
  }
  EXPECT_EQ(parser.parse("\r\n\r\nG", {}, head), HeadParser::State::need_more);
  EXPECT_TRUE(parser.begun());
  parser.reset();
  EXPECT_FALSE(parser.begun());
}

TEST(HeadParser, NamesMethodAndTargetOfARefusedHead) {
  HeadParser parser;
  RequestHead head;
  ASSERT_EQ(parser.parse("PUT /x HTTP/1.1\r\nHost : a\r\n", {}, head), HeadParser::State::rejected);
  EXPECT_EQ(head.method, Method::put);
  EXPECT_EQ(head.method_name, "PUT");
  EXPECT_EQ(head.target, "/x");
  parser.reset();
  ASSERT_EQ(parser.parse("GET \x7f", {}, head), HeadParser::State::rejected);
  EXPECT_EQ(head.method_name, "GET");
  EXPECT_EQ(head.target, "");
  // The verdict stays.
  EXPECT_EQ(parser.parse(kTwoFields, {}, head), HeadParser::State::rejected);
}

TEST(HeadParser, KeepsTheHeadersCapacityOverReset) {
  HeadParser parser;
  RequestHead head;
  ASSERT_EQ(parser.parse(kTwoFields, {}, head), HeadParser::State::done);
  const Header* storage = head.headers.data();
  for (int i = 0; i < 3; ++i) {
    parser.reset();
    ASSERT_EQ(parser.parse(kTwoFields, {}, head), HeadParser::State::done);
    EXPECT_EQ(head.headers.data(), storage);
    EXPECT_EQ(head.headers.size(), 3U);
  }
}

TEST(HeadParser, ForgetsTheRequestBefore) {
  HeadParser parser;
  RequestHead head;
  ASSERT_EQ(parser.parse("POST http://h/p?q HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                         "Expect: 100-continue\r\nConnection: close, upgrade\r\nUpgrade: x\r\n\r\n",
                         {}, head),
            HeadParser::State::done);
  parser.reset();
  const auto state = parser.parse("GET / HTTP/1.0\r\n\r\n", {}, head);
  EXPECT_EQ(describe(state, parser, head), "GET / @ 1.0 close");
  EXPECT_EQ(head.content_length, 0U);
}

TEST(Reject, HasAStatusAndACauseForEveryReason) {
  EXPECT_EQ(name(Reject::content_length_repeated), "content_length_repeated");
  EXPECT_EQ(cause(Reject::content_length_with_transfer_encoding), record::Cause::policy_smuggling);
  EXPECT_EQ(cause(Reject::host_missing), record::Cause::policy_bad_request);
  EXPECT_EQ(cause(Reject::too_many_headers), record::Cause::policy_head_too_large);
  EXPECT_EQ(cause(Reject::body_too_large), record::Cause::policy_body_too_large);
  EXPECT_EQ(status(Reject::target_too_long), 414);
  EXPECT_EQ(cause(Reject::target_too_long), record::Cause::policy_bad_request);
  EXPECT_EQ(status(Reject::version_unsupported), 505);
  EXPECT_EQ(status(Reject::expectation_failed), 417);
  EXPECT_EQ(status(Reject::transfer_encoding_unsupported), 501);
}

}  // namespace
}  // namespace finack::http::test
