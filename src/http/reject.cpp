#include "finack/http/reject.h"

#include <array>
#include <cstddef>

namespace finack::http {
namespace {

struct Row {
  Reject reject;
  std::string_view name;
  int status;
  record::Cause cause;
};

constexpr auto kBad = record::Cause::policy_bad_request;
constexpr auto kSmuggling = record::Cause::policy_smuggling;
constexpr auto kHeadSize = record::Cause::policy_head_too_large;
constexpr auto kBodySize = record::Cause::policy_body_too_large;

// In the enum's order; the test walks it.
#define FINACK_REJECT(reason, status, cause) \
  Row { Reject::reason, #reason, status, cause }
constexpr std::array kRows = {
    FINACK_REJECT(none, 400, kBad),
    FINACK_REJECT(method_invalid, 400, kBad),
    FINACK_REJECT(target_invalid, 400, kBad),
    FINACK_REJECT(target_too_long, 414, kBad),
    FINACK_REJECT(authority_form_refused, 501, kBad),
    FINACK_REJECT(version_invalid, 400, kBad),
    FINACK_REJECT(version_unsupported, 505, kBad),
    FINACK_REJECT(request_line_bare_cr, 400, kSmuggling),
    FINACK_REJECT(request_line_bare_lf, 400, kSmuggling),
    FINACK_REJECT(header_name_invalid, 400, kBad),
    FINACK_REJECT(header_name_space_before_colon, 400, kSmuggling),
    FINACK_REJECT(header_obs_fold, 400, kSmuggling),
    FINACK_REJECT(header_value_control, 400, kBad),
    FINACK_REJECT(header_bare_cr, 400, kSmuggling),
    FINACK_REJECT(header_bare_lf, 400, kSmuggling),
    FINACK_REJECT(header_no_colon, 400, kBad),
    FINACK_REJECT(head_too_large, 431, kHeadSize),
    FINACK_REJECT(too_many_headers, 431, kHeadSize),
    FINACK_REJECT(content_length_invalid, 400, kSmuggling),
    FINACK_REJECT(content_length_repeated, 400, kSmuggling),
    FINACK_REJECT(content_length_with_transfer_encoding, 400, kSmuggling),
    FINACK_REJECT(transfer_encoding_unsupported, 501, kSmuggling),
    FINACK_REJECT(transfer_encoding_not_final_chunked, 400, kSmuggling),
    FINACK_REJECT(transfer_encoding_repeated_chunked, 400, kSmuggling),
    FINACK_REJECT(transfer_encoding_in_http10, 400, kSmuggling),
    FINACK_REJECT(host_missing, 400, kBad),
    FINACK_REJECT(host_repeated, 400, kBad),
    FINACK_REJECT(host_invalid, 400, kBad),
    FINACK_REJECT(expectation_failed, 417, kBad),
    FINACK_REJECT(body_too_large, 413, kBodySize),
    FINACK_REJECT(chunk_size_invalid, 400, kSmuggling),
    FINACK_REJECT(chunk_size_too_large, 413, kBodySize),
    FINACK_REJECT(chunk_extension_too_long, 400, kBad),
    FINACK_REJECT(chunk_extension_invalid, 400, kSmuggling),
    FINACK_REJECT(chunk_data_end_missing, 400, kSmuggling),
    FINACK_REJECT(trailers_too_large, 431, kHeadSize),
    FINACK_REJECT(trailer_invalid, 400, kSmuggling),
};
#undef FINACK_REJECT

constexpr bool in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].reject) != i) return false;
  }
  return kRows.back().reject == Reject::trailer_invalid;
}
static_assert(in_order(), "one row per reason, in the enum's order");

const Row& row(Reject reject) { return kRows[static_cast<std::size_t>(reject)]; }

}  // namespace

std::string_view name(Reject reject) { return row(reject).name; }
int status(Reject reject) { return row(reject).status; }
record::Cause cause(Reject reject) { return row(reject).cause; }

}  // namespace finack::http
