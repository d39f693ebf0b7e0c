// The program `millrace` on a checkpoint directory.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "millrace/dead_letters.hpp"
#include "millrace/testing.hpp"

namespace millrace {
namespace {

struct sevens {
  using record_type = int;
  int next(const batch_limits&) { return ++at; }
  int partitions(int) const { return 1; }
  void read(int range, int, emit<int>& out) const { out(7 * range); }
  void resume(int last) { at = last; }
  int at = 0;
};

class Command : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/millrace_command_XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  struct result {
    int status;
    std::string printed;
  };
  static result millrace(const std::string& arguments) {
    const std::string command =
        std::string(MILLRACE_PROGRAM_DIRECTORY) + "/millrace " + arguments + " 2>&1";
    std::FILE* const pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error("popen");
    std::string text;
    char buffer[4096];
    for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) != 0;)
      text.append(buffer, n);
    const int status = ::pclose(pipe);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text};
  }
  static void expect_in(const std::string& wanted, const result& in) {
    EXPECT_NE(in.printed.find(wanted), std::string::npos) << in.printed;
  }

  void run(int batches, bool fails) const {
    testing::stream_fixture s({.name = "app",
                               .batch = std::chrono::seconds(1),
                               .checkpoint = directory_,
                               .conf = {{"streaming.onBatchFailure", "park"}}});
    s.streaming().stream(sevens{}).named("sevens").for_each_rdd(
        [fails](const rdd<int>& rows, batch_time time) {
          if (fails && time == batch_time(std::chrono::seconds(2)))
            throw std::runtime_error("the sink is down");
          rows.count();
        });
    s.advance(batches);
  }

  std::string directory_;
};

TEST_F(Command, shows_what_a_checkpoint_holds) {
  run(3, true);
  const result inspect = millrace("checkpoint inspect " + directory_);
  EXPECT_EQ(inspect.status, 0);
  expect_in("application   app\n", inspect);
  expect_in("every 1000 ms, the newest 3000 ms\n", inspect);
  expect_in("input         sevens: ranges of int32\n", inspect);
  expect_in("1 parked", inspect);
  const result plan = millrace("checkpoint plan " + directory_);
  EXPECT_EQ(plan.status, 0);
  expect_in("stays parked  2000 ms: output operation 0 (for_each_rdd of sevens)", plan);
  expect_in("then          from 4000 ms on\n", plan);
  const result verify = millrace("checkpoint verify " + directory_);
  EXPECT_EQ(verify.status, 0);
  expect_in("whole", verify);
}

TEST_F(Command, retries_parked_batches) {
  run(3, true);
  const std::string two = " " + directory_ + " 2000";
  expect_in("2000 ms  parked: ", millrace("batches list " + directory_));
  const result wrong = millrace("batches retry " + directory_ + " 3000");
  EXPECT_EQ(wrong.status, 1);
  expect_in("no batch of this time is parked: 3000 ms", wrong);
  EXPECT_EQ(millrace("batches retry" + two).status, 0);
  expect_in("2000 ms  parked, to be run again: ", millrace("batches list " + directory_));
  expect_in("runs again    2000 ms", millrace("checkpoint plan " + directory_));
  run(1, false);
  EXPECT_EQ(millrace("batches list " + directory_).printed, "");
  expect_in("the newest 4000 ms", millrace("checkpoint inspect " + directory_));
}

TEST_F(Command, says_what_is_wrong) {
  EXPECT_EQ(millrace("checkpoint inspect " + directory_).status, 1);
  expect_in("there is no checkpoint", millrace("checkpoint inspect " + directory_));
  EXPECT_NE(millrace("").status, 0);
  EXPECT_NE(millrace("checkpoint").status, 0);
  EXPECT_EQ(millrace("--help").status, 0);

  run(2, false);
  std::string newest;
  for (const auto& entry : std::filesystem::directory_iterator(directory_))
    if (entry.path().filename().string().starts_with("checkpoint-"))
      newest = std::max(newest, entry.path().string());
  std::FILE* const file = std::fopen(newest.c_str(), "r+");
  ASSERT_NE(file, nullptr);
  std::fseek(file, 50, SEEK_SET);
  std::fputc('?', file);
  std::fclose(file);
  const result verify = millrace("checkpoint verify " + directory_);
  EXPECT_EQ(verify.status, 1);
  expect_in("damaged", verify);
  expect_in(newest, verify);
}

