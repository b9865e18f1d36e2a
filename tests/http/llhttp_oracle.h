#pragma once
#include <llhttp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/chunked_decoder.h"
#include "http/head_parser.h"

namespace finack::http::test {

enum class Answer { need_more, accept, refuse };

/// What a parser says of one request that arrives at once: first of its head, then, where that was
/// accepted, of its body.
struct Ours {
  Answer answer = Answer::need_more;
  Reject reject{};  ///< Of the head or of the body.
  RequestHead head;
  Answer body_answer = Answer::need_more;
  std::string body;
  std::size_t end = 0;  ///< Where the next request begins; of an accepted body.
};

struct Theirs {
  Answer answer = Answer::need_more;
  llhttp_errno_t error = HPE_OK;
  std::string method;
  std::string target;
  int minor = 0;
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;
  bool keep_alive = false;
  bool chunk_seen = false;
  Answer body_answer = Answer::need_more;
  std::string body;
  std::size_t end = 0;
};

inline void take_chunks(std::string_view rest, Ours& out) {
  using Kind = ChunkedDecoder::Step::Kind;
  ChunkedDecoder decoder;
  const std::size_t all = rest.size();
  for (;;) {
    const ChunkedDecoder::Step step = decoder.step(rest, {});
    rest.remove_prefix(step.consumed);
    out.body += step.data;
    if (step.kind == Kind::data) continue;
    if (step.kind == Kind::end) out.body_answer = Answer::accept;
    if (step.kind == Kind::rejected) out.body_answer = Answer::refuse;
    out.reject = decoder.reject();
    out.end += all - rest.size();
    return;
  }
}

inline Ours ask_ours(const std::string& bytes) {
  HeadParser parser;
  Ours out;
  const auto state = parser.parse(bytes, {}, out.head);
  out.reject = parser.reject();
  if (state == HeadParser::State::rejected) out.answer = Answer::refuse;
  if (state != HeadParser::State::done) return out;
  out.answer = Answer::accept;
  out.end = parser.consumed();
  const std::string_view rest = std::string_view(bytes).substr(out.end);
  if (out.head.framing == Framing::chunked) {
    take_chunks(rest, out);
    return out;
  }
  const std::uint64_t length =
      out.head.framing == Framing::length ? out.head.content_length : std::uint64_t{0};
  out.body = rest.substr(0, static_cast<std::size_t>(length));
  out.end += out.body.size();
  if (out.body.size() == length) out.body_answer = Answer::accept;
  return out;
}

inline Theirs ask_theirs(const std::string& bytes) {
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_url = [](llhttp_t* parser, const char* at, std::size_t size) {
    static_cast<Theirs*>(parser->data)->target.append(at, size);
    return 0;
  };
  settings.on_headers_complete = [](llhttp_t* parser) {
    auto& out = *static_cast<Theirs*>(parser->data);
    out.answer = Answer::accept;
    out.method = llhttp_method_name(static_cast<llhttp_method_t>(llhttp_get_method(parser)));
    out.minor = llhttp_get_http_minor(parser);
    out.keep_alive = llhttp_should_keep_alive(parser) != 0;
    out.content_length = parser->content_length;
    if ((parser->flags & F_CHUNKED) != 0) {
      out.framing = Framing::chunked;
    } else if ((parser->flags & F_CONTENT_LENGTH) != 0) {
      out.framing = Framing::length;
    }
    return 0;
  };
  settings.on_chunk_header = [](llhttp_t* parser) {
    static_cast<Theirs*>(parser->data)->chunk_seen = true;
    return 0;
  };
  settings.on_body = [](llhttp_t* parser, const char* at, std::size_t size) {
    static_cast<Theirs*>(parser->data)->body.append(at, size);
    return 0;
  };
  settings.on_message_complete = [](llhttp_t* parser) {
    static_cast<Theirs*>(parser->data)->body_answer = Answer::accept;
    return static_cast<int>(HPE_PAUSED);
  };
  llhttp_t parser;
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  Theirs out;
  parser.data = &out;
  out.error = llhttp_execute(&parser, bytes.data(), bytes.size());
  if (out.body_answer == Answer::accept) {
    const char* at = llhttp_get_error_pos(&parser);
    out.end = at != nullptr ? static_cast<std::size_t>(at - bytes.data()) : bytes.size();
  } else if (out.error == HPE_OK) {
    // Needs more.
  } else if (out.answer != Answer::accept ||
             (out.error == HPE_INVALID_TRANSFER_ENCODING && !out.chunk_seen)) {
    // It looks at the coding only when the head is over.
    out.answer = Answer::refuse;
  } else {
    out.body_answer = Answer::refuse;
  }
  return out;
}

inline bool same_head(const Ours& ours, const Theirs& theirs) {
  return ours.head.method_name == theirs.method && ours.head.target == theirs.target &&
         ours.head.minor == theirs.minor && ours.head.framing == theirs.framing &&
         (ours.head.framing != Framing::length ||
          ours.head.content_length == theirs.content_length);
}

/// Bytes on which the two do not agree, or may not.
struct Difference {
  const std::string& bytes;
  const Ours& ours;
  const Theirs& theirs;

  bool in_body() const {
    return ours.answer == Answer::accept && theirs.answer == Answer::accept &&
           same_head(ours, theirs) && ours.head.keep_alive == theirs.keep_alive;
  }
  bool none() const {
    if (ours.answer != theirs.answer) return false;
    if (ours.answer != Answer::accept) return true;
    if (!in_body() || ours.body_answer != theirs.body_answer) return false;
    // How much of a body was delivered before it was refused says nothing.
    if (ours.body_answer == Answer::refuse) return true;
    return ours.body == theirs.body &&
           (ours.body_answer != Answer::accept || ours.end == theirs.end);
  }

  bool only_we_refuse() const {
    return ours.answer == Answer::refuse && theirs.answer != Answer::refuse;
  }
  bool only_they_refuse() const {
    return theirs.answer == Answer::refuse && ours.answer != Answer::refuse;
  }
  bool only_we_refuse_body() const {
    return in_body() && ours.body_answer == Answer::refuse && theirs.body_answer != Answer::refuse;
  }
  bool only_they_refuse_body() const {
    return in_body() && theirs.body_answer == Answer::refuse && ours.body_answer != Answer::refuse;
  }
  bool only_keep_alive_differs() const {
    return ours.answer == Answer::accept && theirs.answer == Answer::accept &&
           same_head(ours, theirs) && ours.head.keep_alive != theirs.keep_alive;
  }
  bool has(std::string_view text) const { return bytes.find(text) != std::string::npos; }
  bool body_has(std::string_view text) const {
    return bytes.find(text, bytes.find("\r\n\r\n") + 4) != std::string::npos;
  }
};

}  // namespace finack::http::test
