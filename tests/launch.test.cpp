// mr::launch, get_or_create and what the API page says of streaming contexts.
#include "millrace/launch.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"
#include "millrace/millrace.hpp"
#include "stream_on_manual_clock.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;

struct launched {
  int result = -1;
  std::string printed;
};

launched run(std::vector<const char*> arguments,
             const std::function<void(streaming_context&)>& build,
             streaming_context_options options = {.name = "app", .batch = 5ms, .signals = false}) {
  arguments.insert(arguments.begin(), "./app");
  ::testing::internal::CaptureStderr();
  launched l;
  l.result =
      launch(static_cast<int>(arguments.size()), arguments.data(), std::move(options), build);
  l.printed = ::testing::internal::GetCapturedStderr();
  return l;
}

void one_batch(streaming_context& ssc) {
  ssc.constant_stream(ssc.context().parallelize({1, 2})).for_each_rdd([ssc](const rdd<int>&) {
    ssc.stop();
  });
}

TEST(LaunchThreads, the_command_line_adds_to_the_options) {
  std::string master, parallelism;
  const auto l = run({"--master", "local[3]", "data", "--conf", "default.parallelism=5",
                      "--conf=spark.default.parallelism=7", "--", "--own"},
                     [&](streaming_context& ssc) {
                       parallelism = std::to_string(ssc.context().default_parallelism());
                       one_batch(ssc);
                     });
  EXPECT_EQ(l.result, 0) << l.printed;
  EXPECT_EQ(l.printed, "");
  EXPECT_EQ(parallelism, "7");
}

TEST(LaunchThreads, errors_are_printed_once) {
  const auto failed = run({}, [](streaming_context& ssc) {
    ssc.constant_stream(ssc.context().parallelize({1})).for_each_rdd([](const rdd<int>&) {
      throw std::runtime_error("out of luck");
    });
  });
  EXPECT_EQ(failed.result, 1);
  EXPECT_TRUE(failed.printed.starts_with("app: ")) << failed.printed;
  const auto at = failed.printed.find("out of luck");
  ASSERT_NE(at, std::string::npos) << failed.printed;
  EXPECT_EQ(failed.printed.find("out of luck", at + 1), std::string::npos) << failed.printed;

  const auto empty = run({}, [](streaming_context&) {});
  EXPECT_EQ(empty.result, 2);
  EXPECT_EQ(empty.printed, "app: No output operations registered, so nothing to execute\n");
}

TEST(LaunchThreads, a_command_line_that_can_not_be) {
  const auto never = [](streaming_context&) { ADD_FAILURE() << "it was built"; };
  const auto printed = [&](std::vector<const char*> arguments) {
    const auto l = run(std::move(arguments), never);
    EXPECT_EQ(l.result, 2);
    return l.printed;
  };
  EXPECT_NE(printed({"--mater", "local"}).find("--mater"), std::string::npos);
  EXPECT_NE(printed({"--master"}).find("lacks its value"), std::string::npos);
  EXPECT_NE(printed({"--conf", "x"}).find("NAME=VALUE"), std::string::npos);
  EXPECT_NE(printed({"--master", "loco"}).find("loco"), std::string::npos);
  EXPECT_NE(printed({"--conf", "spark.streaming.blokInterval=1s"}).find("streaming.blockInterval"),
            std::string::npos);
  const auto help = run({"--help"}, never);
  EXPECT_EQ(help.result, 0);
  EXPECT_NE(help.printed.find("--checkpoint"), std::string::npos);
}

TEST(LaunchThreads, a_checkpoint_directory_is_made_and_used) {
  const auto directory = std::filesystem::temp_directory_path() /
                         ("millrace_launch_" + std::to_string(::getpid())) / "state";
  const std::string name = directory.string();
  const auto l = run({"--checkpoint", name.c_str()}, one_batch);
  EXPECT_EQ(l.result, 0);
  EXPECT_EQ(l.printed, "");
  EXPECT_TRUE(std::filesystem::exists(directory / "checkpoint-0000000002"));
  EXPECT_TRUE(std::filesystem::exists(directory / "log-0000000002"));
  std::filesystem::remove_all(directory.parent_path());
  const auto refused = run({"--checkpoint", "/proc/no/such"}, one_batch);
  EXPECT_NE(refused.result, 0);
}

TEST(GetOrCreateThreads, builds_a_context_that_active_finds) {
  detail::set_log_level(detail::log_level::off);
  const auto directory =
      std::filesystem::temp_directory_path() / ("millrace_create_" + std::to_string(::getpid()));
  int built = 0;
  for (int i = 0; i < 2; ++i) {  // one after another, in one process
    const auto build = [&](streaming_context& ssc) {
      ++built;
      ssc.constant_stream(ssc.context().parallelize({1})).for_each_rdd([](const rdd<int>&) {});
    };
    const streaming_context_options options{
        .name = "app", .master = "local", .batch = 1s, .signals = false};
    const auto ssc = streaming_context::get_or_create(directory.string(), options, build);
    EXPECT_EQ(ssc.state(), streaming_state::initialized);
    ssc.start();
    EXPECT_EQ(streaming_context::active_or_create(directory.string(), options, build).core(),
              ssc.core());
    EXPECT_EQ(streaming_context::active_or_create([&]() -> streaming_context {
                ADD_FAILURE();
                return ssc;
              }).core(),
              ssc.core());
    EXPECT_THROW(ssc.checkpoint("elsewhere"), usage_error);
    ssc.stop();
  }
  EXPECT_EQ(built, 2);
  std::filesystem::remove_all(directory);
  detail::set_log_level(detail::log_level::warn);
}

}  // namespace
}  // namespace millrace
