#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/option_table.h"
#include "config/part.h"

namespace finack::config {

/// Describes one map of the file: rows as everywhere, and parts, which are scopes again. The root
/// scope describes the whole file; flags and variables are made for its rows alone.
///
/// Bound to one struct, which must outlive it; made anew for every entry of a part. Fields change
/// only when what was read is applied. Describing a struct that is in force and printing it gives
/// back the file: the defaults of rows and parts are what the fields hold when they are described.
class Scope {
 public:
  /// Adds the rows and parts of a struct.
  template <class T>
  using Describe = void (*)(Scope&, T&);

  Scope();
  /// A scope with the rows of a table, which must outlive it, and no parts.
  explicit Scope(const OptionTable& table) : table_(&table) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  OptionTable& rows() { return own_; }
  const OptionTable& table() const { return *table_; }

  template <class T>
  void items(const PartRow& row, std::vector<T>& field, Describe<T> describe);
  /// `name` is the member that the key goes to.
  template <class T>
  void named(const PartRow& row, std::vector<T>& field, std::string T::* name, Describe<T> describe,
             const KeyRule& keys = {});
  using Texts = std::vector<std::pair<std::string, std::string>>;
  void texts(const PartRow& row, Texts& field, const KeyRule& keys, TextCheck check = {});
  template <class T>
  void group(const PartRow& row, T& field, Describe<T> describe);
  template <class T>
  void section(const PartRow& row, std::optional<T>& field, Describe<T> describe);

  /// Rows that can be chosen hold nothing by default.
  void one_of(std::vector<std::string> keys) { choices_.push_back({std::move(keys), true}); }
  void at_most_one_of(std::vector<std::string> keys) {
    choices_.push_back({std::move(keys), false});
  }
  void refers(std::string_view path, std::string_view target) {
    references_.push_back({std::string(path), std::string(target)});
  }
  /// Called when the struct has been filled from a file without a mistake; not for the root scope,
  /// whose values flags and variables may still change.
  void check(std::function<void(const Report&)> check) { checks_.push_back(std::move(check)); }

  const std::deque<Part>& parts() const { return parts_; }
  const Part* part(std::string_view path) const;
  const std::vector<Choice>& choices() const { return choices_; }
  const std::vector<Reference>& references() const { return references_; }
  const std::vector<std::function<void(const Report&)>>& checks() const { return checks_; }
  /// Whether the key is one of a choice: it is printed only when it is set.
  bool is_choice(std::string_view path) const;
  /// The part that lists what the row at `path` may name; nullptr when it names nothing.
  const Reference* reference(std::string_view path) const;

 private:
  Part& add(const PartRow& row, PartKind kind);

  OptionTable own_;
  const OptionTable* table_ = &own_;
  std::deque<Part> parts_;
  std::vector<Choice> choices_;
  std::vector<Reference> references_;
  std::vector<std::function<void(const Report&)>> checks_;
};

/// Whether a file must give the row: it has no default, and nothing is no value of it.
bool is_required(const Option& option);

template <class T>
class InstanceOf final : public Instance {
 public:
  InstanceOf(T start, Scope::Describe<T> describe) : value(std::move(start)) {
    describe(scope_, value);
  }
  const Scope& scope() const override { return scope_; }
  static T& of(Entry& entry) { return static_cast<InstanceOf&>(*entry.instance).value; }

  T value;

 private:
  Scope scope_;
};

template <class T>
Entry entry_of(T value, Scope::Describe<T> describe, std::string name = {}) {
  return {std::move(name), {}, std::make_unique<InstanceOf<T>>(std::move(value), describe)};
}

template <class T>
void Scope::items(const PartRow& row, std::vector<T>& field, Describe<T> describe) {
  Part& part = add(row, PartKind::items);
  part.make = [describe] { return std::make_unique<InstanceOf<T>>(T(), describe); };
  part.take = [&field](std::vector<Entry> entries) {
    field.clear();
    for (Entry& entry : entries) field.push_back(std::move(InstanceOf<T>::of(entry)));
  };
  part.held = [&field, describe] {
    std::vector<Entry> entries;
    entries.reserve(field.size());
    for (const T& value : field) entries.push_back(entry_of<T>(value, describe));
    return entries;
  };
}

template <class T>
void Scope::named(const PartRow& row, std::vector<T>& field, std::string T::* name,
                  Describe<T> describe, const KeyRule& keys) {
  Part& part = add(row, PartKind::named);
  if (keys.check) {
    part.key_check = keys.check;
    part.key_pattern = keys.pattern;
  }
  part.make = [describe] { return std::make_unique<InstanceOf<T>>(T(), describe); };
  part.take = [&field, name](std::vector<Entry> entries) {
    field.clear();
    for (Entry& entry : entries) {
      field.push_back(std::move(InstanceOf<T>::of(entry)));
      field.back().*name = std::move(entry.name);
    }
  };
  part.held = [&field, name, describe] {
    std::vector<Entry> entries;
    entries.reserve(field.size());
    for (const T& value : field) entries.push_back(entry_of<T>(value, describe, value.*name));
    return entries;
  };
}

template <class T>
void Scope::group(const PartRow& row, T& field, Describe<T> describe) {
  Part& part = add(row, PartKind::group);
  part.make = [&field, describe] { return std::make_unique<InstanceOf<T>>(field, describe); };
  part.take = [&field](std::vector<Entry> entries) {
    field = std::move(InstanceOf<T>::of(entries.front()));
  };
  part.held = [&field, describe] {
    std::vector<Entry> entries;
    entries.push_back(entry_of<T>(field, describe));
    return entries;
  };
}

template <class T>
void Scope::section(const PartRow& row, std::optional<T>& field, Describe<T> describe) {
  Part& part = add(row, PartKind::section);
  part.make = [describe] { return std::make_unique<InstanceOf<T>>(T(), describe); };
  part.take = [&field](std::vector<Entry> entries) {
    field = std::move(InstanceOf<T>::of(entries.front()));
  };
  part.held = [&field, describe] {
    std::vector<Entry> entries;
    if (field) entries.push_back(entry_of<T>(*field, describe));
    return entries;
  };
}

}  // namespace finack::config
