// Runs the program that is struck, and judges what its sinks have.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "records.hpp"

namespace millrace::fault {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

inline long long from_environment(const char* name, long long otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoll(text);
}

/// Leaves no room in a directory's file system; the file that takes it.
inline std::string fill_up(const std::string& directory) {
  std::string path = directory + "/filler";
  std::ofstream out(path, std::ios::binary);
  const std::string bytes(4096, 'x');
  while (out.write(bytes.data(), 4096).flush()) {
  }
  return path;
}

/// The lines of files in a directory that have not been read yet, file by file in order of names.
class new_lines {
 public:
  explicit new_lines(std::string directory) : directory_(std::move(directory)) {}

  template <class F>
  void each(F f) {
    // Files get their names in the order of those. So what comes before one that is there is there,
    // too, in a listing that begins later; of what comes behind it, one may hide another.
    const std::set<std::string> before = names();
    std::vector<std::string> fresh;
    for (const std::string& name : names())
      if (!before.empty() && name <= *before.rbegin() && !known_.contains(name))
        fresh.push_back(name);
    for (const std::string& name : fresh) {
      std::ifstream file(directory_ + "/" + name);
      for (std::string line; std::getline(file, line);) f(line);
      known_.insert(name);
    }
  }

 private:
  std::set<std::string> names() const {
    std::set<std::string> all;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      const std::string name = entry.path().filename();
      if (!name.starts_with('.') && !name.starts_with('_')) all.insert(name);
    }
    return all;
  }

  std::string directory_;
  std::set<std::string> known_;
};

/// Rows of a table that have not been read yet, in the order in which they were inserted.
class new_rows {
 public:
  explicit new_rows(std::string path) : path_(std::move(path)) {}

  void make() const {
    with([](sqlite3* db) {
      sqlite3_exec(db, "CREATE TABLE rows (producer, sequence, key, sum, seen)", nullptr, nullptr,
                   nullptr);
    });
  }
  template <class F>
  void each(F f) {
    with([&](sqlite3* db) {
      sqlite3_stmt* query = nullptr;
      ASSERT_EQ(sqlite3_prepare_v2(db,
                                   "SELECT rowid, producer, sequence, key, sum, seen FROM rows "
                                   "WHERE rowid > ? ORDER BY rowid",
                                   -1, &query, nullptr),
                SQLITE_OK)
          << sqlite3_errmsg(db);
      sqlite3_bind_int64(query, 1, last_);
      int got = 0;
      while ((got = sqlite3_step(query)) == SQLITE_ROW) {
        last_ = sqlite3_column_int64(query, 0);
        f(record{sqlite3_column_int64(query, 1), sqlite3_column_int64(query, 2),
                 sqlite3_column_int64(query, 3), sqlite3_column_int64(query, 4),
                 sqlite3_column_int64(query, 5)});
      }
      EXPECT_EQ(got, SQLITE_DONE) << sqlite3_errmsg(db);
      sqlite3_finalize(query);
    });
  }

 private:
  template <class F>
  void with(F f) const {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 20'000);
    f(db);
    sqlite3_close(db);
  }

  std::string path_;
  sqlite3_int64 last_ = 0;
};

/// Judges what a receiver's records became: those that were promised to be kept are there, and none
/// is twice.
class promise_judge {
 public:
  void line(const std::string& text) {
    record r;
    long long n[5] = {};
    if (std::sscanf(text.c_str(), "%lld %lld %lld %lld %lld", &n[0], &n[1], &n[2], &n[3], &n[4]) !=
            5 ||
        (r = {n[0], n[1], n[2], n[3], n[4]}, r.sum != sum_of(r)) || r.sequence < 0) {
      ++result_.corrupted;
      return;
    }
    ++result_.records;
    std::vector<bool>& of_life = seen_[r.producer];
    const auto at = static_cast<std::size_t>(r.sequence);
    if (of_life.size() <= at) of_life.resize(at + 1);
    if (of_life[at]) ++result_.duplicated;
    of_life[at] = true;
    // Within a life they come in their order.
    std::int64_t& last = last_[r.producer];
    if (r.sequence < last) ++result_.out_of_order;
    last = r.sequence;
  }
  verdict judge(std::int64_t promised) const {
    verdict v = result_;
    for (std::int64_t i = 0; i < promised; ++i) {
      const bool there = std::any_of(seen_.begin(), seen_.end(), [&](const auto& life) {
        const auto at = static_cast<std::size_t>(i);
        return at < life.second.size() && life.second[at];
      });
      if (!there) ++v.lost;
    }
    return v;
  }

