#include "e2e/support/record_lines.h"

#include <fmt/format.h>

#include <utility>

#include "e2e/support/demo_server.h"

namespace finack::e2e {

namespace json = boost::json;

std::string text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr) return "";
  if (value->is_string()) return std::string(value->as_string());
  return json::serialize(*value);
}

std::uint64_t number_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_number()) return 0;
  return value->to_number<std::uint64_t>();
}

void Differences::word(std::string_view key, const std::string& expected) {
  const std::string got = text_of(record_, key);
  if (got != expected) add(key, expected, got);
}

void Differences::one_of(std::string_view key, const std::string& expected) {
  const std::string got = text_of(record_, key);
  for (std::string_view rest = expected;;) {
    const std::size_t end = rest.find('|');
    if (rest.substr(0, end) == got) return;
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  add(key, expected, got);
}

void Differences::range(std::string_view key, std::uint64_t min, std::uint64_t max) {
  const std::uint64_t got = number_of(record_, key);
  if (record_.if_contains(key) == nullptr || got < min || got > max) {
    add(key, min == max ? fmt::format("{}", min) : fmt::format("{}..{}", min, max),
        text_of(record_, key));
  }
}

void Differences::evidence(const std::string& key, const std::string& expected) {
  const json::value* evidence = record_.if_contains("evidence");
  std::string got;
  if (evidence != nullptr && evidence->is_object()) got = text_of(evidence->as_object(), key);
  if (expected == "*" ? got.empty() : got != expected) add("evidence." + key, expected, got);
}

void Differences::ending(const Row& row) {
  word("ended_by", row.ended_by);
  word("how", row.how);
  one_of("phase", row.phase);
  word("cause", row.cause);
  word("severity", row.severity);
  one_of("delivered", row.delivered);
  range("undelivered_bytes", row.undelivered_min, row.undelivered_max);
  for (const auto& [key, value] : row.evidence) evidence(key, value);
  if (row.status >= 0 && text_of(record_, "kind") == "request")
    word("status", fmt::format("{}", row.status));
  const bool present = !text_of(record_, "explain").empty();
  if (present != (row.severity != "normal"))
    add("explain", row.severity == "normal" ? "" : "some sentences", present ? "some" : "");
}

void Differences::kernel_view(const Row& row) {
  const bool lived = row.severity != "normal" && row.phase != "accept" && row.phase != "resolve" &&
                     row.phase != "connect";
  const json::value* tcp = record_.if_contains("tcp");
  if (lived && (tcp == nullptr || !tcp->is_object() || text_of(tcp->as_object(), "state").empty()))
    add("tcp", "what the kernel knows", "");
  if (!lived && tcp != nullptr) add("tcp", "", text_of(record_, "tcp"));
}

void Differences::add(std::string_view field, std::string_view expected, std::string_view got) {
  lines_.push_back(fmt::format("    {}: {} expected {}, got {}", what_, field,
                               expected.empty() ? "nothing" : expected,
                               got.empty() ? "nothing" : got));
}

std::vector<std::string> Differences::take() {
  if (!lines_.empty()) lines_.push_back(fmt::format("      {}", json::serialize(record_)));
  return std::move(lines_);
}

Records read_records(const std::string& path) {
  Records out;
  const std::string text = e2e::read_text_file(path);
  std::size_t at = 0;
  for (std::size_t end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    const std::string line = text.substr(at, end - at);
    boost::system::error_code error;
    json::value value = json::parse(line, error);
    if (error || !value.is_object()) {
      out.broken.push_back(line);
      continue;
    }
    json::object& object = value.as_object();
    const std::string kind = text_of(object, "kind");
    if (kind == "finding") {
      out.findings.push_back(std::move(object));
    } else if (kind != "connection" && kind != "request") {
      out.broken.push_back(line);
    } else if (const std::string purpose = text_of(object, "purpose");
               purpose.empty() || purpose == "traffic") {
      (kind == "connection" ? out.connections : out.requests).push_back(std::move(object));
    }
  }
  return out;
}

}  // namespace finack::e2e
