#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace finack::config {

/// Letters to insert, delete, replace or swap with a neighbour to get from one word to the other.
std::size_t edit_distance(std::string_view from, std::string_view to);

/// The candidate nearest to `word`, when it is near enough to be what was meant (a third of its
/// letters, at least one), or the only one that begins with it; else "". Of equals the first wins.
std::string_view nearest(std::string_view word, std::span<const std::string> candidates);

/// "; did you mean X?", or "" when nothing is near.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

/// Text from outside, fit for an error line: shortened to 60 bytes, control bytes replaced, quoted.
std::string in_quotes(std::string_view text);

}  // namespace finack::config
