#include "millrace/detail/engine/bad_records.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "millrace/detail/base/log.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/engine/engine.hpp"
#include "millrace/detail/engine/jobs.hpp"
#include "millrace/error.hpp"
#include "storage/dead_letter_files.hpp"

namespace millrace::detail {
namespace {

namespace fs = std::filesystem;

class BadRecords : public testing::Test {
 protected:
  BadRecords()
      : directory_(
            (fs::path(testing::TempDir()) /
             ("bad-" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name())))
                .string()) {
    fs::remove_all(directory_);
    set_log_sink(
        [](void* to, log_level, std::string_view line) {
          static_cast<std::vector<std::string>*>(to)->emplace_back(line);
        },
        &log_);
  }
  ~BadRecords() override {
    set_log_sink(nullptr, nullptr);
    fs::remove_all(directory_);
  }

  std::shared_ptr<engine> make(std::vector<settings::pair> conf = {}) {
    engine::options o;
    o.name = "bad records";
    o.threads = 2;
    o.conf = settings(conf);
    return std::make_shared<engine>(std::move(o));
  }
  std::shared_ptr<engine> keeping() { return make({{"deadLetters.directory", directory_}}); }

  std::vector<dead_letter> kept() {
    std::vector<dead_letter> all;
    for (const auto& path : dead_letter_files(local_file_system(), directory_))
      (void)read_dead_letters(local_file_system(), path,
                              [&](dead_letter&& one) { all.push_back(std::move(one)); });
    return all;
  }

  /// Each partition of a job rejects one record.
  static void job(const std::shared_ptr<engine>& core, on_bad_record policy,
                  std::int64_t batch_time = -1) {
    job_lane lane;
    const lane_scope scope(lane, batch_time);
    const node_ptr numbers = from_range(core, 0, 3, 1, 3);
    run_job({numbers, all_partitions(*numbers), "test",
             [policy](task_context&, int partition) -> task_result {
               const std::string position = "line " + std::to_string(partition);
               reject(policy, {"a source", position, "is bad", "secret bytes"});
               return {};
             }});
  }

  std::string directory_;
  std::vector<std::string> log_;
};

TEST_F(BadRecords, WhatTasksRejectIsKeptOnceWithItsBatch) {
  const auto core = keeping();
  job(core, on_bad_record::quarantine, 7000);
  job(core, on_bad_record::quarantine, 7000);  // runs again
  ASSERT_EQ(kept().size(), 3U);
  for (const dead_letter& one : kept()) {
    EXPECT_EQ(one.source, "a source");
    EXPECT_TRUE(one.position.starts_with("line "));
    EXPECT_EQ(one.reason, "is bad");
    EXPECT_EQ(one.bytes, "secret bytes");
    ASSERT_TRUE(one.batch_time);
    EXPECT_EQ(one.batch_time->time_since_epoch().count(), 7000);
  }
  core->stop();
}

TEST_F(BadRecords, FailNamesSourceReasonAndPositionButNotTheRecord) {
  const auto core = make();
  try {
    job(core, on_bad_record::fail);
    FAIL();
  } catch (const std::exception& e) {
    const std::string text = describe(e);
    EXPECT_NE(text.find("a source: is bad: line "), std::string::npos) << text;
    EXPECT_NE(text.find("12 bytes"), std::string::npos) << text;
    EXPECT_EQ(text.find("secret"), std::string::npos) << text;
  }
}

TEST_F(BadRecords, WhatIsSkippedIsAnEventEachAndLoggedMoreAndMoreRarely) {
  const auto core = make();
  std::vector<event> events;
  const auto heard = core->events().subscribe([&](const event& e) {
    if (e.what == event::kind::bad_record) events.push_back(e);
  });
  for (int i = 0; i < 3; ++i) job(core, on_bad_record::skip, 1000);
  core->events().flush();
  ASSERT_EQ(events.size(), 9U);
  EXPECT_EQ(events[8].records, 9);
  EXPECT_EQ(events[8].batch_time, 1000);
  EXPECT_EQ(events[8].description, "skip");
  EXPECT_EQ(log_.size(), 4U);  // 1, 2, 4, 8
  EXPECT_TRUE(kept().empty());
}

TEST_F(BadRecords, KeepingWithoutAPlaceIsRefused) {
  const auto core = make();
  EXPECT_THROW(core->rejected().check(on_bad_record::quarantine, "x"), usage_error);
  EXPECT_NO_THROW(core->rejected().check(on_bad_record::skip, "x"));
  core->rejected().directory(directory_);
  EXPECT_NO_THROW(core->rejected().check(on_bad_record::quarantine, "x"));
  core->rejected().reject(on_bad_record::quarantine, {"x", "", "", ""}, {});
  EXPECT_EQ(kept().size(), 1U);
}

TEST_F(BadRecords, FullIsAFailure) {
  const auto core = make({{"deadLetters.directory", directory_}, {"deadLetters.maxBytes", "200"}});
  EXPECT_THROW(job(core, on_bad_record::quarantine), error);
  EXPECT_EQ(kept().size(), 1U);
}

TEST_F(BadRecords, OutsideOfATaskRejectIsRefused) {
  EXPECT_THROW(reject(on_bad_record::skip, {"a", "b", "c", "d"}), usage_error);
}

}  // namespace
}  // namespace millrace::detail
