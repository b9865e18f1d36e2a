#pragma once
#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "e2e/support/row.h"

namespace finack::e2e {

/// The record lines of a process, as far as they are about traffic.
struct Records {
  std::vector<boost::json::object> connections;
  std::vector<boost::json::object> requests;
  std::vector<boost::json::object> findings;
  std::vector<std::string> broken;  ///< Lines that are no record: never expected.
};

/// Reads the file as it stands now; a last line without its newline is left out.
Records read_records(const std::string& path);

/// A member as text, whatever it is; "" where absent.
std::string text_of(const boost::json::object& object, std::string_view key);
/// A member that is a number; else 0.
std::uint64_t number_of(const boost::json::object& object, std::string_view key);

/// Collects the differences of one record to what it must say.
class Differences {
 public:
  Differences(std::string what, const boost::json::object& record)
      : what_(std::move(what)), record_(record) {}

  void word(std::string_view key, const std::string& expected);
  /// `expected`: words that may stand there, with '|' between them.
  void one_of(std::string_view key, const std::string& expected);
  void range(std::string_view key, std::uint64_t min, std::uint64_t max);
  void evidence(const std::string& key, const std::string& expected);
  /// The whole ending; and whatever is not normal explains itself.
  void ending(const Row& row);
  /// The kernel's view of a socket that did not end well; who never had one, or was shut out at
  /// accept, has none.
  void kernel_view(const Row& row);
  void add(std::string_view field, std::string_view expected, std::string_view got);

  /// One a line, with the record behind them; empty: none.
  std::vector<std::string> take();

 private:
  std::string what_;
  const boost::json::object& record_;
  std::vector<std::string> lines_;
};

}  // namespace finack::e2e
