#include "gateway/fixed_answer.h"

#include <algorithm>

#include "http/ascii.h"

namespace finack::gateway {

void write_location(const RedirectSettings& redirect, std::string_view path, std::string_view query,
                    std::string& out) {
  out.assign(redirect.to);
  if (!redirect.keep_path) return;
  if (path.starts_with('/')) {
    path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
    if (!out.ends_with('/')) out.push_back('/');
    out.append(path);
  }
  if (query.data() != nullptr) out.append("?").append(query);
}

http::ResponseHead answer_head(const RespondSettings& respond, std::vector<http::Header>& headers) {
  headers.clear();
  for (const auto& [name, value] : respond.headers) headers.push_back({name, value});
  const bool typed = std::ranges::any_of(headers, [](const http::Header& field) {
    return http::equals_lower(field.name, "content-type");
  });
  const std::string_view body = answer_body(respond);
  http::ResponseHead head;
  head.status = respond.status;
  if (!typed && !body.empty()) head.content_type = "text/plain; charset=utf-8";
  head.headers = headers;
  head.content_length = body.size();
  return head;
}

std::string_view answer_body(const RespondSettings& respond) {
  const bool bodiless = respond.status == 204 || respond.status == 304;
  return bodiless ? std::string_view() : std::string_view(respond.body);
}

}  // namespace finack::gateway