 private:
  std::map<std::int64_t, std::vector<bool>> seen_;  // by the life that sent them
  std::map<std::int64_t, std::int64_t> last_;
  verdict result_;
};

/// A directory with the program's checkpoints and sinks, and the program's lives.
class struck_program : public ::testing::Test {
 protected:
  void SetUp() override {
    // In memory by default: what a killed process wrote is there all the same, and the suite does
    // not wait for other people's disks.
    const char* const base = std::getenv("MILLRACE_FAULT_DIRECTORY");
    const char* const usual = fs::exists("/dev/shm") ? "/dev/shm" : "/tmp";
    std::string name = std::string(base == nullptr ? usual : base) + "/millrace_faults_XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    begin("load", 0, 500, 10);
  }
  void TearDown() override {
    end_if_left();
    if (HasFailure()) return;
    fs::remove_all(root_);
    fs::remove(log_file());
  }

  /// What the program is from here on, on empty directories.
  void begin(std::string mode, std::int64_t total, std::int64_t a_batch, std::int64_t ms_a_batch) {
    for (const auto& one : fs::directory_iterator(root_)) fs::remove_all(one.path());
    fs::create_directories(root_ + "/output/files");
    mode_ = std::move(mode);
    total_ = total;
    a_batch_ = a_batch;
    ms_a_batch_ = ms_a_batch;
    files_ = new_lines(root_ + "/output/files");
    rows_ = new_rows(root_ + "/output/rows.db");
    by_files_ = oracle(total);
    by_rows_ = oracle(total);
    promises_ = {};
    lived_ = {};
    if (mode_ == "load") rows_.make();
  }

