#pragma once
#include <cstdint>
#include <string_view>

#include "finack/record/cause.h"

namespace finack::http {

/// Why a response was refused: one reason, one cause. The table is in
/// src/http/response_reject.cpp; reasons print as spelled, and mean the same as the request's
/// reasons of the same name (reject.h).
enum class ResponseReject : std::uint8_t {
  none,
  // status line
  version_invalid,
  version_unsupported,
  status_invalid,
  reason_phrase_invalid,
  status_line_bare_cr,
  status_line_bare_lf,
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
  // interim responses
  too_many_interims,
  upgrade_not_requested,
  upgrade_field_missing,
  upgrade_to_another,
  // body
  chunk_size_invalid,
  chunk_size_too_large,
  chunk_extension_too_long,
  chunk_extension_invalid,
  chunk_data_end_missing,
  trailers_too_large,
  trailer_invalid
};

std::string_view name(ResponseReject);
/// upstream.bad_head, upstream.head_too_large or upstream.bad_framing.
record::Cause cause(ResponseReject);

}  // namespace finack::http
