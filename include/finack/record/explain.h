#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "finack/record/ending.h"

namespace finack::record {

enum class Lang : std::uint8_t { en, zh };

std::string_view name(Lang lang);
/// "en" or "zh".
std::optional<Lang> parse_lang(std::string_view word);

/// Two or three plain sentences: what happened, what it usually means, what to do. Lives as long as
/// the process.
std::string_view explain(Cause cause, Lang lang);
std::string_view explain(Finding finding, Lang lang);

/// The cause's sentences and the facts of this ending: the deciding setting and its value, what was
/// not delivered, which request was the first not fully acknowledged, and the like.
std::string explain(const Ending& ending, Lang lang);

}  // namespace finack::record
