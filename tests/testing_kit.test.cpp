// What millrace/testing.hpp gives to users' own tests.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "millrace/testing.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using totals = std::vector<std::vector<std::pair<std::string, std::int64_t>>>;
using testing::durable_input;
using testing::durable_output;
using output = durable_output<std::pair<std::string, std::int64_t>>;
using step = output::step;

/// Running totals of words, from what outlives the program to what outlives it.
class TestingKit : public ::testing::Test {
 protected:
  testing::program_fixture program(
      std::vector<std::pair<std::string, std::string>> conf = {}) const {
    return testing::program_fixture(
        {.name = "totals", .batch = 1s, .conf = std::move(conf)},
        [words = words, written = written](streaming_context& ssc) {
          ssc.stream(words)
              .map([](const std::string& word) { return std::pair{word, std::int64_t{1}}; })
              .update_state_by_key<std::int64_t>(
                  [](std::span<const std::int64_t> ones, std::optional<std::int64_t> before) {
                    return std::optional(before.value_or(0) + std::ssize(ones));
                  })
              .write(written);
        });
  }
  durable_input<std::string> words;
  output written;
};

const totals expected{{{"a", 1}, {"b", 1}}, {{"a", 3}, {"b", 1}}, {{"a", 3}, {"b", 2}}};

TEST_F(TestingKit, a_program_that_crashes_between_batches_goes_on) {
  testing::program_fixture p(program());
  words.feed({{"a", "b"}, {"a", "a"}});
  EXPECT_FALSE(p.running());
  p.advance(2);
  EXPECT_TRUE(p.running());
  p.crash();
  EXPECT_FALSE(p.running());
  words.feed({{"b"}});
  p.advance();
  EXPECT_EQ(written.sorted(), expected);
  EXPECT_EQ(written.times(),
            (std::vector<batch_time>{batch_time(1s), batch_time(2s), batch_time(3s)}));
  p.stop();
  p.advance();
  EXPECT_EQ(written.sorted().back(), expected.back()) << "nothing was left to read";
}

TEST_F(TestingKit, a_sink_that_fails_at_any_step_is_written_once) {
  for (const step at : {step::prepare, step::commit, step::answer}) {
    words = durable_input<std::string>();
    written = output();
    testing::program_fixture p(program());
    words.feed({{"a", "b"}, {"a", "a"}, {"b"}});
    p.advance();
    written.fail(at, 1, "no room in the rack");
    try {
      p.advance();
      FAIL() << "the batch did not fail";
    } catch (const stream_error& e) {
      EXPECT_NE(std::string(e.what()).find("no room in the rack"), std::string::npos) << e.what();
    }
    EXPECT_FALSE(p.running());
    EXPECT_EQ(written.batches().size(), at == step::answer ? 2U : 1U);
    p.advance();
    EXPECT_EQ(written.sorted(), expected) << "step " << static_cast<int>(at);
  }
}

TEST_F(TestingKit, a_source_that_fails_is_read_again_by_the_task_or_by_the_next_program) {
  testing::program_fixture p(program({{"task.maxFailures", "2"}}));
  words.feed({{"a", "b"}, {"a", "a"}, {"b"}});
  words.fail_reads(1);
  p.advance();
  EXPECT_EQ(written.batches().size(), 1U);
  words.fail_reads(4);
  EXPECT_THROW(p.advance(), stream_error);
  words.fail_reads(0);
  p.advance();  // after the one that failed
  EXPECT_EQ(written.sorted(), expected);
}

TEST_F(TestingKit, an_input_without_partitions_is_refused) {
  EXPECT_THROW(durable_input<int>(0), usage_error);
}

TEST_F(TestingKit, a_month_of_stream_time) {
  testing::stream_fixture s{{.batch = 10min}};
  auto clicks = s.input<std::pair<std::string, int>>();
  auto sessions = s.collect(clicks.map_with_state<int>(
      [](const std::string& who, const int* click, state<int>& sum) -> std::optional<std::string> {
        if (sum.timing_out()) return who + " was silent for a week";
        sum.update(sum.get_or(0) + *click);
        return std::nullopt;
      },
      {.timeout = 24h * 7}));
  s.feed(clicks, {{{"ann", 1}}, {}, {{"bob", 1}}});
  s.run();
  s.advance(6 * 24 * 30);
  std::vector<std::string> told;
  for (const auto& batch : sessions.batches()) told.insert(told.end(), batch.begin(), batch.end());
  EXPECT_EQ(told,
            (std::vector<std::string>{"ann was silent for a week", "bob was silent for a week"}));
}

}  // namespace
}  // namespace millrace