TEST_F(Command, submit_hands_its_options_to_the_program) {
  const result ran = millrace(
      "submit --master 'local[3]' --conf a=b --conf=c=d --checkpoint here /bin/echo --conf mine -- "
      "x");
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.printed,
            "--master local[3] --checkpoint here --conf a=b --conf c=d --conf mine -- x\n");
  EXPECT_EQ(millrace("submit echo 1").printed, "1\n") << "found as a shell finds it";
  EXPECT_EQ(millrace("submit --conf a=b echo x --help").printed, "--conf a=b x --help\n");
  EXPECT_EQ(millrace("submit --conf a=b --conf c=d echo").printed, "--conf a=b --conf c=d\n");
  EXPECT_EQ(millrace("submit").status, 2);
  expect_in("PROGRAM", millrace("submit"));
  expect_in("PROGRAM", millrace("submit --help"));
  const result missing = millrace("submit ./not-there");
  EXPECT_EQ(missing.status, 1);
  expect_in("the program can't be run (No such file or directory): ./not-there", missing);
}

TEST_F(Command, submit_takes_what_spark_submit_takes) {
  EXPECT_EQ(millrace("submit --deploy-mode client --master local --executor-memory 2g --class A "
                     "echo x")
                .printed,
            "--master local x\n");
  EXPECT_EQ(millrace("submit -v --supervise -c a=b echo").printed, "--conf a=b --supervise\n");
  const result named = millrace("submit --name clicks echo x");
  EXPECT_EQ(named.status, 1);
  expect_in("their code says it: --name", named);
}

TEST_F(Command, what_it_does_not_know_it_says) {
  const result unknown = millrace("sumbit x");
  EXPECT_EQ(unknown.status, 2);
  EXPECT_EQ(unknown.printed, "millrace: there is no such command; see millrace --help: sumbit\n");
  EXPECT_EQ(millrace("help").status, 0);
  EXPECT_EQ(millrace("help").printed, millrace("--help").printed);
  EXPECT_EQ(millrace("--version").status, 0);
  expect_in("millrace 0.", millrace("--version"));
}

TEST_F(Command, dead_letters_are_listed_shown_and_replayed) {
  {
    const context sc({.master = "local[2]", .conf = {{"deadLetters.directory", directory_}}});
    sc.parallelize<std::string>({"1", "two", "thr\nee", "4"}, 2)
        .for_each([](const std::string& row) {
          if (row.size() > 1)
            reject(on_bad_record::quarantine,
                   {"numbers", "row " + row.substr(0, 1), "is none", row});
        });
    EXPECT_EQ(dead_letters(sc, directory_).count(), 2);
    EXPECT_EQ(dead_letters(sc, directory_).first().source, "numbers");
    EXPECT_EQ(dead_letters(sc, directory_ + "/none").count(), 0);
    sc.stop();
  }
  const result listed = millrace("deadletter list " + directory_);
  EXPECT_EQ(listed.status, 0);
  expect_in("numbers: 2 letters, 9 bytes", listed);
  const result shown = millrace("deadletter show " + directory_);
  expect_in("numbers, row t", shown);
  expect_in("\n  is none\n  thr\\nee\n", shown);
  const std::string to = directory_ + "/again";
  EXPECT_EQ(millrace("deadletter replay " + directory_ + " --remove --source numbers").status, 1);
  EXPECT_EQ(millrace("deadletter replay " + directory_ + " --remove --to " + to).status, 0);
  EXPECT_EQ(std::filesystem::file_size(to), 11U);
  expect_in("no dead letters", millrace("deadletter list " + directory_));
  EXPECT_EQ(millrace("deadletter list " + directory_ + "/none").status, 1);
}

}  // namespace
}  // namespace millrace
