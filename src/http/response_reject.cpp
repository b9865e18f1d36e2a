#include "finack/http/response_reject.h"

#include <array>
#include <cassert>
#include <cstddef>

#include "http/response_rejects.h"

namespace finack::http {
namespace {

struct Row {
  ResponseReject reject;
  std::string_view name;
  record::Cause cause;
};

constexpr auto kHead = record::Cause::upstream_bad_head;
constexpr auto kSize = record::Cause::upstream_head_too_large;
constexpr auto kFraming = record::Cause::upstream_bad_framing;

// In the enum's order; the test walks it.
#define FINACK_REJECT(reason, cause) \
  Row { ResponseReject::reason, #reason, cause }
constexpr std::array kRows = {
    FINACK_REJECT(none, kHead),
    FINACK_REJECT(version_invalid, kHead),
    FINACK_REJECT(version_unsupported, kHead),
    FINACK_REJECT(status_invalid, kHead),
    FINACK_REJECT(reason_phrase_invalid, kHead),
    FINACK_REJECT(status_line_bare_cr, kHead),
    FINACK_REJECT(status_line_bare_lf, kHead),
    FINACK_REJECT(header_name_invalid, kHead),
    FINACK_REJECT(header_name_space_before_colon, kHead),
    FINACK_REJECT(header_obs_fold, kHead),
    FINACK_REJECT(header_value_control, kHead),
    FINACK_REJECT(header_bare_cr, kHead),
    FINACK_REJECT(header_bare_lf, kHead),
    FINACK_REJECT(header_no_colon, kHead),
    FINACK_REJECT(head_too_large, kSize),
    FINACK_REJECT(too_many_headers, kSize),
    FINACK_REJECT(content_length_invalid, kFraming),
    FINACK_REJECT(content_length_repeated, kFraming),
    FINACK_REJECT(content_length_with_transfer_encoding, kFraming),
    FINACK_REJECT(transfer_encoding_unsupported, kFraming),
    FINACK_REJECT(transfer_encoding_not_final_chunked, kFraming),
    FINACK_REJECT(transfer_encoding_repeated_chunked, kFraming),
    FINACK_REJECT(transfer_encoding_in_http10, kFraming),
    FINACK_REJECT(too_many_interims, kHead),
    FINACK_REJECT(upgrade_not_requested, kHead),
    FINACK_REJECT(upgrade_field_missing, kHead),
    FINACK_REJECT(upgrade_to_another, kHead),
    FINACK_REJECT(chunk_size_invalid, kFraming),
    FINACK_REJECT(chunk_size_too_large, kFraming),
    FINACK_REJECT(chunk_extension_too_long, kFraming),
    FINACK_REJECT(chunk_extension_invalid, kFraming),
    FINACK_REJECT(chunk_data_end_missing, kFraming),
    FINACK_REJECT(trailers_too_large, kSize),
    FINACK_REJECT(trailer_invalid, kFraming),
};
#undef FINACK_REJECT

constexpr bool in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].reject) != i) return false;
  }
  return kRows.back().reject == ResponseReject::trailer_invalid;
}
static_assert(in_order(), "one row per reason, in the enum's order");

const Row& row(ResponseReject reject) { return kRows[static_cast<std::size_t>(reject)]; }

struct Pair {
  Reject shared;
  ResponseReject reject;
};

// What the code of both directions can refuse, in Reject's order.
#define FINACK_SHARED(reason) \
  Pair { Reject::reason, ResponseReject::reason }
constexpr std::array kShared = {
    FINACK_SHARED(none),
    FINACK_SHARED(header_name_invalid),
    FINACK_SHARED(header_name_space_before_colon),
    FINACK_SHARED(header_obs_fold),
    FINACK_SHARED(header_value_control),
    FINACK_SHARED(header_bare_cr),
    FINACK_SHARED(header_bare_lf),
    FINACK_SHARED(header_no_colon),
    FINACK_SHARED(head_too_large),
    FINACK_SHARED(too_many_headers),
    FINACK_SHARED(content_length_invalid),
    FINACK_SHARED(content_length_repeated),
    FINACK_SHARED(content_length_with_transfer_encoding),
    FINACK_SHARED(transfer_encoding_unsupported),
    FINACK_SHARED(transfer_encoding_not_final_chunked),
    FINACK_SHARED(transfer_encoding_repeated_chunked),
    FINACK_SHARED(transfer_encoding_in_http10),
    FINACK_SHARED(chunk_size_invalid),
    FINACK_SHARED(chunk_size_too_large),
    FINACK_SHARED(chunk_extension_too_long),
    FINACK_SHARED(chunk_extension_invalid),
    FINACK_SHARED(chunk_data_end_missing),
    FINACK_SHARED(trailers_too_large),
    FINACK_SHARED(trailer_invalid),
};
#undef FINACK_SHARED

}  // namespace

std::string_view name(ResponseReject reject) { return row(reject).name; }
record::Cause cause(ResponseReject reject) { return row(reject).cause; }

ResponseReject response_reject(Reject reject) {
  for (const Pair& pair : kShared) {
    if (pair.shared == reject) return pair.reject;
  }
  assert(false && "a reason that only a request can be refused for");
  return ResponseReject::none;
}

}  // namespace finack::http