  /// `fault`: as in MILLRACE_FAULT_AT; empty: none. `more`: arguments.
  pid_t start(const std::string& fault = {}, const std::vector<std::string>& more = {}) {
    fs::remove(struck_file());
    std::vector<std::string> arguments{
        std::string(MILLRACE_PROGRAM_DIRECTORY) + "/millrace_fault_program",
        std::to_string(total_),
        std::to_string(a_batch_),
        std::to_string(ms_a_batch_),
        root_ + "/output",
        mode_,
        "--checkpoint=" + root_ + "/checkpoint"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const std::string log = log_file();
    child_ = ::fork();
    if (child_ != 0) return child_;
    if (!fault.empty()) ::setenv("MILLRACE_FAULT_AT", fault.c_str(), 1);
    ::setenv("MILLRACE_FAULT_STRUCK", struck_file().c_str(), 1);
    // What it says belongs to a failure alone.
    if (std::FILE* const to = std::freopen(log.c_str(), "a", stderr); to == nullptr) ::_exit(126);
    std::vector<char*> argv;
    for (std::string& one : arguments) argv.push_back(one.data());
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  /// Beside it, for its disk may be full.
  std::string log_file() const { return root_ + ".log"; }
  std::string struck_file() const { return root_ + "/struck"; }
  bool struck() const { return fs::exists(struck_file()); }
  std::string said() const {
    std::ifstream in(log_file());
    return {std::istreambuf_iterator<char>(in), {}};
  }

  /// A test that failed may have left it running.
  void end_if_left() const {
    int status = 0;
    if (child_ <= 0 || ::waitpid(child_, &status, WNOHANG) != 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, &status, 0);
  }
  /// Waits for its end; false: it did not end by itself in that time, and lives.
  static bool await_end(pid_t child, int& status, std::chrono::milliseconds most) {
    const auto deadline = std::chrono::steady_clock::now() + most;
    while (::waitpid(child, &status, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(2ms);
    }
    return true;
  }
  /// False: it did not come true within a minute, or the test has failed.
  template <class F>
  static bool await(F what) {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (!what() && !HasFatalFailure()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(5ms);
    }
    return !HasFatalFailure();
  }
  /// Its wait status; a program that does not end is killed.
  static int end_of(pid_t child) {
    int status = 0;
    if (await_end(child, status, 60s)) return status;
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
    return status;
  }

  /// Looks at what is new. No sink may have anything twice, damaged or out of order at any time.
  void look() {
    if (mode_ == "received") {
      files_.each([&](const std::string& line) { promises_.line(line); });
      ASSERT_TRUE(promises_.judge(0).clean()) << said();
      return;
    }
    files_.each([&](const std::string& line) { by_files_.line(line); });
    const verdict files = by_files_.so_far();
    ASSERT_TRUE(files.clean()) << files.duplicated << " " << files.corrupted << " "
                               << files.out_of_order << " in files; " << said();
    if (mode_ != "load") return;
    rows_.each([&](const record& r) { by_rows_.take(r); });
    const verdict rows = by_rows_.so_far();
    ASSERT_TRUE(rows.clean()) << rows.duplicated << " " << rows.corrupted << " "
                              << rows.out_of_order << " in the table; " << said();
  }
  std::int64_t promised() const {
    std::int64_t n = 0;
    std::ifstream in(root_ + "/output/promised", std::ios::binary);
    in.read(reinterpret_cast<char*>(&n), sizeof n);
    return n;
  }
  /// Whether all that was given has come.
  bool complete() {
    look();
    const bool files = by_files_.so_far().records == total_;
    return files && (mode_ != "load" || by_rows_.so_far().records == total_);
  }
  std::int64_t records() const {
    return mode_ == "received" ? promises_.judge(0).records : by_files_.so_far().records;
  }

  /// Lets the program run until all has come, stops it, and judges.
  verdict finish(const std::vector<std::string>& more = {}) {
    if (mode_ != "received") {
      // No more than what the program may have begun to read, and some.
      total_ = std::min(total_, by_files_.next() + 40 * a_batch_);
      by_files_.expect(total_);
      by_rows_.expect(total_);
    }
    const std::int64_t before = records();
    const pid_t child = start({}, more);
    EXPECT_GT(child, 0);
    const auto deadline = std::chrono::steady_clock::now() + 120s;
    // A receiver goes on as long as it may: what it has promised by then is read when it is
    // stopped.
    const auto enough = [&] { return mode_ == "received" ? records() > before : complete(); };
    while (!enough() && !HasFatalFailure() && std::chrono::steady_clock::now() < deadline) {
      if (mode_ == "received") look();
      std::this_thread::sleep_for(20ms);
    }
    EXPECT_EQ(::kill(child, SIGTERM), 0);
    const int status = end_of(child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status << ": " << said();
    look();
    verdict v = mode_ == "received" ? promises_.judge(promised()) : by_files_.judge();
    EXPECT_EQ(v.lost, 0) << said();
    EXPECT_TRUE(v.clean());
    if (mode_ == "load") {
      const verdict rows = by_rows_.judge();
      EXPECT_EQ(rows.lost, 0);
      EXPECT_TRUE(rows.clean());
      EXPECT_EQ(rows.records, v.records);
      v.lost += rows.lost;
    }
    return v;
  }
  void print(const char* what, long long times, const verdict& v) const {
    std::printf(
        "%s %lld, %s, %lld records%s: lost %lld, duplicated %lld, corrupted %lld, out of "
        "order %lld\n",
        what, times, mode_.c_str(), static_cast<long long>(v.records),
        mode_ == "load" ? " in files and as many in SQLite" : "", static_cast<long long>(v.lost),
        static_cast<long long>(v.duplicated), static_cast<long long>(v.corrupted),
        static_cast<long long>(v.out_of_order));
    std::fflush(stdout);
  }

  pid_t child_ = 0;
  std::string root_;
  std::string mode_;
  std::int64_t total_ = 0;
  std::int64_t a_batch_ = 0;
  std::int64_t ms_a_batch_ = 0;
  new_lines files_{""};
  new_rows rows_{""};
  oracle by_files_{0};
  oracle by_rows_{0};
  promise_judge promises_;
  std::chrono::duration<double> lived_{};  // the program, until it was killed
};

}  // namespace millrace::fault
