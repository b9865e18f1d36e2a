#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/option_table.h"

namespace finack::config {

/// Where a value came from; of several the last in this order counts.
enum class Origin : std::uint8_t { fallback, file, environment, flag };

/// Something wrong in what a person wrote. `where` is a flag, an environment variable, or
/// file:line:column, lines and columns counted from 1.
struct Problem {
  std::string where;
  std::string what;

  friend bool operator==(const Problem&, const Problem&) = default;
};

/// One line a problem, "where: what", each ended by a newline; of more than 20 the rest is counted.
std::string to_string(const std::vector<Problem>& problems);

/// A value that one source gives to one row.
struct Assignment {
  const Option* option = nullptr;
  Value value;
  std::string where;
};

/// What every row is set to, and by whom. Starts with the defaults. The table must outlive it.
class Resolved {
 public:
  struct Setting {
    Value value;
    Origin origin = Origin::fallback;
    std::string where;  ///< As in Problem; empty for defaults.
  };

  explicit Resolved(const OptionTable& table);

  /// Takes the values where nothing of a higher origin is there.
  void take(const std::vector<Assignment>& assignments, Origin origin);
  const Setting& at(const Option& option) const;
  /// Writes all values to the fields the rows are bound to.
  void apply() const;
  /// One sentence for each setting that is 0 where that is dangerous.
  std::vector<std::string> warnings() const;
  const OptionTable& table() const { return table_; }

 private:
  /// False for an optional field that nobody set.
  bool holds_value(std::size_t index) const;

  const OptionTable& table_;
  std::vector<Setting> settings_;  // parallel to table_.options()
};

/// "from --timeout-head", "from demo.yaml:3:5", "default".
std::string origin_text(const Resolved::Setting& setting);

}  // namespace finack::config
