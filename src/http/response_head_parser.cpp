#include "http/response_head_parser.h"

#include "http/ascii.h"
#include "http/keep_alive.h"
#include "http/response_rejects.h"
#include "http/status_line.h"

namespace finack::http {

ResponseReject ResponseHeadParser::reject() const {
  if (status_line_reject_ != ResponseReject::none) return status_line_reject_;
  return response_reject(reject_);
}

void ResponseHeadParser::move_views(const ViewMove& move, ReceivedResponse& head) {
  move(head.reason);
  move(head.headers);
}

const char* ResponseHeadParser::parse_start_line(ByteRange in, const ResponseLimits&,
                                                 ReceivedResponse& head) {
  begun_ = in.begin != in.end;
  const StatusLineRead line = read_status_line(in.begin, in, head);
  if (line.next == nullptr) {
    status_line_reject_ = line.reject;
    if (line.reject != ResponseReject::none) stage_ = Stage::rejected;
    return nullptr;
  }
  if (head.minor == 0) note(Seen::http10);
  status_ = static_cast<std::int16_t>(head.status);
  head.headers.clear();
  head.content_length.reset();
  head.keep_alive_offer = {};
  return line.next;
}

const char* ResponseHeadParser::parse_fields(const char* p, ByteRange in,
                                             const ResponseLimits& limits, ReceivedResponse& head) {
  if (head.headers.capacity() > limits.headers) [[unlikely]]
    return read_fields_one_by_one(p, in, limits.headers, head);
  return read_fields(p, in, limits.headers, head);
}

bool ResponseHeadParser::note_field(ByteRange, ReceivedResponse& head, std::string_view name,
                                    std::string_view value) {
  if (name.size() == 10 && is_field(name.data(), "keep-alive")) {
    read_keep_alive(value, head.keep_alive_offer);
    return true;
  }
  return note_shared_field(name, value, content_length_);
}

bool ResponseHeadParser::finish_head(ReceivedResponse& head) {
  if (has(Seen::content_length)) head.content_length = content_length_;
  head.close = has(Seen::close);
  head.keep_alive = keeps_alive();
  head.upgrade = upgrades();
  return true;
}

ResponseHeadParser::State ResponseHeadParser::parse(std::string_view bytes,
                                                    const ResponseLimits& limits,
                                                    ReceivedResponse& head) {
  return read_head(bytes, limits, head);
}

}  // namespace finack::http
