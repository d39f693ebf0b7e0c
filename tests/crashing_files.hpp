// A file system in memory that a test lets die at its n-th change, with or without what was not
// synced then.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "millrace/detail/storage/file_system.hpp"
#include "millrace/error.hpp"

namespace millrace::test {

class crashing_files final : public detail::file_system {
 public:
  enum class after_crash {
    all_is_there,        // the process died: what was written was written
    synced_alone,        // the power failed: what was not synced is gone
    last_write_in_half,  // the process died within a write
    some_synced,         // the power failed: of what was not synced anything may be there
  };

  /// Counts changes from here on; at the n-th the process dies: it throws, and so does all later.
  /// `seed`: which of the states that a disk may have then.
  void die_at(std::int64_t n, after_crash how, std::uint64_t seed = 0) {
    const std::lock_guard lock(mutex_);
    changes_ = 0;
    die_at_ = n;
    how_ = how;
    random_.seed(seed);
  }
  /// What a change that fails says.
  enum class failure {
    io,                 // EIO
    full,               // ENOSPC
    read_only,          // EROFS
    full_within_write,  // ENOSPC, after the first half of what was to be written
  };
  /// The n-th change alone fails.
  void fail_at(std::int64_t n, failure how = failure::io) {
    const std::lock_guard lock(mutex_);
    changes_ = 0;
    fail_at_ = n;
    failure_ = how;
  }
  /// From now on there is no room for anything; or there is again.
  void fill(bool full = true) {
    const std::lock_guard lock(mutex_);
    full_ = full;
  }
  bool dead() const {
    const std::lock_guard lock(mutex_);
    return dead_;
  }
  std::int64_t changes() const {
    const std::lock_guard lock(mutex_);
    return changes_;
  }
  /// Files that were synced.
  std::int64_t syncs() const {
    const std::lock_guard lock(mutex_);
    return syncs_;
  }
  /// What the next process finds.
  void restart() {
    const std::lock_guard lock(mutex_);
    if (dead_ && how_ == after_crash::synced_alone) {
      files_ = durable_;
      for (auto& [path, file] : files_) {
        file = std::make_shared<content>(*file);
        file->bytes.resize(file->synced);
      }
    }
    if (dead_ && how_ == after_crash::some_synced) cut_power();
    durable_.clear();
    unsynced_names_.clear();
    for (auto& [path, file] : files_) {
      file->synced = file->bytes.size();
      durable_[path] = file;
    }
    locked_.clear();
    dead_ = false;
    die_at_ = fail_at_ = -1;
    changes_ = 0;
  }

  std::map<std::string, std::string> all() const {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::string> bytes;
    for (const auto& [path, file] : files_) bytes[path] = file->bytes;
    return bytes;
  }
  void set(const std::map<std::string, std::string>& bytes) {
    const std::lock_guard lock(mutex_);
    files_.clear();
    for (const auto& [path, text] : bytes)
      files_[path] = std::make_shared<content>(content{text, text.size()});
    durable_ = files_;
    locked_.clear();
  }

