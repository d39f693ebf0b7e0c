// A file system in memory that a test lets die at its n-th change, with or without what was not
// synced then.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
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
  };

  /// Counts changes from here on; at the n-th the process dies: it throws, and so does all later.
  void die_at(std::int64_t n, after_crash how) {
    const std::lock_guard lock(mutex_);
    changes_ = 0;
    die_at_ = n;
    how_ = how;
  }
  /// At the n-th change alone an error is thrown.
  void fail_at(std::int64_t n) {
    const std::lock_guard lock(mutex_);
    changes_ = 0;
    fail_at_ = n;
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
    durable_.clear();
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
    change("creating", path);
    auto file = std::make_shared<content>();
    files_[std::string(path)] = file;
    return std::make_unique<output>(*this, std::string(path), std::move(file));
  }
  void rename(std::string_view from, std::string_view to) override {
    const std::lock_guard lock(mutex_);
    change("renaming", from);
    const auto found = files_.find(std::string(from));
    if (found == files_.end()) throw error("nothing to rename: " + std::string(from));
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
    files_.erase(std::string(path));
  }
  void sync_directory(std::string_view directory) override {
    const std::lock_guard lock(mutex_);
    change("syncing", directory);
    const std::string prefix = std::string(directory) + "/";
    std::erase_if(durable_, [&](const auto& one) { return one.first.starts_with(prefix); });
    for (const auto& [path, file] : files_)
      if (path.starts_with(prefix)) durable_[path] = file;
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
      const bool half =
          files_.changes_ + 1 == files_.die_at_ && files_.how_ == after_crash::last_write_in_half;
      if (half) file_->bytes += bytes.substr(0, bytes.size() / 2);
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
    if (changes_ == fail_at_)
      throw error(std::string(what) + " failed (Input/output error): \"" + std::string(path) +
                  "\"");
  }

  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<content>> files_;
  std::map<std::string, std::shared_ptr<content>> durable_;  // names that were synced
  std::set<std::string> locked_;
  bool dead_ = false;
  std::int64_t changes_ = 0;
  std::int64_t syncs_ = 0;
  std::int64_t die_at_ = -1;
  std::int64_t fail_at_ = -1;
  after_crash how_ = after_crash::all_is_there;
};

}  // namespace millrace::test
