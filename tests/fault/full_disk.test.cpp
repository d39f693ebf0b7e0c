// A real disk, though a small one, that has no room for a while.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <cstring>
#include <fstream>

#include "running.hpp"

namespace millrace::fault {
namespace {

class FaultDisk : public struck_program {
 protected:
  void TearDown() override {
    end_if_left();
    if (mounted_) {
      EXPECT_EQ(::umount(root_.c_str()), 0) << std::strerror(errno);
    }
    struck_program::TearDown();
  }
  bool mount_small_disk() {
    mounted_ = ::mount("none", root_.c_str(), "tmpfs", 0, "size=48m") == 0;
    return mounted_;
  }
  /// How often the program has said that it waits.
  std::size_t waits() const {
    const std::string log = said();
    std::size_t n = 0;
    for (std::size_t at = 0; (at = log.find("waits until there is room", at)) != log.npos; ++at)
      ++n;
    return n;
  }

 private:
  bool mounted_ = false;
};

TEST_F(FaultDisk, is_full_for_a_while_and_the_program_goes_on_by_itself) {
  ASSERT_TRUE(mount_small_disk()) << std::strerror(errno);
  begin("rolled", 20'000'000, 500, 10);
  const pid_t child = start();
  ASSERT_GT(child, 0);
  for (int time = 0; time < 2; ++time) {
    const auto grows = [this] {
      const std::int64_t before = records();
      return await([&] {
        look();
        return records() > before + 2000;
      });
    };
    ASSERT_TRUE(grows()) << said();
    const std::size_t waited = waits();
    const std::string filler = fill_up(root_);
    ASSERT_TRUE(await([&] { return waits() > waited; })) << said();
    fs::remove(filler);
    ASSERT_TRUE(grows()) << said();
  }
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << status << ": " << said();
  print("full disk", 2, finish());
}

}  // namespace
}  // namespace millrace::fault