  std::vector<detail::file_info> list(std::string_view directory) override {
    const std::lock_guard lock(mutex_);
    check();
    const std::string prefix = std::string(directory) + "/";
    std::vector<detail::file_info> found;
    for (const auto& [path, file] : files_)
      if (path.starts_with(prefix)) found.push_back({.path = path, .size = file->bytes.size()});
    return found;
  }
  std::unique_ptr<detail::input_file> open_read(std::string_view path) override {
    const std::lock_guard lock(mutex_);
    check();
    const auto found = files_.find(std::string(path));
    if (found == files_.end()) throw usage_error("Input path does not exist: " + std::string(path));
    return std::make_unique<input>(std::string(path), found->second->bytes);
  }
  std::unique_ptr<detail::output_file> create(std::string_view path) override {
    const std::lock_guard lock(mutex_);
    return create_locked(path);
  }
  std::unique_ptr<detail::output_file> create_new(std::string_view path) override {
    const std::lock_guard lock(mutex_);
    if (files_.contains(std::string(path)))
      throw error("creating failed (File exists): \"" + std::string(path) + "\"");
    return create_locked(path);
  }
  void rename(std::string_view from, std::string_view to) override {
    const std::lock_guard lock(mutex_);
    change("renaming", from);
    const auto found = files_.find(std::string(from));
    if (found == files_.end()) throw error("nothing to rename: " + std::string(from));
    unsynced_names_.push_back({std::string(from), std::string(to), found->second});
    files_[std::string(to)] = found->second;
    files_.erase(found);
  }
  void make_directories(std::string_view) override {}
  bool exists(std::string_view path) override {
    const std::lock_guard lock(mutex_);
    check();
    return std::any_of(files_.begin(), files_.end(), [&](const auto& one) {
      return one.first == path || one.first.starts_with(std::string(path) + "/");
    });
  }
  void remove_tree(std::string_view path) override {
    const std::lock_guard lock(mutex_);
    change("removing", path);
    unsynced_names_.push_back({std::string(path), {}, nullptr});
    files_.erase(std::string(path));
  }
  void sync_directory(std::string_view directory) override {
    const std::lock_guard lock(mutex_);
    change("syncing", directory);
    const std::string prefix = std::string(directory) + "/";
    std::erase_if(durable_, [&](const auto& one) { return one.first.starts_with(prefix); });
    for (const auto& [path, file] : files_)
      if (path.starts_with(prefix)) durable_[path] = file;
    std::erase_if(unsynced_names_, [&](const name_change& one) {
      return (one.to.empty() ? one.from : one.to).starts_with(prefix);
    });
  }
  std::unique_ptr<detail::file_lock> lock(std::string_view path) override {
    const std::lock_guard lock(mutex_);
    check();
    if (!locked_.insert(std::string(path)).second) return nullptr;
    return std::make_unique<held>(*this, std::string(path));
  }

 private:
  struct content {
    std::string bytes;
    std::size_t synced = 0;
  };
  /// A file got its name, another one, or lost it.
  struct name_change {
    std::string from;  // empty: it was created
    std::string to;    // empty: it was removed
    std::shared_ptr<content> file;
  };
  struct held final : detail::file_lock {
    held(crashing_files& of, std::string name) : files(of), path(std::move(name)) {}
    ~held() override {
      const std::lock_guard lock(files.mutex_);
      files.locked_.erase(path);
    }
    crashing_files& files;
    std::string path;
  };
  class input final : public detail::input_file {
   public:
    input(std::string path, std::string bytes) : path_(std::move(path)), bytes_(std::move(bytes)) {}
    std::size_t read_at(std::uint64_t offset, void* to, std::size_t count) override {
      if (offset >= bytes_.size()) return 0;
      const std::size_t got = std::min<std::size_t>(count, bytes_.size() - offset);
      std::memcpy(to, bytes_.data() + offset, got);
      return got;
    }
    std::uint64_t size() const override { return bytes_.size(); }
    const std::string& path() const override { return path_; }

   private:
    std::string path_;
    std::string bytes_;
  };
  class output final : public detail::output_file {
   public:
    output(crashing_files& files, std::string path, std::shared_ptr<content> file)
        : files_(files), path_(std::move(path)), file_(std::move(file)) {}
    void write(std::string_view bytes) override {
      const std::lock_guard lock(files_.mutex_);
      const std::int64_t now = files_.changes_ + 1;
      const bool half = (now == files_.die_at_ && files_.how_ == after_crash::last_write_in_half) ||
                        (now == files_.fail_at_ && files_.failure_ == failure::full_within_write) ||
                        files_.full_;
      if (half) file_->bytes += bytes.substr(0, bytes.size() / 2);
      if (now == files_.die_at_ && files_.how_ == after_crash::some_synced) file_->bytes += bytes;
      files_.change("writing", path_);
      file_->bytes += bytes;
    }
    void sync() override {
      const std::lock_guard lock(files_.mutex_);
      files_.change("syncing", path_);
      ++files_.syncs_;
      file_->synced = file_->bytes.size();
    }
    void close() override {
      const std::lock_guard lock(files_.mutex_);
      files_.change("closing", path_);
    }

