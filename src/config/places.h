#pragma once
#include <map>
#include <string>
#include <string_view>

namespace finack::config {

/// A place in a file, counted from 1.
struct Place {
  int line = 1;
  int column = 1;

  friend auto operator<=>(const Place&, const Place&) = default;
};

/// Where each value of a file stands, by its path: "listeners[0].timeouts.head",
/// "clusters.api.servers[1]". Maps, lists and single values have one; so what is checked after
/// reading can name the place of what it finds wrong.
class Places {
 public:
  Places() = default;
  explicit Places(std::string_view file_name) : file_name_(file_name) {}

  void note(const std::string& path, Place place) { places_.insert_or_assign(path, place); }
  /// Whether the file says something there.
  bool has(const std::string& path) const { return places_.contains(path); }
  /// "file:line:column" of the path or, when the file does not say it, of the nearest map or list
  /// around it.
  std::string where(const std::string& path) const;
  /// The same as a place; 1:1 when there is none.
  Place at(std::string path) const;
  const std::string& file_name() const { return file_name_; }

 private:
  std::string file_name_;
  std::map<std::string, Place> places_;
};

}  // namespace finack::config
