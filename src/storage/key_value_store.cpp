#include "storage/key_value_store.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "millrace/detail/base/log.hpp"
#include "millrace/detail/storage/file_system.hpp"
#include "millrace/error.hpp"
#include "storage/spill_space.hpp"

namespace millrace::detail {

key_value_store::~key_value_store() = default;

void key_value_changes::add(std::string_view key, std::string_view value, bool remove) {
  changes_.push_back({bytes_.size(), static_cast<std::uint32_t>(key.size()),
                      static_cast<std::uint32_t>(value.size()), remove});
  bytes_.raw(key.data(), key.size());
  bytes_.raw(value.data(), value.size());
}

key_value_changes::change key_value_changes::operator[](std::size_t i) const {
  const place& at = changes_[i];
  const char* const bytes = bytes_.data() + at.begin;
  return {{bytes, at.key}, {bytes + at.key, at.value}, at.remove};
}

void key_value_changes::clear() {
  bytes_.clear();
  changes_.clear();
}

namespace {

struct known_store {
  std::string_view name;
  store_opener open;
};
std::vector<known_store>& known_stores() {
  static auto& all = *new std::vector<known_store>;
  return all;
}

constexpr std::string_view prefix = "millrace-state-";

/// A directory of this process alone, removed with it. The lock in it tells a living owner.
class own_directory {
 public:
  explicit own_directory(const std::string& in) {
    file_system& files = local_file_system();
    files.make_directories(in);
    clear_away(in);
    for (int i = 0; lock_ == nullptr; ++i) {
      path_ = in + "/" + std::string(prefix) + std::to_string(::getpid()) + "-" + std::to_string(i);
      if (files.exists(path_)) continue;
      files.make_directories(path_);
      lock_ = files.lock(path_ + "/owner");
    }
  }
  own_directory(const own_directory&) = delete;
  own_directory& operator=(const own_directory&) = delete;
  ~own_directory() {
    try {
      local_file_system().remove_tree(path_);
    } catch (const error& e) {  // the next process that opens a store tries again
      log_warn(e.what());
    }
  }
  const std::string& path() const { return path_; }

 private:
  static void clear_away(const std::string& in) {
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(in, failed)) {
      if (!entry.path().filename().string().starts_with(prefix)) continue;
      try {
        const auto lock = local_file_system().lock(entry.path().string() + "/owner");
        if (lock != nullptr) local_file_system().remove_tree(entry.path().string());
      } catch (const error& e) {  // somebody else's, or on its way out
        log_debug(e.what());
      }
    }
    if (failed) throw error("listing the local directory failed (" + failed.message() + "): " + in);
  }

  std::string path_;
  std::unique_ptr<file_lock> lock_;
};

class store_in_directory final : public key_value_store {
 public:
  store_in_directory(const known_store& kind, std::size_t memory, const std::string& in)
      : directory_(in), store_(kind.open(directory_.path() + "/data", memory)) {}

  void get(std::span<const std::string_view> keys, const found_value& found) override {
    store_->get(keys, found);
  }
  void scan(std::string_view first, std::string_view end, const found_pair& found) override {
    store_->scan(first, end, found);
  }
  void write(const key_value_changes& changes) override { store_->write(changes); }
  void forget(std::string_view first, std::string_view end) override { store_->forget(first, end); }

 private:
  own_directory directory_;  // outlives the store
  std::unique_ptr<key_value_store> store_;
};

}  // namespace

void add_store(std::string_view name, store_opener open) { known_stores().push_back({name, open}); }

std::unique_ptr<key_value_store> open_store(std::string_view name, std::size_t memory,
                                            const settings& conf) {
  const auto& all = known_stores();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const known_store& one) { return one.name == name; });
  if (found != all.end())
    return std::make_unique<store_in_directory>(*found, memory, spill_space::directory_of(conf));
  if (name == "rocksdb")
    throw usage_error(
        "RocksDB is not part of the program; link the CMake target millrace::rocksdb");
  throw usage_error("streaming.state.store is memory or rocksdb: \"" + std::string(name) + "\"");
}

}  // namespace millrace::detail
