// The examples as programs of their own: what they print to topics, also when they are killed.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "shared_broker.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using namespace testing;

/// Killed with the object.
class program {
 public:
  program(const std::string& name, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), std::string(MILLRACE_PROGRAM_DIRECTORY) + "/" + name);
    std::vector<char*> words;
    for (std::string& one : arguments) words.push_back(one.data());
    words.push_back(nullptr);
    process_ = ::fork();
    if (process_ != 0) return;
    ::execv(words[0], words.data());
    ::_exit(127);
  }
  ~program() {
    if (process_ > 0) (void)end(SIGKILL);
  }
  program(const program&) = delete;
  program& operator=(const program&) = delete;

  /// What `waitpid` says of its end.
  int end(int signal) {
    ::kill(process_, signal);
    int status = -1;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    return status;
  }
  bool running() const { return ::waitpid(process_, nullptr, WNOHANG) == 0; }

 private:
  pid_t process_ = -1;
};

class KafkaPrograms : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "millrace-kafka-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory); }

  kafka_side side{shared_broker().address()};
  std::string in = new_topic_name("lines");
  std::string out = new_topic_name("counts");
  std::string directory;
};

TEST_F(KafkaPrograms, the_word_count_of_the_examples_counts_words) {
  side.create(in, 2);
  side.create(out, 1);
  side.send_values(in, {"to be or not to be"}, 1);
  program words("kafka_word_count", {shared_broker().address(), in, out});
  ASSERT_TRUE(eventually([&] { return side.read(out).size() == 4; }));
  std::map<std::string, std::string> counts;
  for (const kafka_message& m : side.read(out)) counts[*m.key] = *m.value;
  EXPECT_EQ(counts, (std::map<std::string, std::string>{
                        {"be", "2"}, {"not", "1"}, {"or", "1"}, {"to", "2"}}));
  EXPECT_EQ(words.end(SIGTERM), 0);
}

TEST_F(KafkaPrograms,
       the_clickstream_of_the_examples_counts_pages_and_puts_aside_what_is_no_click) {
  const std::string dead = new_topic_name("dead");
  side.create(in, 1);
  side.create(out, 1);
  side.create(dead, 1);
  side.send_values(in, {"ada /news 120", "what?", "grace /news 7", "ada /mail 90"});
  program clicks("kafka_clickstream", {shared_broker().address(), in, out, dead});
  ASSERT_TRUE(
      eventually([&] { return side.read(dead).size() == 1 && side.read(out).size() >= 2; }));
  EXPECT_EQ(clicks.end(SIGTERM), 0);
  std::map<std::string, std::string> first;
  for (const kafka_message& m : side.read(out)) first.emplace(*m.key, *m.value);
  EXPECT_EQ(first, (std::map<std::string, std::string>{{"/mail", "1"}, {"/news", "2"}}));
  const auto aside = side.read(dead);
  EXPECT_EQ(aside[0].value, "what?");
  EXPECT_EQ(aside[0].headers[1],
            (std::pair<std::string, std::optional<std::string>>("offset", "1")));
}

TEST_F(KafkaPrograms, dead_letters_of_the_examples_go_to_a_topic_as_they_came_and_say_why) {
  const std::string dead = new_topic_name("dead");
  side.create(in, 1);
  side.create(out, 1);
  side.create(dead, 1);
  side.send(in, {{.key = "ada", .value = "40"},
                 {.key = "ada", .value = "forty", .headers = {{"from", "a form"}}},
                 {.key = "ada", .value = "2"},
                 {.value = "99999999999999999999"},
                 {.key = "grace"}});
  program numbers("kafka_dead_letters", {shared_broker().address(), in, out, dead});
  ASSERT_TRUE(
      eventually([&] { return side.read(dead).size() == 3 && side.read(out).size() == 1; }));
  EXPECT_EQ(numbers.end(SIGTERM), 0);
  EXPECT_EQ(side.read(out)[0].key, "ada");
  EXPECT_EQ(side.read(out)[0].value, "42");
  using headers = decltype(kafka_message::headers);
  const auto aside = side.read(dead);
  EXPECT_EQ(aside[0].key, "ada");
  EXPECT_EQ(aside[0].value, "forty");
  EXPECT_EQ(aside[0].headers, (headers{{"from", "a form"},
                                       {"dead.reason", "is no number"},
                                       {"dead.topic", in},
                                       {"dead.partition", "0"},
                                       {"dead.offset", "1"}}));
  EXPECT_EQ(aside[1].key, std::nullopt);
  EXPECT_EQ(aside[1].headers[0], (headers::value_type("dead.reason", "is too large")));
  EXPECT_EQ(aside[2].value, std::nullopt);
  EXPECT_EQ(aside[2].headers[0], (headers::value_type("dead.reason", "has no value")));
}

TEST_F(KafkaPrograms, what_is_killed_and_started_again_writes_each_batch_once) {
  side.create(in, 2);
  side.create(out, 2);
  constexpr int kills = 6;
  int sent = 0;
  for (int run = 0; run <= kills; ++run) {
    program words("kafka_word_count",
                  {shared_broker().address(), in, out, "--checkpoint", directory});
    const std::size_t before = side.read(out).size();
    // Words that are there once, while the program runs: killed at another moment each time.
    const auto until = std::chrono::steady_clock::now() + 900ms + run * 137ms;
    while (std::chrono::steady_clock::now() < until || (run == 0 && side.read(out).empty())) {
      std::vector<std::string> lines;
      for (int i = 0; i < 200; ++i) lines.push_back(std::to_string(sent++));
      side.send_values(in, lines, 2);
    }
    if (run < kills) {
      (void)words.end(SIGKILL);
      continue;
    }
    ASSERT_TRUE(eventually([&] {
      return !words.running() || side.read(out).size() >= static_cast<std::size_t>(sent);
    })) << before;
    EXPECT_EQ(words.end(SIGTERM), 0);
  }
  std::map<std::string, int> times;
  for (const kafka_message& m : side.read(out)) {
    EXPECT_EQ(m.value, "1");
    ++times[*m.key];
  }
  EXPECT_EQ(times.size(), static_cast<std::size_t>(sent));  // none is lost
  for (const auto& one : times) EXPECT_EQ(one.second, 1) << one.first;
}

}  // namespace
}  // namespace millrace
