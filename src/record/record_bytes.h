#pragma once
#include <cstddef>
#include <span>

#include "finack/record/record.h"

namespace finack::record {

// A record as bytes: its struct as it stands in memory, then each string, then (8-byte aligned) its
// events or tries. Never leaves the process, so neither byte order nor version matters.

/// A multiple of 8. Longer strings than docs allow are cut here: target 1 024, exception 256,
/// request_id 128, any other 255; of more than 8 tries only the last are kept.
std::size_t encoded_size(const ConnectionRecord& record);
std::size_t encoded_size(const RequestRecord& record);
std::size_t encoded_size(const FindingRecord& record);

/// Writes encoded_size(record) bytes to `out`, which is 8-byte aligned.
void encode(const ConnectionRecord& record, std::byte* out);
void encode(const RequestRecord& record, std::byte* out);
void encode(const FindingRecord& record, std::byte* out);

/// The record that was encoded at `from`; its views point there.
ConnectionRecord decode_connection(const std::byte* from);
RequestRecord decode_request(const std::byte* from);
FindingRecord decode_finding(const std::byte* from);

}  // namespace finack::record