   private:
    crashing_files& files_;
    std::string path_;
    std::shared_ptr<content> file_;
  };

  std::unique_ptr<detail::output_file> create_locked(std::string_view path) {
    change("creating", path);
    auto file = std::make_shared<content>();
    unsynced_names_.push_back({{}, std::string(path), file});
    files_[std::string(path)] = file;
    return std::make_unique<output>(*this, std::string(path), std::move(file));
  }

  /// What a disk may show when the power comes back: of the changes of names all, none, those up to
  /// one, or any of them; of each file's bytes behind its last sync none, all, those up to a
  /// sector, or the length with any sectors zero.
  void cut_power() {
    const auto chance = [this](std::uint64_t of) { return random_() % of == 0; };
    const std::size_t ordered = random_() % (unsynced_names_.size() + 1);
    const bool any = chance(2);
    files_ = durable_;
    for (std::size_t i = 0; i < unsynced_names_.size(); ++i) {
      if (any ? chance(2) : i >= ordered) continue;
      const name_change& one = unsynced_names_[i];
      if (!one.from.empty()) files_.erase(one.from);
      if (!one.to.empty()) files_[one.to] = one.file;
    }
    std::map<const content*, std::shared_ptr<content>> kept;  // one file may have two names
    for (auto& [path, file] : files_) {
      std::shared_ptr<content>& copy = kept[file.get()];
      if (copy == nullptr) {
        copy = std::make_shared<content>(*file);
        tear(*copy);
      }
      file = copy;
    }
  }
  void tear(content& file) {
    constexpr std::size_t sector = 512;
    const std::size_t unsynced = file.bytes.size() - file.synced;
    if (unsynced == 0) return;
    switch (random_() % 4) {
      case 0: file.bytes.resize(file.synced); return;
      case 1: return;
      case 2: {
        const std::size_t sectors = (file.synced + random_() % (unsynced + 1)) / sector;
        file.bytes.resize(std::max(file.synced, sectors * sector));
        return;
      }
      default: break;
    }
    for (std::size_t at = file.synced; at < file.bytes.size();) {
      const std::size_t end = std::min(file.bytes.size(), (at / sector + 1) * sector);
      if (random_() % 2 == 0)
        std::fill(file.bytes.begin() + static_cast<std::ptrdiff_t>(at),
                  file.bytes.begin() + static_cast<std::ptrdiff_t>(end), '\0');
      at = end;
    }
  }

  void check() const {
    if (dead_) throw error("the process is dead");
  }
  void change(const char* what, std::string_view path) {
    check();
    ++changes_;
    if (changes_ == die_at_) {
      dead_ = true;
      throw error("the process dies");
    }
    // What takes no room succeeds on a disk that has none.
    const bool takes_room =
        std::string_view(what) != "removing" && std::string_view(what) != "closing";
    if (changes_ != fail_at_ && !(full_ && takes_room)) return;
    const failure how = full_ ? failure::full : failure_;
    const int number = how == failure::io ? EIO : how == failure::read_only ? EROFS : ENOSPC;
    detail::throw_system_error(std::string(what) + " failed (" +
                                   std::generic_category().message(number) + "): \"" +
                                   std::string(path) + "\"",
                               number);
  }

  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<content>> files_;
  std::map<std::string, std::shared_ptr<content>> durable_;  // names that were synced
  std::vector<name_change> unsynced_names_;                  // since, in their order
  std::mt19937_64 random_;
  std::set<std::string> locked_;
  bool dead_ = false;
  std::int64_t changes_ = 0;
  std::int64_t syncs_ = 0;
  std::int64_t die_at_ = -1;
  std::int64_t fail_at_ = -1;
  failure failure_ = failure::io;
  bool full_ = false;
  after_crash how_ = after_crash::all_is_there;
};

}  // namespace millrace::test
