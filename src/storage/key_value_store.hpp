// The disk as a large map: what does not fit in memory and need not outlive the process.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/detail/base/bytes.hpp"
#include "millrace/detail/base/settings.hpp"

namespace millrace::detail {

/// Keys and values to be written together. Copies what it is given.
class key_value_changes {
 public:
  struct change {
    std::string_view key;
    std::string_view value;
    bool remove;
  };
  void put(std::string_view key, std::string_view value) { add(key, value, false); }
  void remove(std::string_view key) { add(key, {}, true); }

  std::size_t size() const { return changes_.size(); }
  change operator[](std::size_t i) const;
  void clear();

 private:
  struct place {
    std::size_t begin;
    std::uint32_t key;
    std::uint32_t value;
    bool remove;
  };
  void add(std::string_view key, std::string_view value, bool remove);

  byte_writer bytes_;
  std::vector<place> changes_;
};

/// The port. Any thread may call any member; what one call writes, later ones see. Every failure
/// throws `error` with the operation, the directory and the cause.
class key_value_store {
 public:
  key_value_store() = default;
  key_value_store(const key_value_store&) = delete;
  key_value_store& operator=(const key_value_store&) = delete;
  virtual ~key_value_store();

  /// Calls `found(i, value)` for each key that is there, by ascending i. Views live as long as the
  /// call.
  using found_value = std::function<void(std::size_t, std::string_view)>;
  virtual void get(std::span<const std::string_view> keys, const found_value& found) = 0;
  /// Calls `found(key, value)` for all keys from `first` up to and without `end`, by their bytes.
  using found_pair = std::function<void(std::string_view, std::string_view)>;
  virtual void scan(std::string_view first, std::string_view end, const found_pair& found) = 0;
  /// All or nothing.
  virtual void write(const key_value_changes& changes) = 0;
  /// Nobody asks for the keys from `first` up to and without `end` any more.
  virtual void forget(std::string_view first, std::string_view end) = 0;

  /// A number for each who shares it, to begin keys with.
  std::uint32_t next_tenant() { return next_tenant_.fetch_add(1, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> next_tenant_{0};
};

/// Opens one in an empty directory, with so much memory for what is asked for often and for what is
/// not written yet.
using store_opener = std::unique_ptr<key_value_store> (*)(const std::string& directory,
                                                          std::size_t memory);
/// Called by what implements one, before main. `name`: a literal.
void add_store(std::string_view name, store_opener open);

/// A store of that kind in a directory of its own below `local.dir`, which goes with it; what a
/// process that was killed left there goes when the next opens one. `usage_error`: the kind is not
/// linked (the target to link is named), or is none.
std::unique_ptr<key_value_store> open_store(std::string_view name, std::size_t memory,
                                            const settings& conf);

}  // namespace millrace::detail
