// What the tests of datasets share: contexts on several masters, and what their jobs did.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "millrace/context.hpp"

namespace millrace::tests {

inline const char* const masters[] = {"local[1]", "local[2]", "local[4]"};
inline std::string name_of_master(const testing::TestParamInfo<const char*>& master) {
  return "local" + std::string(1, master.param[6]);
}

using ints = std::vector<std::int64_t>;
using strings = std::vector<std::string>;
template <class A, class B>
using pairs = std::vector<std::pair<A, B>>;

/// Counts its living instances.
struct tracked {
  static inline std::atomic<int> alive{0};
  int n = 0;
  tracked() { ++alive; }
  tracked(int v) : n(v) { ++alive; }
  tracked(const tracked& other) : n(other.n) { ++alive; }
  tracked(tracked&& other) noexcept : n(other.n) { ++alive; }
  tracked& operator=(const tracked&) = default;
  tracked& operator=(tracked&&) = default;
  ~tracked() { --alive; }
  bool operator==(const tracked&) const = default;
  bool operator<(const tracked& other) const { return n < other.n; }
};

/// All events of a context, kept in order.
class event_recorder {
 public:
  explicit event_recorder(const context& sc)
      : bus_(sc.core()->events()), subscription_(bus_.subscribe([this](const detail::event& e) {
          const std::lock_guard lock(mutex_);
          events_.push_back(e);
          arrived_.notify_all();
        })) {}
  std::vector<detail::event> all() {
    bus_.flush();
    const std::lock_guard lock(mutex_);
    return events_;
  }
  int count(detail::event::kind what) {
    int n = 0;
    for (const auto& e : all()) n += e.what == what;
    return n;
  }
  /// Waits (with a deadline) for one of these.
  bool wait_for(detail::event::kind what) {
    std::unique_lock lock(mutex_);
    return arrived_.wait_for(lock, std::chrono::seconds(20), [&] {
      for (const auto& e : events_)
        if (e.what == what) return true;
      return false;
    });
  }
  void clear() {
    bus_.flush();
    const std::lock_guard lock(mutex_);
    events_.clear();
  }

 private:
  detail::event_bus& bus_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<detail::event> events_;
  detail::event_bus::subscription subscription_;
};

/// How many stages a job of `run` had.
template <class Run>
int stages_of(const context& sc, Run run) {
  event_recorder seen(sc);
  run();
  return seen.count(detail::event::kind::stage_started);
}

/// A directory of the test's own, removed after it.
class scratch_directory {
 public:
  scratch_directory() {
    std::string name = (std::filesystem::temp_directory_path() / "millrace-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    path_ = name;
  }
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  ~scratch_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string path(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }

 private:
  std::filesystem::path path_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The text of the error that `f` throws as E; empty: none.
template <class E, class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  } catch (const std::exception& e) {
    return std::string("another error: ") + e.what();
  }
  return {};
}

/// Rows by partition.
template <class T>
std::vector<std::vector<T>> by_partition(const rdd<T>& dataset) {
  const auto rows = dataset.glom().collect();
  return {rows.begin(), rows.end()};
}

/// One view a row, into text that is about to die.
inline std::vector<std::string> long_words(int n) {
  std::vector<std::string> all;
  for (int i = 0; i < n; ++i)
    all.push_back("a word that is long enough for the heap " + std::to_string(i));
  return all;
}

}  // namespace millrace::tests

template <>
struct millrace::codec<millrace::tests::tracked> {
  static void encode(const tests::tracked& t, byte_writer& out) {
    out.u32(static_cast<std::uint32_t>(t.n));
  }
  static tests::tracked decode(byte_reader& in) { return {static_cast<int>(in.u32())}; }
};
template <>
struct std::hash<millrace::tests::tracked> {
  std::size_t operator()(const millrace::tests::tracked& t) const noexcept {
    return static_cast<std::size_t>(t.n);
  }
};
