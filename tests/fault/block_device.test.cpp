// A real file system on a block device of its own: its power fails at random moments, and it has no
// room for what the file system has promised to write.
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/mount.h>

#include <cstring>
#include <fstream>
#include <random>

#include "running.hpp"

namespace millrace::fault {
namespace {

/// Whether the command ended well; what it says goes where the test's words go.
bool run(std::vector<std::string> command) {
  std::vector<char*> arguments;
  for (std::string& one : command) arguments.push_back(one.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  int status = 0;
  return ::posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ) == 0 &&
         ::waitpid(child, &status, 0) == child && status == 0;
}

std::string bytes_of(const std::string& path) {
  std::string bytes(fs::file_size(path), '\0');
  std::ifstream in(path, std::ios::binary);
  if (!in.read(bytes.data(), static_cast<std::streamsize>(bytes.size())))
    throw std::runtime_error("can't read: " + path);
  return bytes;
}

/// The program's directory is an ext4 in the file `device()`, which is on a small file system in
/// memory. What the kernel has not written there yet is what a power cut takes.
class FaultDevice : public struck_program {
 protected:
  void TearDown() override {
    end_if_left();
    if (ext4_) unmount(root_);
    if (memory_) unmount(memory_file_system());
    fs::remove(memory_file_system());
    struck_program::TearDown();
  }

  std::string memory_file_system() const { return root_ + ".device"; }
  std::string device() const { return memory_file_system() + "/ext4"; }

  /// A device of so many MiB, for which there is room for `room` of them.
  void make_device(int size, int room) {
    ASSERT_TRUE(fs::create_directory(memory_file_system()));
    memory_ = ::mount("none", memory_file_system().c_str(), "tmpfs", 0,
                      ("size=" + std::to_string(room) + "m").c_str()) == 0;
    ASSERT_TRUE(memory_) << std::strerror(errno);
    ASSERT_TRUE(run({"truncate", "-s", std::to_string(size) + "M", device()}));
    ASSERT_TRUE(run({"mkfs.ext4", "-q", "-E", "nodiscard", device()}));
    mount_device();
  }
  void mount_device() {
    ext4_ = run({"mount", "-o", "loop", device(), root_});
    ASSERT_TRUE(ext4_);
  }
  void unmount_device() {
    ext4_ = false;
    unmount(root_);
  }

  /// The program ends as it would if the power failed now, and the device has what it had then.
  void cut_power(pid_t child) {
    int status = 0;
    ASSERT_EQ(::kill(child, SIGSTOP), 0);
    ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
    ASSERT_TRUE(WIFSTOPPED(status)) << "it ended by itself, status " << status << ": " << said();
    if (mode_ == "received") promised_ = std::max(promised_, promised());
    // The kernel may be writing all the same: two copies that agree are of one moment.
    std::string left = bytes_of(device());
    for (std::string again; (again = bytes_of(device())) != left;) left = std::move(again);
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    unmount_device();
    ASSERT_TRUE(std::ofstream(device(), std::ios::binary).write(left.data(), left.size()).flush());
    mount_device();
  }

  void lose_power_and_judge(const std::string& mode, std::int64_t a_batch, int device_size) {
    const long long cuts = from_environment("MILLRACE_FAULT_KILLS", 5);
    const long long seed = from_environment("MILLRACE_FAULT_SEED", 1);
    SCOPED_TRACE("MILLRACE_FAULT_KILLS=" + std::to_string(cuts) +
                 " MILLRACE_FAULT_SEED=" + std::to_string(seed));
    std::mt19937_64 random(static_cast<std::uint64_t>(seed));
    ASSERT_NO_FATAL_FAILURE(make_device(device_size, device_size + 8));
    begin(mode, 20'000'000, a_batch, 10);
    ASSERT_TRUE(run({"sync", "-f", root_}));
    for (long long i = 0; i < cuts && !HasFatalFailure(); ++i) {
      const pid_t child = start();
      ASSERT_GT(child, 0);
      std::this_thread::sleep_for(std::chrono::microseconds(20'000 + random() % 400'000));
      cut_power(child);
      if (!HasFatalFailure()) look();
    }
    if (HasFatalFailure()) return;
    const verdict v = finish();
    print("power cut", cuts, v);
    EXPECT_GT(v.records, 0);
    if (mode == "received") {
      EXPECT_EQ(promises_.judge(promised_).lost, 0) << said();
    }
  }

 private:
  static void unmount(const std::string& path) {
    EXPECT_EQ(::umount(path.c_str()), 0) << path << ": " << std::strerror(errno);
  }

  bool memory_ = false;
  bool ext4_ = false;
  std::int64_t promised_ = 0;
};

TEST_F(FaultDevice, loses_power_under_state_files_and_a_database) {
  lose_power_and_judge("load", 500, 96);
}
TEST_F(FaultDevice, loses_power_under_files_of_several_batches) {
  lose_power_and_judge("rolled", 500, 64);
}
TEST_F(FaultDevice, loses_power_under_the_log_of_a_receiver) {
  lose_power_and_judge("received", 100, 64);
}

// fsync says ENOSPC once and drops what it had; asked again, it says that all is well.
TEST_F(FaultDevice, fails_once_and_then_lies) {
  // With a journal: else the file system itself may be damaged by what is dropped.
  ASSERT_NO_FATAL_FAILURE(make_device(64, 40));
  begin("rolled", 20'000'000, 500, 10);
  const pid_t child = start();
  ASSERT_GT(child, 0);
  ASSERT_TRUE(await([&] {
    look();
    return records() > 2000;
  })) << said();
  const std::string filler = fill_up(memory_file_system());
  int status = 0;
  const auto ended = [&] { return ::waitpid(child, &status, WNOHANG) == child; };
  const auto waits = [&] { return said().find("waits until there is room") != std::string::npos; };
  bool gone = false;
  ASSERT_TRUE(await([&] { return (gone = ended()) || waits(); })) << said();
  fs::remove(filler);
  if (!gone) {
    const std::int64_t before = records();
    ASSERT_TRUE(await([&] {
      look();
      return (gone = ended()) || records() > before + 2000;
    })) << said();
  }
  if (!gone) {
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, &status, 0), child);
  }
  // Only what is on the device counts from here on.
  unmount_device();
  mount_device();
  print("a device without room", 1, finish());
}

}  // namespace
}  // namespace millrace::fault
