#include "e2e/support/listed_rows.h"

#include <fmt/format.h>

#include <sstream>

#include "finack/record/cause.h"

namespace finack::e2e {
namespace {

std::vector<std::string> words(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

/// "*" is every word, "kernel.*" every word that begins like that.
bool matches(std::string_view pattern, std::string_view word) {
  if (!pattern.ends_with('*')) return pattern == word;
  return word.starts_with(pattern.substr(0, pattern.size() - 1));
}

}  // namespace

std::string Listed::text() const {
  return fmt::format("{} {} in {} by {}", ends == "c" ? "connection" : "request", cause, phase,
                     how);
}

std::set<Listed> listed_rows(record::Role role) {
  std::set<Listed> out;
  const bool server = role == record::Role::server;
  for (const record::CauseInfo& info : record::all_causes()) {
    if (server ? !info.server : !info.client) continue;
    const auto& phases = server ? info.server_phases : info.client_phases;
    for (std::size_t i = 0; i < record::kPhaseCount; ++i) {
      const auto phase = static_cast<record::Phase>(i);
      if (!phases.contains(phase)) continue;
      for (const std::string& how : words(info.how)) {
        const Listed row{"", std::string(info.name), std::string(record::name(phase)), how};
        if (info.ends_connection) out.insert({"c", row.cause, row.phase, row.how});
        if (info.ends_request) out.insert({"r", row.cause, row.phase, row.how});
      }
    }
  }
  return out;
}

ExclusionTable::ExclusionTable(std::span<const Exclusion> exclusions,
                               const std::set<Listed>& listed,
                               std::vector<std::string>& complaints) {
  for (const Exclusion& line : exclusions) {
    for (const std::string& cause : words(line.causes)) {
      for (const std::string& ends : words(line.ends)) {
        for (const std::string& phase : words(line.phases)) {
          for (const std::string& how : words(line.hows)) {
            const Listed pattern{ends, cause, phase, how};
            if (add(line, pattern, listed)) continue;
            complaints.push_back(fmt::format("the exclusion of {} excludes no row (of its own): {}",
                                             pattern.text(), line.reason));
          }
        }
      }
    }
  }
}

bool ExclusionTable::add(const Exclusion& line, const Listed& pattern,
                         const std::set<Listed>& listed) {
  bool is_needed = false;
  for (const Listed& row : listed) {
    if (row.ends != pattern.ends || !matches(pattern.cause, row.cause) ||
        !matches(pattern.phase, row.phase) || !matches(pattern.how, row.how)) {
      continue;
    }
    is_needed |= reasons_.emplace(row, line.reason).second;
  }
  return is_needed;
}

void check_rows(const std::map<Listed, std::string>& covered, const std::set<Listed>& listed,
                const ExclusionTable& excluded, std::vector<std::string>& complaints) {
  for (const auto& [row, name] : covered) {
    if (!listed.contains(row)) {
      complaints.push_back(
          fmt::format("{} expects {}, which is not in the list of causes", name, row.text()));
    } else if (excluded.contains(row)) {
      complaints.push_back(fmt::format("{} meets {}, which is excluded: {}", name, row.text(),
                                       excluded.reason(row)));
    }
  }
  for (const Listed& row : listed) {
    if (!covered.contains(row) && !excluded.contains(row))
      complaints.push_back(fmt::format("no case for {}", row.text()));
  }
}

}  // namespace finack::e2e
