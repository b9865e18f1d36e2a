#pragma once
#include <cstdint>
#include <string_view>

#include "finack/record/cause.h"

namespace finack::http {

/// Why a request was refused: one reason, one status, one cause. The table is in
/// src/http/reject.cpp; reasons print as spelled.
enum class Reject : std::uint8_t {
  none,
  // request line
  method_invalid,
  target_invalid,
  target_too_long,
  authority_form_refused,
  version_invalid,
  version_unsupported,
  request_line_bare_cr,
  request_line_bare_lf,
  // header fields
  header_name_invalid,
  header_name_space_before_colon,
  header_obs_fold,
  header_value_control,
  header_bare_cr,
  header_bare_lf,
  header_no_colon,
  head_too_large,
  too_many_headers,
  // framing
  content_length_invalid,
  content_length_repeated,
  content_length_with_transfer_encoding,
  transfer_encoding_unsupported,
  transfer_encoding_not_final_chunked,
  transfer_encoding_repeated_chunked,
  transfer_encoding_in_http10,
  // host, expectations
  host_missing,
  host_repeated,
  host_invalid,
  expectation_failed,
  // body
  body_too_large,
  chunk_size_invalid,
  chunk_size_too_large,
  chunk_extension_too_long,
  chunk_extension_invalid,
  chunk_data_end_missing,
  trailers_too_large,
  trailer_invalid
};

std::string_view name(Reject);
/// 400, 413, 414, 417, 431, 501 or 505.
int status(Reject);
/// policy.bad_request, policy.smuggling, policy.head_too_large or policy.body_too_large.
record::Cause cause(Reject);

}  // namespace finack::http
